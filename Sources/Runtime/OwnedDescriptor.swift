import Glibc

/// A file descriptor with one owner: it is closed when the value is destroyed.
package struct OwnedDescriptor: ~Copyable, Sendable {
    /// The descriptor's number, good while the value lives.
    package let number: Int32

    /// Takes over an open descriptor.
    package init(adopting number: Int32) { self.number = number }

    deinit { if number >= 0 { _ = close(number) } }

    /// Gives the descriptor away: the caller closes it.
    package consuming func release() -> Int32 {
        let number = self.number
        discard self
        return number
    }
}
