import Rules
import Samples
import Words

/// Actions that write log lines (configuration.txt section 4.4).
enum LogActions {
    static let all: [ActionKeyword] = [
        ActionKeyword(
            "do-log", "Writes a log line now.", usage: "[ profile <log_profile> ]", in: RuleSetKind.allCases
        ) { (reader) throws(Complaint) in
            var profile: Int?
            while reader.skip("profile") {
                profile = reader.context.logProfile(try reader.argument("a log profile's name after 'profile'"))
            }
            return DoLog(reader.kind, profile)
        }
    ]
}

private final class DoLog: RuleAction {
    private let origin: LogOrigin
    private let profile: Int?

    init(_ kind: RuleSetKind, _ profile: Int?) {
        self.profile = profile
        origin =
            switch kind {
            case .quicInitial: .quicInitial
            case .tcpRequestConnection: .tcpRequestConnection
            case .tcpRequestSession: .tcpRequestSession
            case .tcpRequestContent: .tcpRequestContent
            case .tcpResponseContent: .tcpResponseContent
            case .httpRequest: .httpRequest
            case .httpResponse: .httpResponse
            case .httpAfterResponse: .httpAfterResponse
            }
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        let logger = unsafe run.logger
        logger?.log(run.evaluation, origin, profile: profile)
        return .next
    }
}
