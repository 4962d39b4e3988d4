public import Bytes
import Glibc
import QUICTransport
public import Runtime
import Synchronization

/// Whose QUIC connections write qlog files (`set quic qlog`), and the thread that writes them. One for all workers.
///
/// While nothing is logged a new connection costs one look at an atomic. A connection that is logged gathers its events
/// and hands them on in large pieces; opening, writing and closing files is the writer's work, so no worker waits for a
/// disk.
public final class QUICLogService: Sendable {
    /// Which connections are logged.
    public enum Subject: Hashable, Sendable {
        case everything
        /// Connections of clients of the frontend with that place in the configuration.
        case frontend(Int)
        /// Connections of clients from a network: so many leading bits of the address.
        case source(SocketAddress, bits: Int)

        func covers(_ frontend: Int?, _ remote: SocketAddress) -> Bool {
            switch self {
            case .everything: true
            case .frontend(let place): place == frontend
            case .source(let network, let bits): frontend != nil && remote.starts(with: network, bits: bits)
            }
        }
    }

    /// One subject that is logged, and how.
    public struct Rule: Sendable {
        public var subject: Subject
        public var directory: String
        /// Every so manieth connection is logged, the first at once.
        public var interval: Int
        /// Connections of the subject so far.
        fileprivate var seen = 0

        /// Whether the next connection is one of the sample.
        fileprivate mutating func takes() -> Bool {
            defer { seen = (seen + 1) % interval }
            return seen == 0
        }
    }

    private struct State {
        var rules: [Rule] = []
        var writer: QUICLogWriter?
    }

    /// Files that the process writes at most after each time that logging was turned on.
    public static let fileLimit = 1000
    /// Different subjects that may be logged at a time.
    public static let subjectLimit = 64

    private let isOn = Atomic<Bool>(false)
    private let filesLeft = Atomic<Int>(0)
    private let filesMade = Atomic<UInt64>(0)
    private let state = Mutex(State())

    init() {}

    /// Logs the new connections of `subject`, or a sample of one in `interval`, into `directory`, which exists. False:
    /// too many subjects are logged.
    public func start(_ subject: Subject, interval: Int = 1, directory: String) throws(SystemError) -> Bool {
        let result = state.withLock { state -> Result<Bool, SystemError> in
            let place = state.rules.firstIndex { $0.subject == subject }
            guard place != nil || state.rules.count < Self.subjectLimit else { return .success(false) }
            if state.writer == nil {
                do throws(SystemError) { state.writer = try QUICLogWriter.start() } catch { return .failure(error) }
            }
            let rule = Rule(subject: subject, directory: directory, interval: max(1, interval))
            if let place { state.rules[place] = rule } else { state.rules.append(rule) }
            return .success(true)
        }
        guard try result.get() else { return false }
        filesLeft.store(Self.fileLimit, ordering: .relaxed)
        isOn.store(true, ordering: .relaxed)
        return true
    }

    /// Logs no new connections of `subject`; nil: of nobody. Those that are logged go on. False: it was not logged.
    public func stop(_ subject: Subject?) -> Bool {
        state.withLock { state in
            let before = state.rules.count
            state.rules.removeAll { subject == nil || $0.subject == subject }
            if state.rules.isEmpty { isOn.store(false, ordering: .relaxed) }
            return state.rules.count < before || (subject == nil && before == 0)
        }
    }

    /// What is logged, and how many files were and may still be made.
    public var status: (rules: [Rule], made: UInt64, left: Int) {
        (
            state.withLock { $0.rules }, filesMade.load(ordering: .relaxed),
            max(0, filesLeft.load(ordering: .relaxed))
        )
    }

    /// Where a new connection writes its log; nil: nowhere.
    ///
    /// - Parameters:
    ///   - frontend: the frontend's place; nil for a connection to a server.
    ///   - name: of the file, without its end; tells one connection from another.
    func sink(frontend: Int?, remote: SocketAddress, name: @autoclosure () -> String) -> QUICLogFile? {
        guard isOn.load(ordering: .relaxed) else { return nil }
        let found = state.withLock { state -> (QUICLogWriter, String)? in
            guard let writer = state.writer else { return nil }
            // A sample that passes the connection over leaves it to the next subject that covers it.
            for place in state.rules.indices where state.rules[place].subject.covers(frontend, remote) {
                if state.rules[place].takes() { return (writer, state.rules[place].directory) }
            }
            return nil
        }
        guard let (writer, directory) = found, filesLeft.wrappingSubtract(1, ordering: .relaxed).oldValue > 0 else {
            return nil
        }
        let number = filesMade.wrappingAdd(1, ordering: .relaxed).newValue
        return QUICLogFile(writer, number: number, path: "\(directory)/\(name()).sqlog")
    }

    /// Waits until all that was handed on is in the files, so long at most.
    public func flush(milliseconds: Int) {
        guard let writer = state.withLock({ $0.writer }) else { return }
        let end = SystemClock.now().advanced(milliseconds: milliseconds)
        while writer.pending > 0, SystemClock.now() < end { _ = usleep(1000) }
    }
}

/// One connection's qlog (draft-ietf-quic-qlog-main-schema): JSON text sequences (RFC 7464), as the library writes them.
final class QUICLogFile: QUICLogSink {
    /// Bytes that are gathered before they are handed on.
    private static let pieceSize = 64 << 10
    /// Most bytes of one file: what follows is left out.
    static let limit = 64 << 20

    private let writer: QUICLogWriter
    private let number: UInt64
    private let path: String
    private var gathered: [UInt8] = []
    private var total = 0

    init(_ writer: QUICLogWriter, number: UInt64, path: String) {
        self.writer = writer
        self.number = number
        self.path = path
    }

    func write(_ bytes: UnsafeRawBufferPointer, isLast: Bool) {
        // Whole records only: what does not fit, and what the writer can not follow, is left out as a record.
        if total + bytes.count <= Self.limit {
            total += bytes.count
            unsafe gathered.append(contentsOf: bytes)
        }
        guard isLast || gathered.count >= Self.pieceSize else { return }
        writer.post(.init(number: number, path: path, bytes: gathered, isLast: isLast))
        gathered.removeAll(keepingCapacity: !isLast)
    }
}

/// The thread that writes qlog files. It lives as long as the process.
final class QUICLogWriter: Sendable {
    /// The next part of a file.
    struct Piece: Sendable {
        let number: UInt64
        let path: String
        let bytes: [UInt8]
        let isLast: Bool
    }

    /// Bytes that may wait for the disk. More are dropped.
    static let limit = 64 << 20

    private let mailbox: Mailbox<Piece>
    private let waiting = Atomic<Int>(0)

    private init() throws(SystemError) { mailbox = try Mailbox() }

    /// Bytes and pieces that wait.
    var pending: Int { waiting.load(ordering: .relaxed) }

    static func start() throws(SystemError) -> QUICLogWriter {
        let writer = try QUICLogWriter()
        try SystemThread.detach { writer.run() }
        return writer
    }

    /// Takes a piece over; from any thread. A last piece always comes through, without its bytes if need be.
    func post(_ piece: Piece) {
        let isFull = waiting.wrappingAdd(piece.bytes.count + 1, ordering: .relaxed).newValue > Self.limit
        guard isFull else { return mailbox.post(piece) }
        waiting.wrappingSubtract(piece.bytes.count, ordering: .relaxed)
        guard piece.isLast else {
            waiting.wrappingSubtract(1, ordering: .relaxed)
            return
        }
        mailbox.post(Piece(number: piece.number, path: piece.path, bytes: [], isLast: true))
    }

    private func run() {
        var files: [UInt64: Int32] = [:]
        while true {
            var poller = pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0)
            _ = unsafe poll(&poller, 1, -1)
            for piece in mailbox.take() {
                let descriptor = files[piece.number] ?? Self.open(piece.path)
                Self.write(piece.bytes, to: descriptor)
                files[piece.number] = descriptor
                if piece.isLast {
                    if descriptor >= 0 { _ = close(descriptor) }
                    files[piece.number] = nil
                }
                waiting.wrappingSubtract(piece.bytes.count + 1, ordering: .relaxed)
            }
        }
    }

    /// Makes a file that is not there yet; -1 when it can not be made.
    private static func open(_ path: String) -> Int32 {
        unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o640)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        guard descriptor >= 0 else { return }
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done)
            }
            if count < 0, errno == EINTR { continue }
            // A full disk loses the rest.
            guard count > 0 else { return }
            done += count
        }
    }
}

extension SocketAddress {
    /// Whether the address lies in a network. An IPv4 address in IPv6's clothes is one of IPv4.
    fileprivate func starts(with network: SocketAddress, bits: Int) -> Bool {
        var own = self
        if family == .ipv6, network.family == .ipv4 {
            for index in 0..<12 where octets[index] != (index < 10 ? 0 : 0xff) { return false }
            own = SocketAddress(ipv4: octets[12], octets[13], octets[14], octets[15], port: 0)
        }
        guard own.family == network.family else { return false }
        var left = bits
        var index = 0
        while left > 0, index < 16 {
            let mask = left >= 8 ? UInt8(0xff) : ~(UInt8(0xff) >> UInt8(left))
            if own.octets[index] & mask != network.octets[index] & mask { return false }
            left -= 8
            index += 1
        }
        return true
    }
}
