/// A text that the configuration holds: samples show it, without a copy, as long as the configuration lives.
@safe public final class ConstantText: Sendable {
    nonisolated(unsafe) private let storage: UnsafeBufferPointer<UInt8>

    public init(_ text: [UInt8]) {
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, text.count))
        _ = unsafe copy.initialize(from: text)
        unsafe storage = UnsafeBufferPointer(rebasing: copy[..<text.count])
    }

    /// The text of an argument; empty when it is absent or of another kind.
    public convenience init(_ argument: Argument?) {
        if case .string(let text) = argument { self.init(text) } else { self.init([]) }
    }

    deinit { unsafe storage.deallocate() }

    /// The text.
    public var bytes: Span<UInt8> {
        @_lifetime(borrow self) get { unsafe _overrideLifetime(Span(_unsafeElements: storage), borrowing: self) }
    }
}
