/// How a cookie brings clients back to their servers (`cookie`).
package struct CookieSettings: Sendable, Hashable {
    /// Who makes the cookie.
    package enum Mode: Sendable {
        /// The server or nobody: it is only read.
        case passive
        /// The server, and its value is replaced.
        case rewrite
        /// We do.
        case insert
        /// The server, and our part stands before its value.
        case prefix
    }

    package var name: String
    package var mode = Mode.passive
    /// Neither the server sees it (`insert`), nor does the client get it again.
    package var isIndirect = false
    /// A response that brings it may not be stored by shared caches.
    package var forbidsCaching = false
    /// Only responses to POST requests bring it.
    package var isPostOnly = false
    /// One that the server sends is left as it is.
    package var preservesServerCookie = false
    package var isHTTPOnly = false
    package var isSecure = false
    package var domains: [String] = []
    /// Seconds; nil: no limit.
    package var maxIdle: Int?
    package var maxLife: Int?
    /// Servers without a cookie get one that is made of their address.
    package var isDynamic = false
    /// More attributes, as they are written.
    package var attributes: [String] = []

    package init(name: String) { self.name = name }
}
