import Bytes
import CLinux
package import Configuration
import Glibc
import Proxying
import Runtime
import Samples
import Synchronization

/// Sends the lines of a ring to one of its servers over TCP (configuration.txt section 12.5). It has a thread of its own,
/// which may wait: a server that is slow or away holds up neither workers nor other rings. What the ring drops in the
/// meantime is lost.
package final class RingForwarder: Sendable {
    private let ring: RingSettings
    private let server: RingServer
    private let memory: EventRing
    private let configuration: Configuration
    private let report: @Sendable (String) -> Void

    /// Milliseconds before the next try when the server can not be reached.
    private static let pause = 1000
    /// Bytes of events that are sent at once.
    private static let batch = 64 * 1024

    private init(
        _ ring: RingSettings, _ server: RingServer, _ memory: EventRing, _ configuration: Configuration,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.ring = ring
        self.server = server
        self.memory = memory
        self.configuration = configuration
        self.report = report
    }

    /// Starts a thread for each server of each ring.
    ///
    /// - Parameter report: takes what goes wrong, for the operator.
    package static func start(_ configuration: Configuration, report: @escaping @Sendable (String) -> Void) {
        for ring in configuration.rings {
            guard let memory = ring.sink?.ring else { continue }
            for server in ring.servers {
                RingForwarder(ring, server, memory, configuration, report: report).start()
            }
        }
    }

    private func start() {
        do throws(SystemError) {
            try SystemThread.detach { [self] in run() }
        } catch { report("ring '\(ring.name)': cannot start a thread: \(error)") }
    }

    // MARK: On the thread

    private func run() {
        let alarm = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard alarm >= 0 else { return report("ring '\(ring.name)': \(SystemError("eventfd"))") }
        var next: UInt64 = 0
        var isAway = false
        while true {
            if memory.range.upperBound <= next { wait(for: next, alarm, -1) }
            if !sendOverConnection(from: &next, alarm, wasAway: isAway) {
                isAway = true
                _ = poll(nil, 0, Int32(Self.pause))
            } else {
                isAway = false
            }
        }
    }

    /// One connection to the server, from its beginning to its end. False: there was none.
    ///
    /// The compiler does not come to an end when it optimises this as a part of the loop above.
    @inline(never)
    private func sendOverConnection(from next: inout UInt64, _ alarm: Int32, wasAway: Bool) -> Bool {
        do throws(SystemError) {
            let descriptor = try connect()
            if wasAway { report("ring '\(ring.name)': server '\(server.settings.name)' is there again") }
            send(descriptor.number, from: &next, alarm)
            return true
        } catch {
            if !wasAway { report("ring '\(ring.name)': server '\(server.settings.name)': \(error)") }
            return false
        }
    }

    /// Waits until there is an event of that number, or until the server closes the connection. True: it did.
    @discardableResult
    private func wait(for number: UInt64, _ alarm: Int32, _ descriptor: Int32) -> Bool {
        let ticket = memory.whenWritten(number) {
            var one: UInt64 = 1
            _ = unsafe write(alarm, &one, 8)
        }
        defer {
            memory.forget(ticket)
            var count: UInt64 = 0
            _ = unsafe read(alarm, &count, 8)
        }
        while memory.range.upperBound <= number {
            var pollers = [
                pollfd(fd: alarm, events: Int16(POLLIN), revents: 0),
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            ]
            guard unsafe poll(&pollers, 2, -1) > 0 else { continue }
            if pollers[1].revents != 0, isClosed(descriptor) { return true }
        }
        return false
    }

    /// Whether the server has closed the connection; what it says is dropped.
    private func isClosed(_ descriptor: Int32) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = unsafe recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return count == 0 || count < 0 && errno != EAGAIN && errno != EINTR
    }

    private func connect() throws(SystemError) -> OwnedDescriptor {
        let target = try address()
        let descriptor = try Socket.stream(for: target)
        if try !Socket.connect(descriptor.number, to: target) {
            let limit = ring.timeouts.connect ?? 5000
            guard wait(descriptor.number, POLLOUT, limit) else { throw SystemError("connect", ETIMEDOUT) }
            let failure = Socket.pendingError(descriptor.number)
            if failure != 0 { throw SystemError("connect", failure) }
        }
        return descriptor
    }

    private func address() throws(SystemError) -> Socket.Target {
        switch server.settings.address {
        case .unix(let path): return .unix(path: path)
        case .abstract(let name, let isPadded): return .abstract(name: name, isPadded: isPadded)
        case .reversed: throw SystemError("connect", EAFNOSUPPORT)
        case .host(let host, let port):
            var number: UInt16 = 514
            if case .fixed(let fixed) = port { number = fixed }
            switch host {
            case .ip(let address): return .ip(SocketAddress(address, port: number))
            case .name(let name, let family):
                let isIPv4 = family.map { $0 == .ipv4 }
                guard let found = HostNames.firstAddress(of: name, isIPv4: isIPv4, port: number) else {
                    throw SystemError("getaddrinfo", ENOENT)
                }
                return .ip(found)
            }
        }
    }

    /// Sends events as they come, until the connection ends.
    private func send(_ descriptor: Int32, from next: inout UInt64, _ alarm: Int32) {
        var text = EventText(ring, configuration, hostname: configuration.logHostname)
        while true {
            let events = memory.events(from: next, limit: Self.batch)
            guard let last = events.last else {
                if wait(for: next, alarm, descriptor) { return }
                continue
            }
            var bytes: [UInt8] = []
            for event in events {
                let line = text.bytes(event)
                switch server.framing {
                case .legacy: bytes += line + [0x0a]
                case .octetCount: bytes += Array("\(line.count) ".utf8) + line
                }
            }
            guard send(bytes, descriptor) else { return }
            next = last.number + 1
        }
    }

    /// Sends all of `bytes`. False: the connection has failed, or takes nothing for longer than `timeout server`.
    private func send(_ bytes: [UInt8], _ descriptor: Int32) -> Bool {
        var start = 0
        while start < bytes.count {
            switch Socket.send(descriptor, bytes, from: start) {
            case .bytes(let count): start += count
            case .wouldBlock: if !wait(descriptor, POLLOUT, ring.timeouts.server ?? 30_000) { return false }
            case .end, .failed: return false
            }
        }
        return true
    }

    private func wait(_ descriptor: Int32, _ events: Int32, _ milliseconds: Int) -> Bool {
        var poller = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        return retryingInterrupts { unsafe poll(&poller, 1, Int32(clamping: milliseconds)) } > 0
    }
}
