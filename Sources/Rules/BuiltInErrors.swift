import Messages

/// The messages for error statuses that are there without any configuration. Status, fields and body are HAProxy's:
/// scripts and health checks compare them.
public enum BuiltInErrors {
    /// The statuses that have a message which the configuration can replace.
    public static let statuses = messages.keys.filter { $0 != 505 }.sorted()

    private static let messages: [Int: (reason: String, text: String)] = {
        let credentials = "You need a valid user and password to access this content."
        let rows: [(Int, String, String)] = [
            (200, "OK", "Service ready."),
            (400, "Bad request", "Your browser sent an invalid request."),
            (401, "Unauthorized", credentials),
            (403, "Forbidden", "Request forbidden by administrative rules."),
            (404, "Not Found", "The resource could not be found."),
            (
                405, "Method Not Allowed",
                "A request was made of a resource using a request method not supported by that resource."
            ),
            (407, "Unauthorized", credentials),
            (408, "Request Time-out", "Your browser didn't send a complete request in time."),
            (410, "Gone", "The resource is no longer available and will not be available again."),
            (413, "Payload Too Large", "The request entity exceeds the maximum allowed."),
            (414, "URI Too Long", "The URI provided was too long for the server to process."),
            (421, "Misdirected Request", "Request sent to a non-authoritative server."),
            (422, "Unprocessable Content", "The server cannot process the contained instructions."),
            (425, "Too Early", "Your browser sent early data."),
            (429, "Too Many Requests", "You have sent too many requests in a given amount of time."),
            (431, "Request Header Fields Too Large", "Request Header Fields Too Large."),
            (500, "Internal Server Error", "An internal server error occurred."),
            (501, "Not Implemented", "The server does not support the functionality required to fulfill the request."),
            (502, "Bad Gateway", "The server returned an invalid or incomplete response."),
            (503, "Service Unavailable", "No server is available to handle this request."),
            (504, "Gateway Time-out", "The server didn't respond in time."),
            (505, "HTTP Version Not Supported", "The request's version of HTTP is not known here."),
        ]
        var messages: [Int: (reason: String, text: String)] = [:]
        for (status, reason, text) in rows {
            messages[status] = (reason, text)
        }
        return messages
    }()

    /// The message for a status; a status alone when it has none.
    public static func message(_ status: Int) -> ReplyContent {
        guard let message = messages[status] else { return ReplyContent(status: status) }
        var content = ReplyContent(
            status: status,
            body: Array("<html><body><h1>\(status) \(message.reason)</h1>\n\(message.text)\n</body></html>\n".utf8))
        content.reason = Array(message.reason.utf8)
        content.add(.cacheControl, Array("no-cache".utf8))
        content.add(.contentType, Array("text/html".utf8))
        // What came after a request that was not understood, or not whole, is not to be looked at.
        content.closes = status == 400 || status == 408
        return content
    }
}
