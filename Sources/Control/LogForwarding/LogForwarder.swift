import Bytes
import CLinux
package import Configuration
import Connections
import Glibc
package import Proxying
import Runtime
import Samples
import Streams

/// The sockets of `log-forward` sections: opened before privileges are given up.
package final class LogForwardSockets: Sendable {
    /// One open socket.
    struct Opened: Sendable {
        let descriptor: Int32
        let isStream: Bool
        /// The section's place in the configuration.
        let section: Int
    }

    let opened: [Opened]

    /// A socket that could not be opened.
    package struct OpenError: Error, CustomStringConvertible {
        package let description: String
    }

    /// Opens all sockets.
    package init(_ configuration: Configuration) throws(OpenError) {
        var opened: [Opened] = []
        for (section, forward) in configuration.logForwards.enumerated() {
            for address in forward.streams {
                opened += try Self.open(address, isStream: true, forward, section)
            }
            for address in forward.datagrams {
                opened += try Self.open(address, isStream: false, forward, section)
            }
        }
        self.opened = opened
    }

    private static func open(
        _ address: BindAddress, isStream: Bool, _ forward: LogForwardSettings, _ section: Int
    ) throws(OpenError) -> [Opened] {
        var opened: [Opened] = []
        do throws(SystemError) {
            for target in Self.targets(address) {
                let backlog = forward.backlog ?? max(forward.maxconn, 1)
                let descriptor: Int32
                if case .inherited(let number) = address {
                    let flags = fcntl(number, F_GETFL)
                    guard flags >= 0, fcntl(number, F_SETFL, flags | O_NONBLOCK) >= 0 else {
                        throw SystemError("fcntl")
                    }
                    descriptor = number
                    if isStream { try Socket.listen(number, backlog: backlog) }
                } else if isStream {
                    if case .unix(let path) = target { _ = unsafe unlink(path) }
                    descriptor = try StreamListener.open(
                        target, backlog: backlog, reusesPort: false, ipv6Only: nil, fastOpen: false
                    ).release()
                } else {
                    if case .unix(let path) = target { _ = unsafe unlink(path) }
                    let socket = try Socket.datagram(for: target)
                    Socket.setReusable(socket.number, address: true, port: false)
                    try Socket.bind(socket.number, to: target)
                    descriptor = socket.release()
                }
                opened.append(Opened(descriptor: descriptor, isStream: isStream, section: section))
            }
        } catch {
            throw OpenError(
                description: "Starting log-forward \(forward.name): cannot bind socket (\(error)) for [\(address)]")
        }
        return opened
    }

    private static func targets(_ address: BindAddress) -> [Socket.Target] {
        switch address {
        case .ip(let ip, let ports): ports.map { .ip(SocketAddress(ip, port: $0)) }
        case .unix(let path): [.unix(path: path)]
        case .abstract(let name, let isPadded): [.abstract(name: name, isPadded: isPadded)]
        // The target is not looked at.
        case .inherited: [.unix(path: "")]
        case .reversed: []
        }
    }
}

/// Takes syslog lines for `log-forward` sections and sends them on. It has a thread of its own: workers are not held up by
/// senders that send much.
package final class LogForwarder: Sendable {
    private let blueprint: Blueprint
    private let sockets: [LogForwardSockets.Opened]
    private let report: @Sendable (String) -> Void

    private init(
        _ blueprint: Blueprint, _ sockets: [LogForwardSockets.Opened], report: @escaping @Sendable (String) -> Void
    ) {
        self.blueprint = blueprint
        self.sockets = sockets
        self.report = report
    }

    /// Starts the thread if there is a section.
    ///
    /// - Parameter report: takes what goes wrong, for the operator.
    package static func start(
        _ blueprint: Blueprint, _ sockets: LogForwardSockets, report: @escaping @Sendable (String) -> Void
    ) {
        let opened = sockets.opened
        guard !opened.isEmpty else { return }
        let forwarder = LogForwarder(blueprint, opened, report: report)
        do throws(SystemError) {
            try SystemThread.detach { forwarder.run() }
        } catch { report("log-forward: cannot start a thread: \(error)") }
    }

    private func run() {
        let intake = LogIntake(blueprint, sockets, report: report)
        while intake.turn() {}
    }
}

/// The work of the thread: its sockets, connections and senders.
private final class LogIntake {
    /// A section, and the ways to its targets.
    private struct Section {
        let settings: LogForwardSettings
        var routes: [LogRoute] = []
        var connections = 0
    }

    private struct Connection {
        let descriptor: Int32
        let section: Int
        let peer: SocketAddress
        var stream: SyslogStream
        /// Milliseconds of the monotonic clock.
        var lastHeard: Int
    }

    private let sockets: [LogForwardSockets.Opened]
    private let senders: LogSenders
    private let evaluation: Evaluation
    private var sections: [Section]
    private var connections: [Connection] = []
    private var buffer: [UInt8]

    init(
        _ blueprint: Blueprint, _ sockets: [LogForwardSockets.Opened], report: @escaping @Sendable (String) -> Void
    ) {
        self.sockets = sockets
        let configuration = blueprint.configuration
        let size = configuration.global.tune.bufsize
        buffer = [UInt8](repeating: 0, count: size)
        let senders = LogSenders(blueprint)
        self.senders = senders
        evaluation = Evaluation(
            WorkerResources(), textLimit: size, processVariables: blueprint.processVariables,
            seed: SystemClock.wall())
        sections = configuration.logForwards.map { settings in
            var section = Section(settings: settings)
            for target in settings.logs {
                do throws(SystemError) { section.routes.append(try senders.route(to: target)) } catch {
                    report("log-forward '\(settings.name)': log target \(target.destination): \(error)")
                }
            }
            return section
        }
    }

    /// Waits for something to do, and does it. False: waiting has failed for good.
    func turn() -> Bool {
        var pollers = sockets.map { socket in
            let isFull = socket.isStream && isFull(sections[socket.section])
            return pollfd(fd: isFull ? -1 : socket.descriptor, events: Int16(POLLIN), revents: 0)
        }
        pollers += connections.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        let count = unsafe poll(&pollers, nfds_t(pollers.count), timeout())
        guard count >= 0 || errno == EINTR else { return false }
        let now = Self.now()
        var ended: [Int] = []
        for index in connections.indices {
            let isReady = count > 0 && pollers[sockets.count + index].revents != 0
            if isReady ? !read(index, now) : isSilent(index, now) { ended.append(index) }
        }
        for index in ended.reversed() { drop(index) }
        if count > 0 {
            for (index, socket) in sockets.enumerated() where pollers[index].revents != 0 {
                if socket.isStream { accept(socket, now) } else { receive(socket) }
            }
        }
        senders.send()
        return true
    }

    private func isFull(_ section: Section) -> Bool {
        section.settings.maxconn > 0 && section.connections >= section.settings.maxconn
    }

    private static func now() -> Int { Int(SystemClock.now().nanoseconds(since: .zero) / 1_000_000) }

    // MARK: Connections

    /// Milliseconds until the first connection has been silent for too long; -1: never.
    private func timeout() -> Int32 {
        let now = Self.now()
        let ends = connections.compactMap { connection in
            sections[connection.section].settings.clientTimeout.map { connection.lastHeard + $0 }
        }
        guard let first = ends.min() else { return -1 }
        return Int32(clamping: max(0, first - now + 1))
    }

    private func isSilent(_ index: Int, _ now: Int) -> Bool {
        let connection = connections[index]
        guard let limit = sections[connection.section].settings.clientTimeout else { return false }
        return now - connection.lastHeard >= limit
    }

    private func drop(_ index: Int) {
        let connection = connections.remove(at: index)
        sections[connection.section].connections -= 1
        close(connection.descriptor)
    }

    private func accept(_ socket: LogForwardSockets.Opened, _ now: Int) {
        while !isFull(sections[socket.section]) {
            guard let (descriptor, peer) = try? Socket.accept(socket.descriptor) else { return }
            let settings = sections[socket.section].settings
            sections[socket.section].connections += 1
            connections.append(
                Connection(
                    descriptor: descriptor, section: socket.section, peer: peer,
                    stream: SyslogStream(assumesLineFeeds: settings.assumesLineFeeds, limit: buffer.count),
                    lastHeard: now))
        }
    }

    /// Takes what a connection has brought. False: it has ended, or is to end.
    private func read(_ index: Int, _ now: Int) -> Bool {
        let count = unsafe recv(connections[index].descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count < 0 { return errno == EAGAIN || errno == EINTR }
        guard count > 0 else { return false }
        connections[index].lastHeard = now
        connections[index].stream.append(buffer[..<count])
        while true {
            switch connections[index].stream.next() {
            case .line(let bytes): forward(bytes, from: connections[index].peer, connections[index].section)
            case .incomplete: return true
            case .malformed: return false
            }
        }
    }

    // MARK: Datagrams

    /// Datagrams that are taken before connections have their turn.
    private static let datagramLimit = 64

    private func receive(_ socket: LogForwardSockets.Opened) {
        for _ in 0..<Self.datagramLimit {
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let count = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe recvfrom(socket.descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT), $0, &length)
                }
            }
            guard count >= 0 else { return }
            forward(Array(buffer[..<count]), from: SocketAddress(storage, length: length), socket.section)
        }
    }

    // MARK: Lines

    private func forward(_ bytes: [UInt8], from peer: SocketAddress, _ section: Int) {
        receivedLogLines.add(1)
        let settings = sections[section].settings
        var line = ForwardedLine(bytes, isRaw: !settings.parsesLines)
        if settings.parsesLines { setHost(of: &line, peer, settings.hostPolicy) }
        let wall = SystemClock.wall()
        let message = Array(line.message)
        for route in sections[section].routes {
            if let level = line.level, level > route.target.level.rawValue { continue }
            guard route.target.sampling?.takesNext() != false else { continue }
            route.sender(for: message.span, evaluation)?.add(line, wall: wall)
            evaluation.scratch.release()
        }
    }

    private func setHost(of line: inout ForwardedLine, _ peer: SocketAddress, _ policy: LogForwardSettings.HostPolicy) {
        guard peer.isIP else { return }
        let address = Array(peer.host.utf8)
        switch policy {
        case .keep: break
        case .replace: line.setHost(address)
        case .fill: if line.host.isEmpty { line.setHost(address) }
        case .append: line.setHost(line.host.isEmpty ? address : Array(line.host) + [UInt8(ascii: ",")] + address)
        }
    }
}
