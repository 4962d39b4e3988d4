import Bytes
import CLinux
import Configuration
import Glibc
import Proxying
import Runtime
import Synchronization

/// Lines that could not be sent because a log target was full or away, over all workers: HAProxy's `DroppedLogs`.
package let droppedLogLines = DroppedLines()

/// A count that all workers raise.
package final class DroppedLines: Sendable {
    private let lines = Atomic<UInt64>(0)
    /// Lines dropped since the start.
    package var count: UInt64 { lines.load(ordering: .relaxed) }
    func add(_ dropped: Int) { lines.wrappingAdd(UInt64(dropped), ordering: .relaxed) }
}

/// One worker's way to one log target. Lines are gathered in a turn and sent at its end; what the target does not take
/// at once is dropped and counted, so a worker never waits for a log.
final class LogSender {
    let target: LogTarget
    private let descriptor: OwnedDescriptor
    private let isStream: Bool
    private let address: Socket.Target?
    private let tag: String
    private let hostname: String
    private var buffer = LogText()
    private var ends: [Int] = []
    private var date = LogDate()

    /// - Parameters:
    ///   - tag: the program's name in the line: `log-tag`.
    ///   - hostname: the name in RFC 3164 and 5424 lines.
    init(_ target: LogTarget, tag: String, hostname: String) throws(SystemError) {
        self.target = target
        self.tag = tag
        self.hostname = hostname
        switch target.destination {
        case .fd(let number):
            let copy = fcntl(number, F_DUPFD_CLOEXEC, 3)
            guard copy >= 0 else { throw SystemError("dup") }
            descriptor = OwnedDescriptor(adopting: copy)
            isStream = true
            address = nil
        case .unix(let path):
            address = .unix(path: path)
            descriptor = try Socket.datagram(for: .unix(path: path))
            isStream = false
        case .udp(let host, let port):
            let address: SocketAddress?
            switch host {
            case .ip(let ip): address = SocketAddress(ip, port: port)
            case .name(let name, let family):
                address = HostNames.firstAddress(of: name, isIPv4: family.map { $0 == .ipv4 }, port: port)
            }
            guard let address else { throw SystemError("getaddrinfo", ENOENT) }
            self.address = .ip(address)
            descriptor = try Socket.datagram(for: .ip(address))
            isStream = false
        }
    }

    /// Adds a line: its text goes behind the header that the target's format asks for.
    func add(_ text: LogText, level: LogLevel, wall: UInt64) {
        guard level <= target.level else { return }
        if buffer.count > 256 * 1024 { send() }
        let start = buffer.count
        appendHeader(level < target.minLevel ? target.minLevel : level, wall)
        let room = max(0, target.maxLength - (buffer.count - start) - 1)
        buffer.append(Array(text.bytes.prefix(room)))
        buffer.append("\n")
        ends.append(buffer.count)
    }

    private func appendHeader(_ level: LogLevel, _ wall: UInt64) {
        func priority() {
            buffer.append("<")
            buffer.append(target.facility.code * 8 + level.rawValue)
            buffer.append(">")
        }
        switch target.framing {
        case .raw: break
        case .short:
            buffer.append("<")
            buffer.append(level.rawValue)
            buffer.append(">")
        case .timed:
            buffer.append("<")
            buffer.append(level.rawValue)
            buffer.append(">")
            date.appendISO(wall, to: &buffer)
            buffer.append(" ")
        case .iso:
            date.appendISO(wall, to: &buffer)
            buffer.append(" ")
        case .priority: priority()
        case .local, .rfc3164:
            priority()
            date.appendSyslog(wall, to: &buffer)
            buffer.append(" ")
            if target.framing == .rfc3164 {
                buffer.append(hostname)
                buffer.append(" ")
            }
            buffer.append(tag)
            buffer.append("[")
            buffer.append(Int(getpid()))
            buffer.append("]: ")
        case .rfc5424:
            priority()
            buffer.append("1 ")
            date.appendISO(wall, to: &buffer)
            buffer.append(" ")
            buffer.append(hostname)
            buffer.append(" ")
            buffer.append(tag)
            buffer.append(" ")
            buffer.append(Int(getpid()))
            buffer.append(" - - ")
        }
    }

    /// Sends what was gathered.
    func send() {
        guard !ends.isEmpty else { return }
        defer {
            buffer.clear()
            ends.removeAll(keepingCapacity: true)
        }
        unsafe buffer.bytes.withUnsafeBytes { bytes in
            if isStream { unsafe writeLines(bytes) } else { unsafe sendLines(bytes) }
        }
    }

    /// A pipe or terminal takes up to PIPE_BUF bytes without blocking when poll says so; a descriptor that other
    /// processes share must not be made non-blocking.
    private func writeLines(_ bytes: UnsafeRawBufferPointer) {
        var start = 0
        var line = 0
        while line < ends.count {
            var last = line
            while last + 1 < ends.count, ends[last + 1] - start <= Int(PIPE_BUF) { last += 1 }
            var poller = pollfd(fd: descriptor.number, events: Int16(POLLOUT), revents: 0)
            guard unsafe poll(&poller, 1, 0) == 1, poller.revents & Int16(POLLOUT) != 0 else {
                return droppedLogLines.add(ends.count - line)
            }
            let count = ends[last] - start
            let written = retryingInterrupts { unsafe write(descriptor.number, bytes.baseAddress! + start, count) }
            if written < count { droppedLogLines.add(last - line + 1) }
            start = ends[last]
            line = last + 1
        }
    }

    private func sendLines(_ bytes: UnsafeRawBufferPointer) {
        guard let address else { return }
        var start = 0
        for (index, end) in ends.enumerated() {
            // A datagram needs no newline.
            let line = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<end - 1])
            if unsafe !Socket.send(descriptor.number, line, to: address) {
                return droppedLogLines.add(ends.count - index)
            }
            start = end
        }
    }
}
