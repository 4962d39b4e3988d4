import Glibc

/// A system call that failed: which one, and the kernel's error number.
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The call's name, as the manual has it.
    package let call: String
    /// The kernel's error number.
    package let code: Int32

    package init(_ call: String, _ code: Int32 = errno) {
        self.call = call
        self.code = code
    }

    /// `bind: Address already in use`.
    package var description: String { "\(call): \(Self.text(code))" }

    /// The kernel's words for an error number.
    package static func text(_ code: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 128)
        guard unsafe strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Repeats a system call while a signal interrupts it: the one EINTR rule.
@inline(__always)
package func retryingInterrupts<Result: FixedWidthInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}
