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
    private let hostname: String
    private var buffer = LogText()
    private var ends: [Int] = []
    private var date = LogDate()

    /// - Parameters:
    ///   - hostname: the name in RFC 3164 and 5424 lines.
    init(_ target: LogTarget, hostname: String) throws(SystemError) {
        self.target = target
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
    ///
    /// - Parameters:
    ///   - data: the structured data of an RFC 5424 line; empty: none.
    ///   - tag: the program's name in the line: `log-tag`.
    func add(_ text: Span<UInt8>, data: Span<UInt8>, level: LogLevel, tag: [UInt8], wall: UInt64) {
        // Targets want no line end within, and no empty line.
        var count = text.count
        while count > 0, text[count - 1] == 0x0a || text[count - 1] == 0 { count -= 1 }
        guard count > 0 else { return }
        if buffer.count > 256 * 1024 { send() }
        let start = buffer.count
        appendHeader(level < target.minLevel ? target.minLevel : level, data, tag, wall)
        let room = max(0, target.maxLength - (buffer.count - start) - 1)
        buffer.append(text.extracting(0..<min(room, count)))
        buffer.append("\n")
        ends.append(buffer.count)
    }

    private func appendHeader(_ level: LogLevel, _ data: Span<UInt8>, _ tag: [UInt8], _ wall: UInt64) {
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
            buffer.append(" - ")
            // HAProxy leaves out the spaces that end the structured data.
            var end = data.count
            while end > 0, data[end - 1] == 0x20 { end -= 1 }
            if end == 0 { buffer.append("-") } else { buffer.append(data.extracting(0..<end)) }
            buffer.append(" ")
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
