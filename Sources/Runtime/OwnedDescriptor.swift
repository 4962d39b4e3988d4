import Glibc

/// A file descriptor with one owner: it is closed when the value is destroyed.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The descriptor's number, good while the value lives.
    public let number: Int32

    /// Takes over an open descriptor.
    public init(adopting number: Int32) { self.number = number }

    deinit { if number >= 0 { _ = close(number) } }

    /// Gives the descriptor away: the caller closes it.
    public consuming func release() -> Int32 {
        let number = self.number
        discard self
        return number
    }
}
