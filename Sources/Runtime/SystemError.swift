import Glibc

/// A system call that failed: which one, and the kernel's error number.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The call's name, as the manual has it.
    public let call: String
    /// The kernel's error number.
    public let code: Int32

    public init(_ call: String, _ code: Int32) {
        self.call = call
        self.code = code
    }

    /// With the number that the thread's last system call left.
    public init(_ call: String) { self.init(call, errno) }

    /// `bind: Address already in use`.
    public var description: String { "\(call): \(Self.text(code))" }

    /// The kernel's words for an error number.
    public static func text(_ code: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 128)
        guard unsafe strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Repeats a system call while a signal interrupts it: the one EINTR rule.
@inline(__always)
public func retryingInterrupts<Result: FixedWidthInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}
