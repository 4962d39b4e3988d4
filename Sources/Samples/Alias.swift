/// An alias of log formats, `%ci`: one registration, from which the parser, `-dKall` and the documentation's list read.
public struct Alias: Sendable {
    /// What has to be known before a line can be written.
    public struct Needs: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The request's head.
        public static let request = Needs(rawValue: 1)
        /// The server, and the connection to it.
        public static let server = Needs(rawValue: 2)
        /// The response's head.
        public static let response = Needs(rawValue: 4)
        /// The end of the exchange: what `option logasap` does not wait for.
        public static let end = Needs(rawValue: 8)
        /// The client's connection.
        public static let client = Needs(rawValue: 16)
    }

    /// Where it has a meaning; elsewhere it is empty.
    public enum Restriction: Sendable {
        case none
        /// `mode http` only.
        case http
        /// Listeners with TLS only.
        case tls
        /// Logs only.
        case log
    }

    /// The name behind the percent sign.
    public let name: String
    /// One sentence.
    public let summary: String
    public let restriction: Restriction
    public let needs: Needs
    public let write: @Sendable (inout FormatWriter) -> Void

    public init(
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
