/// How a cookie brings clients back to their servers (`cookie`).
public struct CookieSettings: Sendable, Hashable {
    /// Who makes the cookie.
    public enum Mode: Sendable {
        /// The server or nobody: it is only read.
        case passive
        /// The server, and its value is replaced.
        case rewrite
        /// We do.
        case insert
        /// The server, and our part stands before its value.
        case prefix
    }

    public var name: String
    public var mode = Mode.passive
    /// Neither the server sees it (`insert`), nor does the client get it again.
    public var isIndirect = false
    /// A response that brings it may not be stored by shared caches.
    public var forbidsCaching = false
    /// Only responses to POST requests bring it.
    public var isPostOnly = false
    /// One that the server sends is left as it is.
    public var preservesServerCookie = false
    public var isHTTPOnly = false
    public var isSecure = false
    public var domains: [String] = []
    /// Seconds; nil: no limit.
    public var maxIdle: Int?
    public var maxLife: Int?
    /// Servers without a cookie get one that is made of their address.
    public var isDynamic = false
    /// More attributes, as they are written.
    public var attributes: [String] = []

    public init(name: String) { self.name = name }
}
