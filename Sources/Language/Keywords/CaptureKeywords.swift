import Configuration
import Words

/// `capture` and `declare capture`.
enum CaptureKeywords {
    static let keywords: [Keyword<ProxyDraft>] = [
        Keyword("capture request", in: [.frontend, .listen]) { (proxy, statement) throws(Complaint) in
            proxy.captures.request.append(try header(&statement))
        },
        Keyword("capture response", in: [.frontend, .listen]) { (proxy, statement) throws(Complaint) in
            proxy.captures.response.append(try header(&statement))
        },
        Keyword("capture cookie", in: [.frontend, .listen]) { (proxy, statement) throws(Complaint) in
            guard proxy.captures.cookie == nil else {
                throw Complaint("multiple 'capture' rules for a cookie are not supported: the section has one already")
            }
            let name = try statement.argument("a cookie's name and 'len <length>'")
            proxy.captures.cookie = CaptureSettings.Cookie(
                prefix: Array(name.text.utf8), length: try length(&statement))
        },
        Keyword("declare capture", in: [.frontend, .listen]) { (proxy, statement) throws(Complaint) in
            let side = try statement.argument("'request' or 'response'")
            guard side.text == "request" || side.text == "response" else {
                throw Complaint("'declare capture' requires 'request' or 'response', got '\(side.text)'", at: side)
            }
            let slot = CaptureSettings.Slot(length: try length(&statement))
            if side.text == "request" {
                proxy.captures.request.append(slot)
            } else {
                proxy.captures.response.append(slot)
            }
        },
    ]

    private static func header(_ statement: inout Statement) throws(Complaint) -> CaptureSettings.Slot {
        let word = try statement.argument("'header <name> len <length>'")
        guard word.text == "header" else {
            throw Complaint("'\(statement.name)' expects 'header <name> len <length>', got '\(word.text)'", at: word)
        }
        let name = try statement.argument("a header's name and 'len <length>'")
        return CaptureSettings.Slot(name: Array(name.text.lowercased().utf8), length: try length(&statement))
    }

    private static func length(_ statement: inout Statement) throws(Complaint) -> Int {
        let word = try statement.argument("'len <length>'")
        guard word.text == "len" else {
            throw Complaint("'\(statement.name)' expects 'len <length>', got '\(word.text)'", at: word)
        }
        return try statement.integer(in: 1...65535)
    }
}
