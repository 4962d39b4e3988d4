/// The answers of an `http-errors` section, which rules may name before it is read. Filled while the configuration is
/// read; fixed before workers start.
public final class ErrorGroup: Sendable {
    /// A place that names the section.
    public struct Reference: Sendable {
        public let status: Int
        public let proxyName: String
        /// `file:line` of the statement.
        public let location: String

        public init(status: Int, proxyName: String, location: String) {
            self.status = status
            self.proxyName = proxyName
            self.location = location
        }
    }

    public let name: String
    nonisolated(unsafe) private var answers: [Int: ReplyContent] = [:]
    nonisolated(unsafe) private var storedReferences: [Reference] = []

    public init(name: String) { self.name = name }

    /// The key under which a configuration's shared objects hold a section's answers.
    public static func key(_ name: String) -> String { "http-errors \(name)" }

    public subscript(status: Int) -> ReplyContent? { unsafe answers[status] }

    /// The places that name the section.
    public var references: [Reference] { unsafe storedReferences }

    /// Sets the section's answer for a status that a file stands for, whatever status the file itself says. Only while
    /// the configuration is read, as the method below.
    public func set(_ answer: ReplyContent, for status: Int) { unsafe answers[status] = answer }

    public func refer(_ reference: Reference) { unsafe storedReferences.append(reference) }
}
