/// An alias of log formats, `%ci`: one registration, from which the parser, `-dKall` and the documentation's list read.
package struct Alias: Sendable {
    /// What has to be known before a line can be written.
    package struct Needs: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The request's head.
        package static let request = Needs(rawValue: 1)
        /// The server, and the connection to it.
        package static let server = Needs(rawValue: 2)
        /// The response's head.
        package static let response = Needs(rawValue: 4)
        /// The end of the exchange: what `option logasap` does not wait for.
        package static let end = Needs(rawValue: 8)
        /// The client's connection.
        package static let client = Needs(rawValue: 16)
    }

    /// Where it has a meaning; elsewhere it is empty.
    package enum Restriction: Sendable {
        case none
        /// `mode http` only.
        case http
        /// Listeners with TLS only.
        case tls
        /// Logs only.
        case log
    }

    /// The name behind the percent sign.
    package let name: String
    /// One sentence.
    package let summary: String
    package let restriction: Restriction
    package let needs: Needs
    package let write: @Sendable (inout FormatWriter) -> Void

    package init(
        _ name: String, _ summary: String, in restriction: Restriction = .none, needs: Needs = [],
        write: @escaping @Sendable (inout FormatWriter) -> Void
    ) {
        self.name = name
        self.summary = summary
        self.restriction = restriction
        self.needs = needs
        self.write = write
    }
}
