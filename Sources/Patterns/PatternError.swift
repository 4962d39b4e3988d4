/// A pattern, a value or a list that cannot be used, in the words that the operator gets.
public struct PatternError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong, without a final full stop.
    public let message: String

    public init(_ message: String) { self.message = message }

    public var description: String { message }
}
