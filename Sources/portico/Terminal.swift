import Glibc
import Synchronization

/// Messages for the operator on standard error, in HAProxy's form.
enum Terminal {
    /// Something that stops the program.
    static func alert(_ text: String) { message("ALERT", text) }
    static func warning(_ text: String) { message("WARNING", text) }
    static func notice(_ text: String) { message("NOTICE", text) }

    private static func message(_ label: String, _ text: String) {
        let head = "[\(label)]"
        let padded = head + String(repeating: " ", count: max(1, 11 - head.utf8.count))
        for line in text.split(separator: "\n") { error("\(padded)(\(getpid())) : \(line)\n") }
    }

    /// What has been written so far, for `show startup-logs`; at most so many lines.
    private static let written = Mutex<[String]>([])
    private static let keptLines = 1000

    /// The lines that have been written so far.
    static var log: [String] { written.withLock { $0 } }

    /// Writes text as it is.
    static func error(_ text: String) {
        written.withLock { if $0.count < keptLines { $0.append(text) } }
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    /// The words for the last failed system call.
    static func systemError(_ code: Int32 = errno) -> String { unsafe String(cString: strerror(code)) }
}
