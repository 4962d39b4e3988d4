import Rules
import Words

/// Actions that end a rule set, or the exchange with it (configuration.txt section 4.4).
enum FlowActions {
    private static let tcp: [RuleSetKind] = [
        .quicInitial, .tcpRequestConnection, .tcpRequestSession, .tcpRequestContent, .tcpResponseContent,
    ]

    static let all: [ActionKeyword] = [
        ActionKeyword("accept", "Ends the set: the connection or message goes on.", in: tcp) { _ in Accept() },
        ActionKeyword(
            "allow", "Ends the set: the message goes on.", in: [.httpRequest, .httpResponse, .httpAfterResponse]
        ) { _ in Accept() },
        ActionKeyword("reject", "Closes the connection, or the stream of the request.", in: tcp + [.httpRequest]) {
            _ in Reject()
        },
    ]
}

private final class Accept: RuleAction {
    func run(_ run: RuleRun) -> RuleOutcome { .accept }
}

private final class Reject: RuleAction {
    func run(_ run: RuleRun) -> RuleOutcome { .finish(.reject) }
}
