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
    /// Whether the client may change servers.
    package let isAdministrator: Bool
    /// What a form of the page sends; nil when the page is asked for.
    package let form: StatisticsForm?
}

/// Makes statistics pages: the control thread. Workers give it requests and go on; the answer comes by message.
package protocol StatisticsService: AnyObject, Sendable {
    /// Calls `reply` once, from any thread.
    func answer(_ request: StatisticsRequest, reply: @escaping @Sendable (ReplyContent) -> Void)
}

/// What a form of the statistics page sends.
package enum StatisticsForm: Sendable {
    /// Its fields, `application/x-www-form-urlencoded`.
    case fields([UInt8])
    /// More than a buffer holds.
    case tooLarge
    /// The client may not change anything.
    case denied
}
