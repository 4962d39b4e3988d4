import CLinux
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

    /// The file that a master and the worker that it loads write to, too; -1: there is none.
    private static let shared = Atomic<Int32>(-1)

    /// The lines that have been written so far, in a master also those of the worker that it loads.
    static var log: [String] {
        let file = shared.load(ordering: .relaxed)
        return file < 0 ? written.withLock { $0 } : lines(of: file)
    }

    /// Writes from now on to a file, too, that processes share which are forked after this.
    static func share() {
        shared.store(unsafe portico_memory_file("startup-logs"), ordering: .relaxed)
    }

    /// Writes no more to the shared file. What others write to it from now on is not in the log.
    static func stopSharing() {
        let file = shared.exchange(-1, ordering: .relaxed)
        guard file >= 0 else { return }
        let known = lines(of: file)
        written.withLock { $0 = known }
        close(file)
    }

    private static func lines(of file: Int32) -> [String] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = unsafe pread(file, &buffer, buffer.count, off_t(bytes.count))
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { "\($0)\n" }
    }

    /// Writes text as it is.
    static func error(_ text: String) {
        let isKept = written.withLock {
            guard $0.count < keptLines else { return false }
            $0.append(text)
            return true
        }
        let file = shared.load(ordering: .relaxed)
        if isKept, file >= 0 { write(Array(text.utf8)[...], to: file) }
        write(Array(text.utf8)[...], to: 2)
    }

    private static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) {
        var bytes = bytes
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    /// The words for the last failed system call.
    static func systemError(_ code: Int32 = errno) -> String { unsafe String(cString: strerror(code)) }
}
