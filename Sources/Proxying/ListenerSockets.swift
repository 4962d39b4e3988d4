package import Bytes
package import Configuration
package import Connections
import Glibc
import QUICTransport
package import Runtime

/// The sockets of all bind lines, opened before the workers start and before privileges are given up: each worker has
/// its own for every IP address, and a duplicate of each Unix or inherited one.
package struct ListenerSockets: Sendable {
    /// One open socket of a worker.
    package struct Entry: Sendable {
        package let frontend: Int
        package let bind: Int
        package let transport: BindTransport
        package let descriptor: Int32
        /// For QUIC: other processes have sockets at the address, so its program is not the listener's to set.
        package var isShared = false
    }

    /// By worker.
    package private(set) var byWorker: [[Entry]]
    /// The UDP addresses of this process whose places are known, and those of the older processes that still serve.
    package private(set) var groups: [SteeredGroup]
    /// UDP addresses at which processes that gave nothing have sockets too: nobody knows the places there.
    package private(set) var strangeAddresses: [SocketAddress] = []

    /// Closes this process's descriptors of UDP sockets.
    package func closeQUIC() {
        for entry in byWorker.joined() where entry.transport == .quic { _ = close(entry.descriptor) }
    }

    /// The process's generation: the one that it was given, or any, since strange processes may have one too.
    let generation: Int

    /// A socket that could not be opened.
    package struct OpenError: Error, Sendable {
        /// The bind line's place, and what the system said, as `alerts` print it.
        package let description: String
    }

    /// No socket, for a process that serves nothing.
    package static let none = ListenerSockets()

    private init() {
        byWorker = []
        groups = []
        generation = 0
    }

    /// Opens every socket; collects what fails, so that the operator sees all of it in one run.
    /// - Parameters:
    ///   - taken: sockets of an older process; those that are used are taken out.
    package init(_ configuration: Configuration, workers: Int, taken: inout TakenSockets) throws(OpenError) {
        byWorker = Array(repeating: [], count: workers)
        groups = taken.quic?.groups ?? []
        generation = taken.quic?.generation ?? Int.random(in: 0..<ConnectionIDCodec.maxGenerations)
        var failures: [String] = []
        for (frontend, settings) in configuration.frontends.enumerated() {
            for (index, bind) in settings.binds.enumerated() {
                do throws(SystemError) {
                    try open(bind, settings, frontend, index, configuration.global, &taken)
                } catch {
                    failures.append(
                        "\(bind.location): Starting frontend \(settings.name): cannot bind \(bind.address) (\(error))")
                }
            }
        }
        guard failures.isEmpty else {
            for entry in byWorker.joined() { _ = close(entry.descriptor) }
            throw OpenError(description: failures.joined(separator: "\n"))
        }
    }

    private mutating func open(
        _ bind: BindSettings, _ settings: FrontendSettings, _ frontend: Int, _ index: Int, _ global: GlobalSettings,
        _ taken: inout TakenSockets
    ) throws(SystemError) {
        let traits = ListenerTraits(bind.sockets)
        let backlog = bind.backlog ?? settings.backlog ?? settings.maxconn ?? global.maxconn ?? 4096
        func add(_ worker: Int, _ descriptor: consuming OwnedDescriptor) {
            byWorker[worker].append(
                Entry(frontend: frontend, bind: index, transport: bind.transport, descriptor: descriptor.release()))
        }
        switch bind.address {
        case .ip(let address, let ports):
            for port in ports {
                if bind.transport == .quic {
                    let target = SocketAddress(address, port: port)
                    for (worker, opened) in try openQUIC(target, bind).enumerated() {
                        byWorker[worker].append(
                            Entry(
                                frontend: frontend, bind: index, transport: .quic, descriptor: opened.descriptor,
                                isShared: opened.isShared))
                    }
                    continue
                }
                // Port 0: all workers share the port that the first socket was given.
                var chosen = port
                for worker in 0..<byWorker.count {
                    let target = Socket.Target.ip(SocketAddress(address, port: chosen))
                    let socket: OwnedDescriptor
                    if let old = taken.take(target) {
                        traits.apply(to: old.number)
                        try Socket.listen(old.number, backlog: backlog)
                        socket = old
                    } else {
                        socket = try StreamListener.open(
                            target, backlog: backlog, reusesPort: true, ipv6Only: bind.isIPv6Only,
                            fastOpen: bind.fastOpen, traits: traits)
                    }
                    chosen = Socket.localAddress(socket.number).port
                    add(worker, socket)
                }
                // The older process had more workers: connections may wait at its other sockets.
                var worker = 0
                while let old = taken.take(.ip(SocketAddress(address, port: chosen))) {
                    try Socket.listen(old.number, backlog: backlog)
                    add(worker, old)
                    worker = (worker + 1) % byWorker.count
                }
            }
        case .unix(let path):
            if try share(taken.take(.unix(path: path)), backlog, add) { break }
            _ = unsafe unlink(path)
            try share(bind, .unix(path: path), backlog, add)
            try Self.permit(bind.permissions, path)
        case .abstract(let name, let isPadded):
            if try share(taken.take(.abstract(name: name, isPadded: isPadded)), backlog, add) { break }
            try share(bind, .abstract(name: name, isPadded: isPadded), backlog, add)
        case .reversed: break
        case .inherited(let number):
            let flags = fcntl(number, F_GETFL)
            guard flags >= 0, fcntl(number, F_SETFL, flags | O_NONBLOCK) >= 0 else { throw SystemError("fcntl") }
            switch bind.transport {
            case .stream:
                try Socket.listen(number, backlog: backlog)
                for worker in 0..<byWorker.count { add(worker, try duplicate(number)) }
            case .quic:
                // Workers that read from one queue would take a client's first packets apart: each has a socket of its
                // own beside the inherited one, or the first worker serves alone.
                let sockets = DatagramGroup.join(try duplicate(number), count: byWorker.count)
                for (worker, socket) in sockets.enumerated() {
                    // An older process has set the program: what it gives to the wrong one takes the channel.
                    byWorker[worker].append(
                        Entry(
                            frontend: frontend, bind: index, transport: .quic, descriptor: socket,
                            isShared: taken.quic != nil))
                }
            }
        }
    }

    /// Binds a UDP socket for each worker, behind those that others have at the address.
    private mutating func openQUIC(
        _ address: SocketAddress, _ bind: BindSettings
    ) throws(SystemError) -> [(descriptor: Int32, isShared: Bool)] {
        let only = address.family == .ipv6 ? bind.isIPv6Only : nil
        // Without SO_REUSEPORT a socket finds out whether there are others: of an older process that gave them, of a
        // line before this one, or of somebody else.
        let isFree =
            address.port == 0 || (try? DatagramSocket.bind(to: address, reusesPort: false, ipv6Only: only)) != nil
        let opened = try DatagramGroup.open(address, workers: byWorker.count, ipv6Only: only)
        guard let first = opened.first, var group = SteeredGroup(of: first) else { return [] }
        let known = groups.firstIndex { $0.isSame(as: group) }
        // A socket on all addresses of the port is in the way too.
        guard isFree || groups.contains(where: { $0.address.port == group.address.port }) else {
            if !strangeAddresses.contains(group.address) { strangeAddresses.append(group.address) }
            return opened.map { ($0, true) }
        }
        let isShared = known.map { groups[$0].places.contains { $0.generation != generation } } ?? false
        if let known { group = groups.remove(at: known) }
        for worker in opened.indices { group.append(.init(generation: generation, worker: worker)) }
        groups.append(group)
        return opened.map { ($0, isShared) }
    }

    private func share(
        _ bind: BindSettings, _ target: Socket.Target, _ backlog: Int, _ add: (Int, consuming OwnedDescriptor) -> Void
    ) throws(SystemError) {
        let socket = try StreamListener.open(
            target, backlog: backlog, reusesPort: false, ipv6Only: nil, fastOpen: false)
        for worker in 0..<byWorker.count { add(worker, try duplicate(socket.number)) }
    }

    /// Gives every worker a duplicate of a socket of an older process. False: there is none.
    private func share(
        _ taken: consuming OwnedDescriptor?, _ backlog: Int, _ add: (Int, consuming OwnedDescriptor) -> Void
    ) throws(SystemError) -> Bool {
        guard let socket = taken.take() else { return false }
        try Socket.listen(socket.number, backlog: backlog)
        for worker in 0..<byWorker.count { add(worker, try duplicate(socket.number)) }
        return true
    }

    private func duplicate(_ number: Int32) throws(SystemError) -> OwnedDescriptor {
        let copy = fcntl(number, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw SystemError("dup") }
        return OwnedDescriptor(adopting: copy)
    }

    /// Gives a Unix socket's file its owner and permissions.
    package static func permit(_ permissions: SocketPermissions, _ path: String) throws(SystemError) {
        let user = Principal.userID(permissions.user)
        let group = Principal.groupID(permissions.group)
        if user != nil || group != nil {
            guard unsafe chown(path, user ?? .max, group ?? .max) == 0 else { throw SystemError("chown") }
        }
        if let mode = permissions.mode {
            guard unsafe chmod(path, mode) == 0 else { throw SystemError("chmod") }
        }
    }
}

/// Looks up users and groups of the system, at start.
package enum Principal {
    /// The number of a user; nil when none is named or it does not exist.
    package static func userID(_ name: PrincipalName?) -> UInt32? {
        switch name {
        case nil: nil
        case .id(let number): number
        case .name(let text): unsafe getpwnam(text).map { unsafe $0.pointee.pw_uid }
        }
    }

    /// The number of a group; nil when none is named or it does not exist.
    package static func groupID(_ name: PrincipalName?) -> UInt32? {
        switch name {
        case nil: nil
        case .id(let number): number
        case .name(let text): unsafe getgrnam(text).map { unsafe $0.pointee.gr_gid }
        }
    }
}
