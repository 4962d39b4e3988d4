public import Bytes
import CLinux
import Glibc

/// Datagrams that leave together: to one peer, from one address, with one ECN mark; contiguous in memory. All have
/// ``segmentSize`` bytes but the last, which may have fewer.
@safe public struct DatagramRun {
    /// The datagrams, one behind the other; good while they are sent.
    public var bytes: UnsafeRawBufferPointer
    /// Bytes of each datagram but the last.
    public var segmentSize: Int
    /// The two ECN bits of the IP header (RFC 3168).
    public var ecn: UInt8
    /// The address to send from.
    public var local: SocketAddress
    /// The peer.
    public var remote: SocketAddress

    /// Bytes of all datagrams together.
    public var byteCount: Int { unsafe bytes.count }

    @unsafe public init(
        bytes: UnsafeRawBufferPointer, segmentSize: Int, ecn: UInt8, local: SocketAddress, remote: SocketAddress
    ) {
        unsafe self.bytes = bytes
        self.segmentSize = max(1, segmentSize)
        self.ecn = ecn
        self.local = local
        self.remote = remote
    }
}

/// Sends runs of datagrams from any socket of one worker in as few calls as can be: each run is one message
/// (UDP_SEGMENT), and one `sendmmsg` takes many runs.
///
/// What the kernel refuses for good is dropped and counted, as if the network had lost it: QUIC sends it again or finds
/// a smaller size (RFC 9000 section 14). Only a full send buffer stops the sender.
@safe public final class DatagramSender {
    /// How far a sender has come in a list of runs.
    public struct Position: Equatable, Sendable {
        /// The run to go on with.
        public var run: Int
        /// Bytes of that run that are dealt with: whole datagrams.
        public var offset: Int

        public init(run: Int, offset: Int = 0) {
            self.run = run
            self.offset = offset
        }
    }

    /// Messages that one call takes at most.
    public let capacity: Int
    private let headers: UnsafeMutablePointer<portico_message>
    private let vectors: UnsafeMutablePointer<iovec>
    private let names: UnsafeMutablePointer<sockaddr_storage>
    private let controls: UnsafeMutableRawPointer
    private static let controlSize = Int(PORTICO_CONTROL_SIZE)

    /// - Parameter capacity: messages that one call takes at most; at least 64, a whole run sent one by one.
    public init(capacity: Int = 64) {
        self.capacity = max(64, capacity)
        let count = self.capacity
        unsafe headers = .allocate(capacity: count)
        unsafe vectors = .allocate(capacity: count)
        unsafe names = .allocate(capacity: count)
        unsafe controls = .allocate(byteCount: count * Self.controlSize, alignment: 16)
        unsafe controls.initializeMemory(as: UInt8.self, repeating: 0, count: count * Self.controlSize)
        unsafe names.initialize(repeating: sockaddr_storage(), count: count)
        unsafe vectors.initialize(repeating: iovec(), count: count)
        unsafe headers.initialize(repeating: portico_message(), count: count)
        for index in 0..<count {
            unsafe headers[index].header.msg_iov = vectors + index
            unsafe headers[index].header.msg_iovlen = 1
        }
    }

    deinit {
        unsafe headers.deallocate()
        unsafe vectors.deallocate()
        unsafe names.deallocate()
        unsafe controls.deallocate()
    }

    /// Sends runs from `start` up to `end`; `run` gives each of them. Returns where to go on once the socket is
    /// writable; `Position(run: end)` when everything is dealt with.
    public func send(
        on socket: DatagramSocket, from start: Position, to end: Int, _ run: (Int) -> DatagramRun
    ) -> Position {
        var position = start
        // An error that waited on the socket is told once, to the wrong message: each message gets a second chance.
        var retried = false
        while position.run < end {
            let prepared = prepare(socket, position, end, run)
            let sent = retryingInterrupts {
                unsafe portico_send_messages(socket.descriptor, headers, UInt32(prepared))
            }
            socket.counters.sendCalls &+= 1
            if sent > 0 {
                for index in 0..<min(Int(sent), prepared) { advance(&position, by: index, socket, run) }
                retried = false
                continue
            }
            let code = errno
            if code == EAGAIN {
                socket.counters.sendBlocked &+= 1
                return position
            }
            if code == ECONNREFUSED, !retried {
                retried = true
                continue
            }
            retried = false
            let current = run(position.run)
            let isSegmented = unsafe headers[0].header.msg_iov.pointee.iov_len > current.segmentSize
            if isSegmented, code == EIO || code == EINVAL || code == EMSGSIZE {
                guard sendSingly(on: socket, &position, current, code) else { return position }
            } else {
                drop(&position, current, code, socket)
            }
        }
        return position
    }

    /// Describes messages from `start` on; returns how many. A run is one message when the socket segments, else each
    /// datagram is one.
    private func prepare(
        _ socket: DatagramSocket, _ start: Position, _ end: Int, _ run: (Int) -> DatagramRun
    ) -> Int {
        var index = start.run
        var offset = start.offset
        var count = 0
        while index < end, count < capacity {
            let current = run(index)
            while offset < current.byteCount, count < capacity {
                let left = current.byteCount - offset
                let size = socket.segments ? left : min(left, current.segmentSize)
                describe(count, socket, current, offset..<offset + size)
                offset += size
                count += 1
            }
            if offset >= current.byteCount {
                index += 1
                offset = 0
            }
        }
        return count
    }

    /// Describes one message: `range` of `run`.
    private func describe(_ index: Int, _ socket: DatagramSocket, _ run: DatagramRun, _ range: Range<Int>) {
        let header = unsafe headers + index
        let base = unsafe run.bytes.baseAddress.map { unsafe UnsafeMutableRawPointer(mutating: $0 + range.lowerBound) }
        unsafe vectors[index] = iovec(iov_base: base, iov_len: range.count)
        if socket.peerAddress != nil {
            unsafe header.pointee.header.msg_name = nil
            unsafe header.pointee.header.msg_namelen = 0
        } else {
            let name = unsafe names + index
            unsafe header.pointee.header.msg_namelen = run.remote.store(to: name)
            unsafe header.pointee.header.msg_name = UnsafeMutableRawPointer(name)
        }
        let room = unsafe controls + index * Self.controlSize
        let segment = range.count > run.segmentSize ? UInt16(clamping: run.segmentSize) : 0
        let isIPv6 = run.remote.family == .ipv6 && !run.remote.isIPv4Mapped
        let size: Int
        if socket.isWildcard, !run.local.isWildcard {
            var octets = run.local.octets
            size = unsafe withUnsafePointer(to: &octets) { octets in
                unsafe octets.withMemoryRebound(to: UInt8.self, capacity: 16) {
                    unsafe portico_write_control(
                        room.assumingMemoryBound(to: UInt8.self), run.ecn & 3, isIPv6 ? 1 : 0,
                        run.local.family == .ipv6 ? AF_INET6 : AF_INET, $0, segment)
                }
            }
        } else {
            size = unsafe portico_write_control(
                room.assumingMemoryBound(to: UInt8.self), run.ecn & 3, isIPv6 ? 1 : 0, 0, nil, segment)
        }
        unsafe header.pointee.header.msg_control = size == 0 ? nil : room
        unsafe header.pointee.header.msg_controllen = size
    }

    /// Message `index` of the last call is sent.
    private func advance(
        _ position: inout Position, by index: Int, _ socket: DatagramSocket, _ run: (Int) -> DatagramRun
    ) {
        let size = unsafe vectors[index].iov_len
        let current = run(position.run)
        socket.counters.sent &+= UInt64((size + current.segmentSize - 1) / current.segmentSize)
        socket.counters.sentBytes &+= UInt64(size)
        skip(&position, size, current)
    }

    private func skip(_ position: inout Position, _ size: Int, _ run: DatagramRun) {
        position.offset += size
        if position.offset >= run.byteCount { position = Position(run: position.run + 1) }
    }

    /// Sends the rest of a run, which the kernel refused as a whole, datagram by datagram. False when the socket is full.
    ///
    /// EIO is a device that can not segment; EINVAL and EMSGSIZE may also be datagrams too large for the path. When they
    /// go one by one and did not go together, the socket stops to segment.
    private func sendSingly(
        on socket: DatagramSocket, _ position: inout Position, _ run: DatagramRun, _ code: Int32
    ) -> Bool {
        let number = position.run
        if code == EIO { socket.segments = false }
        while position.run == number {
            let size = min(run.segmentSize, run.byteCount - position.offset)
            describe(0, socket, run, position.offset..<position.offset + size)
            let sent = retryingInterrupts { unsafe portico_send_messages(socket.descriptor, headers, 1) }
            socket.counters.sendCalls &+= 1
            if sent == 1 {
                if code == EINVAL { socket.segments = false }
                socket.counters.sent &+= 1
                socket.counters.sentBytes &+= UInt64(size)
                skip(&position, size, run)
            } else if errno == EAGAIN {
                socket.counters.sendBlocked &+= 1
                return false
            } else {
                drop(&position, run, errno, socket, size)
            }
        }
        return true
    }

    /// Drops the message that stands first (`size` bytes of it, or as many as were described) and counts why.
    private func drop(
        _ position: inout Position, _ run: DatagramRun, _ code: Int32, _ socket: DatagramSocket, _ size: Int? = nil
    ) {
        let dropped = unsafe size ?? Int(vectors[0].iov_len)
        let count = UInt64((dropped + run.segmentSize - 1) / run.segmentSize)
        switch code {
        case EMSGSIZE: socket.counters.tooLarge &+= count
        case ENOBUFS, ENOMEM: socket.counters.noBuffers &+= count
        case EPERM, EACCES: socket.counters.filtered &+= count
        case ECONNREFUSED: socket.counters.refused &+= count
        default: socket.counters.unreachable &+= count
        }
        skip(&position, dropped, run)
    }
}

extension SocketAddress {
    /// Writes the address as the kernel wants it; returns its length, 0 for one that is not IP.
    func store(to storage: UnsafeMutablePointer<sockaddr_storage>) -> socklen_t {
        let room = UnsafeMutableRawPointer(storage)
        var octets = self.octets
        switch family {
        case .ipv4:
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            unsafe withUnsafeBytes(of: &octets) { from in
                address.sin_addr.s_addr = unsafe from.loadUnaligned(as: UInt32.self)
            }
            unsafe room.storeBytes(of: address, as: sockaddr_in.self)
            return socklen_t(MemoryLayout<sockaddr_in>.size)
        case .ipv6:
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_scope_id = scope
            unsafe withUnsafeBytes(of: &octets) { from in
                address.sin6_addr = unsafe from.loadUnaligned(as: in6_addr.self)
            }
            unsafe room.storeBytes(of: address, as: sockaddr_in6.self)
            return socklen_t(MemoryLayout<sockaddr_in6>.size)
        case .unix, .unspecified:
            return 0
        }
    }
}
