/// A pattern, a value or a list that cannot be used, in the words that the operator gets.
package struct PatternError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong, without a final full stop.
    package let message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}
