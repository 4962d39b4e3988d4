import Configuration
import Words

/// `retry-on …`.
enum RetryStatement {
    private static let statuses: Set<String> = [
        "401", "403", "404", "408", "421", "425", "429", "500", "501", "502", "503", "504",
    ]

    /// The failures that the words name.
    static func causes(_ statement: inout Statement) throws(Complaint) -> RetryCauses {
        var causes = RetryCauses()
        causes.connectionFailure = false
        guard let first = statement.peek else {
            throw Complaint("'\(statement.name)' needs at least one keyword to specify when to retry")
        }
        while let word = statement.next() {
            switch word.text {
            case "conn-failure": causes.connectionFailure = true
            case "empty-response": causes.emptyResponse = true
            case "junk-response": causes.junkResponse = true
            case "response-timeout": causes.responseTimeout = true
            case "0rtt-rejected": causes.earlyDataRejected = true
            case "all-retryable-errors":
                causes.connectionFailure = true
                causes.emptyResponse = true
                causes.junkResponse = true
                causes.responseTimeout = true
                causes.earlyDataRejected = true
                causes.statuses.formUnion([500, 502, 503, 504])
            case "none":
                guard word.text == first.text, statement.isAtEnd, causes == none else {
                    throw Complaint("'\(statement.name)' 'none' keyword only usable alone", at: word)
                }
            default:
                guard statuses.contains(word.text), let status = Int(word.text) else {
                    throw Complaint("'\(statement.name)' : unknown keyword '\(word.text)'", at: word)
                }
                causes.statuses.insert(status)
            }
        }
        return causes
    }

    private static var none: RetryCauses {
        var causes = RetryCauses()
        causes.connectionFailure = false
        return causes
    }
}
