package import Configuration
package import Rules

/// A request for a statistics page.
package struct StatisticsRequest: Sendable {
    package let page: StatisticsPageSettings
    /// The proxy whose page it is.
    package let proxy: String
    /// What follows the page's address, without its semicolon: `csv`, `json;norefresh`.
    package let options: String
    /// Whether only the head is asked for.
    package let isHead: Bool
}

/// Makes statistics pages: the control thread. Workers give it requests and go on; the answer comes by message.
package protocol StatisticsService: AnyObject, Sendable {
    /// Calls `reply` once, from any thread.
    func answer(_ request: StatisticsRequest, reply: @escaping @Sendable (ReplyContent) -> Void)
}
