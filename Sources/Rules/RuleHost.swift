/// What actions can ask of the proxy that runs them.
package protocol RuleHost: AnyObject {
    /// A rewrite failed: it counts in the proxy's `wrew`.
    func rewriteFailed()
    /// The proxy's message for a status: its own error file or reply, or the built-in one.
    func errorMessage(_ status: Int) -> ReplyContent
    /// Whether the client speaks to a proxy that it knows of (`option http-use-proxy-header`).
    var isProxyRequest: Bool { get }
    /// How long `tarpit` keeps a client waiting, in milliseconds.
    var tarpitTime: Int { get }
}

/// An answer that is the same every time.
package final class FixedReply: RuleReply {
    private let content: ReplyContent

    package init(_ content: ReplyContent) { self.content = content }

    package func make(_ run: RuleRun) -> ReplyContent? { content }
}
