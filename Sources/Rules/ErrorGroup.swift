/// The answers of an `http-errors` section, which rules may name before it is read. Filled while the configuration is
/// read; fixed before workers start.
package final class ErrorGroup: Sendable {
    /// A place that names the section.
    package struct Reference: Sendable {
        package let status: Int
        package let proxyName: String
        /// `file:line` of the statement.
        package let location: String

        package init(status: Int, proxyName: String, location: String) {
            self.status = status
            self.proxyName = proxyName
            self.location = location
        }
    }

    package let name: String
    nonisolated(unsafe) private var answers: [Int: ReplyContent] = [:]
    nonisolated(unsafe) private var storedReferences: [Reference] = []

    package init(name: String) { self.name = name }

    /// The key under which a configuration's shared objects hold a section's answers.
    package static func key(_ name: String) -> String { "http-errors \(name)" }

    package subscript(status: Int) -> ReplyContent? { unsafe answers[status] }

    /// The places that name the section.
    package var references: [Reference] { unsafe storedReferences }

    /// Sets the section's answer for a status that a file stands for, whatever status the file itself says. Only while
    /// the configuration is read, as the method below.
    package func set(_ answer: ReplyContent, for status: Int) { unsafe answers[status] = answer }

    package func refer(_ reference: Reference) { unsafe storedReferences.append(reference) }
}
