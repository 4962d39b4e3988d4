public import Bytes
public import QUICTransport
public import Runtime

/// The sockets of one UDP address in the kernel's order, of this process and of older ones that still serve, and the
/// program that gives each datagram to the right one.
///
/// The kernel appends a socket when it is bound and puts the last one into the place of one that closes. A socket closes
/// with its last descriptor, so the newest process keeps duplicates of the others' and knows every place.
public struct SteeredGroup: Sendable {
    /// A socket.
    public struct Place: Equatable, Sendable {
        /// The process and the worker that read from it.
        public let generation: Int
        public let worker: Int
        /// A duplicate, held to keep the place; -1 for the own sockets, which their workers have.
        public var descriptor: Int32
        /// Nobody reads from it any more: it closes when the newest process comes to it.
        public var isEnded = false

        public init(generation: Int, worker: Int, descriptor: Int32 = -1) {
            self.generation = generation
            self.worker = worker
            self.descriptor = descriptor
        }
    }

    public let address: SocketAddress
    /// Two groups may have an IPv6 address that differ in this (IPV6_V6ONLY).
    public let isIPv6Only: Bool
    /// By their index in the kernel's group.
    public private(set) var places: [Place]

    public init(address: SocketAddress, isIPv6Only: Bool, places: [Place] = []) {
        self.address = address
        self.isIPv6Only = isIPv6Only
        self.places = places
    }

    /// The group that a bound socket belongs to, without places; nil when it is no IP socket.
    public init?(of descriptor: Int32) {
        let address = Socket.localAddress(descriptor)
        guard address.isIP else { return nil }
        self.init(address: address, isIPv6Only: address.family == .ipv6 && Socket.isIPv6Only(descriptor))
    }

    public func isSame(as other: SteeredGroup) -> Bool {
        address == other.address && isIPv6Only == other.isIPv6Only
    }

    /// A socket has been bound behind the others.
    public mutating func append(_ place: Place) { places.append(place) }

    /// Gives the place at `index` its descriptor.
    public mutating func keep(_ descriptor: Int32, at index: Int) { places[index].descriptor = descriptor }

    /// The socket at `index` closes: the kernel puts the last one there.
    @discardableResult
    public mutating func remove(at index: Int) -> Place {
        let removed = places[index]
        let last = places.removeLast()
        if index < places.count { places[index] = last }
        return removed
    }

    /// The sockets of a process, or of one of its workers, are read by nobody any more.
    public mutating func end(_ generation: Int, worker: Int? = nil) {
        for index in places.indices where places[index].generation == generation {
            if worker == nil || places[index].worker == worker { places[index].isEnded = true }
        }
    }

    /// The place that is to close next: from the last to the first, which keeps the others in stretches. Nil: none is.
    public var nextToClose: Int? { places.lastIndex(where: \.isEnded) }

    /// The sockets that are read, in stretches in which worker follows worker.
    public var ranges: [ConnectionIDCodec.SocketRange] {
        var ranges: [ConnectionIDCodec.SocketRange] = []
        for (index, place) in places.enumerated() where !place.isEnded {
            if let last = ranges.last, last.generation == place.generation,
                last.firstWorker + last.workers == place.worker, last.firstSocket + last.workers == index
            {
                ranges[ranges.count - 1].workers += 1
            } else {
                ranges.append(
                    .init(
                        generation: place.generation, firstSocket: index, workers: 1, firstWorker: place.worker))
            }
        }
        return ranges
    }

    /// The workers of a process that have a socket here.
    public func workers(of generation: Int) -> Int {
        places.reduce(0) { $1.generation == generation && !$1.isEnded ? max($0, $1.worker + 1) : $0 }
    }

    /// The program for the places of now.
    ///
    /// - Parameters:
    ///   - newest: of the generations here, the one that takes new connections.
    ///   - isClosed: nothing is left to the kernel's choice, since another process is about to bind sockets here.
    public func program(_ codec: ConnectionIDCodec, newest: Int?, isClosed: Bool = false) -> [FilterInstruction] {
        let isAlone = !isClosed && places.allSatisfy { $0.generation == newest && !$0.isEnded }
        guard let newest, !isAlone else { return codec.steeringFilter(ranges) }
        return codec.steeringFilter(
            ranges, newcomers: .init(generation: newest, workers: workers(of: newest)))
    }

    /// Gives the kernel a program for the group, by one of its sockets.
    public static func attach(_ program: [FilterInstruction], by descriptor: Int32) throws(SystemError) {
        try DatagramGroup.steer(
            descriptor,
            by: program.map {
                .init(code: $0.code, jumpTrue: $0.jumpTrue, jumpFalse: $0.jumpFalse, operand: $0.operand)
            })
    }
}
