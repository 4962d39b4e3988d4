import Bytes
import CLinux
import Configuration
import Glibc
import Proxying
import Runtime
import Samples
import Synchronization

/// Lines that could not be sent because a log target was full or away, over all workers: HAProxy's `DroppedLogs`.
package let droppedLogLines = LineCount()

/// Log lines that were received to be forwarded, in the whole process.
package let receivedLogLines = LineCount()

/// A count that all threads raise.
package final class LineCount: Sendable {
    private let lines = Atomic<UInt64>(0)
    /// Lines since the start.
    package var count: UInt64 { lines.load(ordering: .relaxed) }
    func add(_ more: Int) { lines.wrappingAdd(UInt64(more), ordering: .relaxed) }
}

/// One worker's way to one log target. Lines are gathered in a turn and sent at its end; what the target does not take
/// at once is dropped and counted, so a worker never waits for a log.
final class LogSender {
    let target: LogTarget
    private let descriptor: OwnedDescriptor?
    private let number: Int32
    private let isStream: Bool
    /// The ring that lines go to; nil: a socket or a descriptor.
    private let ring: EventRing?
    private let framing: LogFraming
    /// Whether a ring takes lines as their target wraps them.
    private let keepsFraming: Bool
    /// Most bytes of a line.
    private let limit: Int
    private var walls: [UInt64] = []
    private let address: Socket.Target?
    private let hostname: String
    private var buffer = LogText()
    private var ends: [Int] = []
    private var date = LogDate()

    /// - Parameters:
    ///   - hostname: the name in RFC 3164 and 5424 lines.
    init(_ target: LogTarget, hostname: String, configuration: Configuration) throws(SystemError) {
        self.target = target
        if case .ring(let number) = target.destination {
            let settings = configuration.rings[number]
            ring = settings.sink?.ring
            framing = settings.keepsFraming ? target.framing : settings.framing
            keepsFraming = settings.keepsFraming
            let most = settings.maxLength ?? configuration.global.tune.bufsize
            limit = settings.keepsFraming ? target.maxLength : min(target.maxLength, most)
        } else {
            ring = nil
            framing = target.framing
            keepsFraming = true
            limit = target.maxLength
        }
        self.hostname = hostname
        switch target.destination {
        case .ring, .backend:
            descriptor = nil
            number = -1
            isStream = false
            address = nil
        case .fd(let number):
            let copy = fcntl(number, F_DUPFD_CLOEXEC, 3)
            guard copy >= 0 else { throw SystemError("dup") }
            descriptor = OwnedDescriptor(adopting: copy)
            self.number = copy
            isStream = true
            address = nil
        case .unix(let path):
            address = .unix(path: path)
            let socket = try Socket.datagram(for: .unix(path: path))
            number = socket.number
            descriptor = consume socket
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
            let socket = try Socket.datagram(for: .ip(address))
            number = socket.number
            descriptor = consume socket
            isStream = false
        }
    }

    /// Adds a line: its text goes behind the header that the target's format asks for.
    ///
    /// - Parameters:
    ///   - data: the structured data of an RFC 5424 line; empty: none.
    ///   - tag: the program's name in the line: `log-tag`.
    func add(_ text: Span<UInt8>, data: Span<UInt8>, level: LogLevel, tag: [UInt8], wall: UInt64) {
        let count = Self.length(of: text)
        guard count > 0 else { return }
        if buffer.count > 256 * 1024 { send() }
        let start = buffer.count
        LogHeader(
            framing: framing, facility: target.facility.code, level: max(level, target.minLevel), hostname: hostname
        ).append(to: &buffer, data, tag: tag, wall: wall, &date)
        finish(text.extracting(0..<count), from: start, wall)
    }

    /// Adds a line that came from elsewhere, with what it had before its message.
    func add(_ line: ForwardedLine, wall: UInt64) {
        let message = Array(line.message)
        let count = Self.length(of: message.span)
        guard count > 0 else { return }
        if buffer.count > 256 * 1024 { send() }
        let start = buffer.count
        let level = line.level.flatMap(LogLevel.init(rawValue:)) ?? .emergency
        let hasOwnFraming = ring == nil || keepsFraming
        ForwardedHeader(
            line: line, framing: target.detectsFraming && hasOwnFraming ? nil : framing,
            facility: line.facility ?? target.facility.code, level: max(level, target.minLevel)
        ).append(to: &buffer, wall: wall, &date)
        finish(message.span.extracting(0..<count), from: start, wall)
    }

    /// Bytes of a line without its end: targets want no line end within, and no empty line.
    private static func length(of text: Span<UInt8>) -> Int {
        var count = text.count
        while count > 0, text[count - 1] == 0x0a || text[count - 1] == 0 { count -= 1 }
        return count
    }

    /// Puts a line's text behind its header, which begins at `start`.
    private func finish(_ text: Span<UInt8>, from start: Int, _ wall: UInt64) {
        let room = max(0, limit - (buffer.count - start) - 1)
        buffer.append(text.extracting(0..<min(room, text.count)))
        buffer.append("\n")
        ends.append(buffer.count)
        if ring != nil { walls.append(wall) }
    }

    /// Sends what was gathered.
    func send() {
        guard !ends.isEmpty else { return }
        defer {
            buffer.clear()
            ends.removeAll(keepingCapacity: true)
            walls.removeAll(keepingCapacity: true)
        }
        if let ring { return keepLines(in: ring) }
        unsafe buffer.bytes.withUnsafeBytes { bytes in
            if isStream { unsafe writeLines(bytes) } else { unsafe sendLines(bytes) }
        }
    }

    private func keepLines(in ring: EventRing) {
        let bytes = buffer.bytes
        var start = 0
        for (index, end) in ends.enumerated() {
            ring.append(bytes.span.extracting(start..<end - 1), wall: walls[index])
            start = end
        }
    }

    /// A pipe or terminal takes up to PIPE_BUF bytes without blocking when poll says so; a descriptor that other
    /// processes share must not be made non-blocking.
    private func writeLines(_ bytes: UnsafeRawBufferPointer) {
        guard number >= 0 else { return }
        var start = 0
        var line = 0
        while line < ends.count {
            var last = line
            while last + 1 < ends.count, ends[last + 1] - start <= Int(PIPE_BUF) { last += 1 }
            var poller = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
            guard unsafe poll(&poller, 1, 0) == 1, poller.revents & Int16(POLLOUT) != 0 else {
                return droppedLogLines.add(ends.count - line)
            }
            let count = ends[last] - start
            let written = retryingInterrupts { unsafe write(number, bytes.baseAddress! + start, count) }
            if written < count { droppedLogLines.add(last - line + 1) }
            start = ends[last]
            line = last + 1
        }
    }

    private func sendLines(_ bytes: UnsafeRawBufferPointer) {
        guard let address, number >= 0 else { return }
        var start = 0
        for (index, end) in ends.enumerated() {
            // With its line feed, as HAProxy sends it.
            let line = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            if unsafe !Socket.send(number, line, to: address) {
                return droppedLogLines.add(ends.count - index)
            }
            start = end
        }
    }
}
