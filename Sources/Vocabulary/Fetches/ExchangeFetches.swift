import Bytes
import Connections
import Samples
import Streams

/// Fetches of an exchange's course: times, bytes, retries, rules (configuration.txt sections 7.3.2 and 7.3.3).
enum ExchangeFetches {
    static let all: [Fetch] = times + bytes + course + costs

    private static let times: [Fetch] = [
        figure("req.timer.idle", "Milliseconds before the request's first byte (%Ti).", .requestHead) { $0.times.idle },
        figure("req.timer.hdr", "Milliseconds that the request's head took (%TR).", .requestHead) {
            $0.times.requestHead
        },
        figure("req.timer.tq", "Milliseconds from the connection to the request's whole head (%Tq).", .requestHead) {
            $0.times.request
        },
        figure("req.timer.queue", "Milliseconds in queues (%Tw).", .serverAddress) { $0.times.queue },
        figure("res.timer.hdr", "Milliseconds until the response's head (%Tr).", .responseHead) {
            $0.times.responseHead
        },
        figure("res.timer.data", "Milliseconds that the response's body took (%Td).", .responseFigures) {
            $0.times.data
        },
        figure("txn.timer.total", "Milliseconds that the exchange was active (%Ta).", .transactionFigures) {
            $0.times.active
        },
        figure("txn.timer.user", "Milliseconds that the exchange took as the user sees it (%Tu).", .transactionFigures)
        {
            $0.times.user
        },
        figure("bc.timer.connect", "Milliseconds that connecting to the server took (%Tc).", .serverAddress) {
            $0.times.connect
        },
        figure("fc.timer.total", "Milliseconds from the connection to the end of the exchange (%Tt).", .sessionFigures)
        {
            $0.times.total
        },
        Fetch(
            "fc.timer.handshake", "Milliseconds that PROXY header and TLS handshake took (%Th).", gives: .sint,
            from: .clientAddress
        ) { evaluation, _, sample in
            guard let session = evaluation.session else { return false }
            sample.setInteger(Int64(session.handshakenAt.milliseconds(since: session.acceptedAt)))
            return true
        },
        figure("bc_be_queue", "Exchanges that were before this one in the backend's queue (%bq).", .serverAddress) {
            $0.backendQueuePosition
        },
        figure("bc_srv_queue", "Exchanges that were before this one in the server's queue (%sq).", .serverAddress) {
            $0.serverQueuePosition
        },
    ]

    private static let bytes: [Fetch] = [
        figure("bytes_in", "Bytes from the client.", .requestFigures) { Int(clamping: $0.bytesFromClient) },
        figure("bytes_out", "Bytes from the server.", .responseFigures) { Int(clamping: $0.bytesFromServer) },
        figure("req.bytes_in", "Bytes from the client.", .requestFigures) { Int(clamping: $0.bytesFromClient) },
        figure("req.bytes_out", "Bytes to the server.", .requestFigures) { Int(clamping: $0.bytesToServer) },
        figure("res.bytes_in", "Bytes from the server.", .responseFigures) { Int(clamping: $0.bytesFromServer) },
        figure("res.bytes_out", "Bytes to the client.", .responseFigures) { Int(clamping: $0.bytesToClient) },
    ]

    private static let course: [Fetch] = [
        figure("txn.id32", "A number of the exchange; it wraps around.", .process) { Int($0.processNumber) },
        figure("txn.conn_retries", "Retries done so far.", .serverAddress) { $0.retries },
        figure("prio_class", "What `set-priority-class` set.", .process) { $0.priorityClass },
        figure("prio_offset", "What `set-priority-offset` set.", .process) { $0.priorityOffset },
        flag("txn.redispatched", "True when a retry went to another server.", .serverAddress) { $0.isRedispatched },
        flag("bc_reused", "True when the connection to the server had served before.", .serverAddress) { $0.isReused },
        Fetch(
            "txn.sess_term_state", "The termination state of the log, as far as it is known.", gives: .str,
            from: .process
        ) { evaluation, _, sample in
            guard let (first, second) = evaluation.facts?.terminationState else { return false }
            var text = evaluation.scratch.text()
            text.append(first)
            text.append(second)
            return text.give(&sample)
        },
        Fetch("last_rule_file", "The file of the rule that ended its rule set last.", gives: .str, from: .process) {
            evaluation, _, sample in
            guard let rule = evaluation.facts?.lastRule else { return false }
            return sample.setCopy(of: Array(rule.file.utf8), evaluation.scratch)
        },
        Fetch("last_rule_line", "The line of the rule that ended its rule set last.", gives: .sint, from: .process) {
            evaluation, _, sample in
            guard let rule = evaluation.facts?.lastRule else { return false }
            sample.setInteger(Int64(rule.line))
            return true
        },
        Fetch("last_entity", "File and line of the rule that ended its rule set last.", gives: .str, from: .process) {
            evaluation, _, sample in
            guard let rule = evaluation.facts?.lastRule else { return false }
            return sample.setCopy(of: Array("\(rule.file):\(rule.line)".utf8), evaluation.scratch)
        },
        Fetch(
            "waiting_entity", "File and line of the rule that waited when the exchange failed.", gives: .str,
            from: .process
        ) { evaluation, _, sample in
            guard let rule = evaluation.facts?.waitingRule else { return false }
            return sample.setCopy(of: Array("\(rule.file):\(rule.line)".utf8), evaluation.scratch)
        },
        Fetch("internal.strm.is_htx", "True for HTTP.", gives: .bool, from: .process) { evaluation, _, sample in
            guard let exchange = evaluation.exchange else { return false }
            sample.setBool(exchange.request.head != nil)
            return true
        },
    ]

    // Without `profiling.tasks` times are 0, as in HAProxy.
    private static let costs: [Fetch] = [
        figure("cpu_calls", "How often the worker turned to the exchange.", .process) { Int(clamping: $0.costs.count) },
        figure("cpu_ns_tot", "Nanoseconds that these calls took (`profiling.tasks`).", .process) {
            Int(clamping: $0.costs.time)
        },
        figure("cpu_ns_avg", "Nanoseconds that such a call took on the average.", .process) {
            Int(clamping: $0.costs.time / max(1, $0.costs.count))
        },
        figure("lat_ns_tot", "Nanoseconds that these calls were waited for (`profiling.tasks`).", .process) {
            Int(clamping: $0.costs.latency)
        },
        figure("lat_ns_avg", "Nanoseconds that such a call was waited for on the average.", .process) {
            Int(clamping: $0.costs.latency / max(1, $0.costs.count))
        },
    ]

    private static func figure(
        _ name: String, _ summary: String, _ source: SampleSource,
        _ read: @escaping @Sendable (any TransactionFacts) -> Int
    ) -> Fetch {
        Fetch(name, summary, gives: .sint, from: source) { evaluation, _, sample in
            guard let facts = evaluation.facts else { return false }
            sample.setInteger(Int64(read(facts)))
            return true
        }
    }

    private static func flag(
        _ name: String, _ summary: String, _ source: SampleSource,
        _ read: @escaping @Sendable (any TransactionFacts) -> Bool
    ) -> Fetch {
        Fetch(name, summary, gives: .bool, from: source) { evaluation, _, sample in
            guard let facts = evaluation.facts else { return false }
            sample.setBool(read(facts))
            return true
        }
    }
}
