import Configuration
import Connections
import Proxying
import QUICTransport
import Resolution
import Rules

/// The service `prometheus-exporter`: the statistics as Prometheus scrapes them, by the names of HAProxy's exporter. It
/// works on the control thread, a metric at a time, and lets others have their turn between them.
@ControlActor
struct PrometheusExporter {
    private let api: RuntimeAPI
    private let query: PrometheusQuery
    private var text = PrometheusText()

    /// The answer to a request for `target`, its path with its query.
    static func answer(_ target: String, _ api: RuntimeAPI) async -> ReplyContent {
        guard let query = PrometheusQuery(target: target) else { return BuiltInErrors.message(400) }
        var exporter = PrometheusExporter(api, query)
        await exporter.render()
        var reply = ReplyContent(
            status: 200,
            fields: [
                (Array("cache-control".utf8), Array("no-cache".utf8)),
                (Array("content-type".utf8), Array("text/plain; version=0.0.4".utf8)),
            ], body: exporter.text.bytes)
        reply.reason = Array("OK".utf8)
        return reply
    }

    private init(_ api: RuntimeAPI, _ query: PrometheusQuery) {
        self.api = api
        self.query = query
    }

    private mutating func render() async {
        if query.scopes.contains(.process) { await renderProcess() }
        let wanted = query.scopes.intersection([.frontend, .listener, .backend, .server])
        if !wanted.isEmpty {
            var filter = StatisticsCollector.Filter()
            filter.showsLegends = false
            let rows = await api.statistics.rows(filter)
            // Aggregates count servers that `no-maint` hides.
            let aggregates = ServerAggregates(rows)
            for (scope, kind) in [
                (PrometheusQuery.Scope.frontend, ProxyRow.Kind.frontend), (.listener, .listener),
                (.backend, .backend), (.server, .server),
            ]
            where wanted.contains(scope) {
                await render(rows.filter { $0.kind == kind }.map(LabelledRow.init), kind, aggregates)
            }
        }
        if query.scopes.contains(.resolver) { renderResolvers() }
    }

    // MARK: The process

    private mutating func renderProcess() async {
        let state = await ProcessState(api)
        for field in ProcessFields.all {
            guard let short = PrometheusNames.process[field.name] else { continue }
            let name = "haproxy_process_\(short)"
            guard query.wants(name) else { continue }
            let value = field.value(state)
            if value == .none, field.name == "description" { continue }
            text.begin(name, field.description, isCounter: Self.isCounter(short))
            switch value {
            case .text(let content):
                let label = short == "build_info" ? "version" : short
                text.line(name, PrometheusText.labels((label, content)), "1")
            case .none: text.line(name, [], "NaN")
            default: text.line(name, [], value.description)
            }
        }
        renderQUIC(state)
    }

    /// Portico's own: what QUIC does in the process.
    private mutating func renderQUIC(_ state: ProcessState) {
        let metrics: [(name: String, help: String, value: Int)] = [
            ("portico_quic_client_connections", "QUIC connections of clients now", state.traffic.quicClients),
            (
                "portico_quic_connections", "QUIC connections now: of clients, to servers, and those that are closing",
                state.traffic.quicConnections
            ),
        ]
        for metric in metrics where query.wants(metric.name) {
            text.begin(metric.name, metric.help, isCounter: false)
            text.line(metric.name, [], "\(metric.value)")
        }
        let lost = "portico_quic_overflowed_datagrams_total"
        if query.wants(lost) {
            text.begin(
                lost, "Datagrams of clients that the kernel dropped because a receive buffer was full", isCounter: true)
            text.line(lost, [], "\(state.traffic.quicOverflows)")
        }
        let handed = "portico_quic_handed_over_datagrams_total"
        if query.wants(handed) {
            text.begin(
                handed,
                "Datagrams that reached another process than their connection's during a reload: given to it, "
                    + "taken from it, or lost", isCounter: true)
            for (kind, count) in zip(QUICHandoverTraffic.Kind.allCases, state.quicHandover) {
                text.line(handed, [], "\(count)", PrometheusText.StaticLabel(name: "kind", value: "\(kind)"))
            }
        }
        let name = "portico_quic_dropped_datagrams_total"
        guard query.wants(name) else { return }
        text.begin(name, "Datagrams of clients that led to nothing, by the reason", isCounter: true)
        for (reason, count) in zip(QUICEndpoint.DropReason.allCases, state.traffic.quicDrops) {
            text.line(name, [], "\(count)", PrometheusText.StaticLabel(name: "reason", value: "\(reason)"))
        }
    }

    /// Names say what only grows, but for two on each side.
    private static func isCounter(_ name: String) -> Bool {
        if name == "failed_resolutions" || name == "total_warnings" { return true }
        return name.hasSuffix("_total") && !name.hasPrefix("patterns_")
    }

    // MARK: Proxies and servers

    /// A row, and the labels that each of its lines has.
    private struct LabelledRow {
        let row: ProxyRow
        let labels: [UInt8]

        init(_ row: ProxyRow) {
            self.row = row
            labels =
                switch row.kind {
                case .server: PrometheusText.labels(("proxy", row.proxy), ("server", row.name))
                case .listener: PrometheusText.labels(("proxy", row.proxy), ("listener", row.name))
                case .frontend, .backend: PrometheusText.labels(("proxy", row.proxy))
                }
        }
    }

    private mutating func render(
        _ all: [LabelledRow], _ kind: ProxyRow.Kind, _ aggregates: ServerAggregates
    ) async {
        let rows = query.hidesMaintenance ? all.filter { !$0.row.isInMaintenance } : all
        guard !rows.isEmpty else { return }
        let (thing, names) =
            switch kind {
            case .frontend: ("frontend", PrometheusNames.frontends)
            case .backend: ("backend", PrometheusNames.backends)
            case .server: ("server", PrometheusNames.servers)
            case .listener: ("listener", PrometheusNames.listeners)
            }
        let prefix = "haproxy_\(thing)_"
        var last = ""
        for column in ProxyColumns.all where names.contains(column.name) {
            let own = kind == .server ? PrometheusNames.serverColumns[column.name] : nil
            guard let short = own ?? PrometheusNames.columns[column.name] else { continue }
            let name = prefix + short
            guard query.wants(name) else { continue }
            let isNew = name != last
            last = name
            switch column.name {
            case "status", "check_status", "agent_status", "agg_server_status", "agg_server_check_status",
                "agg_check_status":
                renderStates(name, column, rows, aggregates)
            default: renderNumbers(name, short, column, rows, isNew: isNew)
            }
            await Task.yield()
        }
        if kind == .frontend { renderQUIC(of: rows) }
        guard query.hasExtraCounters else { return }
        for column in ModuleColumns.all {
            let name = prefix + column.name
            guard query.wants(name), rows.contains(where: { column.value($0.row) != .none }) else { continue }
            text.begin(name, column.description, isCounter: true)
            let module = String(column.name.prefix { $0 != "_" })
            for row in rows {
                text.line(
                    name, row.labels, column.value(row.row).number.map { "\(Int64($0))" } ?? "0",
                    PrometheusText.StaticLabel(name: "mod", value: module))
            }
            await Task.yield()
        }
    }

    /// Portico's own: what clients' QUIC connections came to, beside what HAProxy's extra counters have.
    private mutating func renderQUIC(of frontends: [LabelledRow]) {
        typealias Value = (label: String, number: (QUICTraffic) -> UInt64)
        let metrics: [(name: String, help: String, label: String, values: [Value])] = [
            (
                "handshakes", "QUIC handshakes with clients that ended", "result",
                [("complete", { $0.handshakes }), ("failed", { $0.failedHandshakes })]
            ),
            (
                "tokens", "Tokens of clients' first packets: of our Retry, of an earlier connection, no good", "kind",
                [
                    ("retry", { $0.retriesValidated }), ("earlier", { $0.tokensAccepted }),
                    ("invalid", { $0.invalidTokens }),
                ]
            ),
            (
                "migrations", "Changes of path of clients' QUIC connections that were validated", "",
                [("", { $0.migrations })]
            ),
        ]
        for metric in metrics {
            let name = "portico_quic_\(metric.name)_total"
            guard query.wants(name) else { continue }
            text.begin(name, metric.help, isCounter: true)
            for row in frontends {
                for value in metric.values {
                    let label = PrometheusText.StaticLabel(name: metric.label, value: value.label)
                    text.line(
                        name, row.labels, "\(value.number(row.row.traffic.quic))", metric.label.isEmpty ? nil : label)
                }
            }
        }
    }

    /// Columns that only proxies of HTTP have, in ``hasLine(_:_:_:)``.
    private static let ofHTTP: Set<String> = [
        "req_tot", "req_rate_max", "intercepted", "cache_lookups", "cache_hits", "cache_hint_hits", "comp_in",
        "comp_out", "comp_byp", "comp_rsp", "hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other",
    ]

    /// Whether a row has a line in the metric of a column, with its value or without.
    private static func hasLine(_ column: StatColumn, _ row: ProxyRow, _ value: StatValue) -> Bool {
        switch column.name {
        case "check_code": row.check != nil
        case "agent_code": row.agent != nil
        // From the first result on.
        case "check_duration", "agent_duration": value != .none
        default: row.isHTTP || !ofHTTP.contains(column.name)
        }
    }

    private mutating func renderNumbers(
        _ name: String, _ short: String, _ column: StatColumn, _ rows: [LabelledRow], isNew: Bool
    ) {
        var isNew = isNew
        let isTime = short.hasSuffix("_seconds") && Self.inMilliseconds.contains(column.name)
        let code: PrometheusText.StaticLabel? =
            column.name.hasPrefix("hrsp_")
            ? PrometheusText.StaticLabel(name: "code", value: String(column.name.dropFirst(5))) : nil
        for row in rows {
            let value = column.value(row.row)
            guard Self.hasLine(column, row.row, value) else { continue }
            if isNew {
                text.begin(name, column.description, isCounter: Self.isCounter(short))
                isNew = false
            }
            let number: String
            switch value {
            case .none, .text: number = isTime ? "0.000000" : column.name.hasSuffix("_code") ? "0" : "NaN"
            default: number = isTime ? PrometheusText.seconds(value.number ?? 0) : value.description
            }
            text.line(name, row.labels, number, code)
        }
    }

    /// Columns in milliseconds whose metrics are in seconds.
    private static let inMilliseconds: Set<String> = [
        "check_duration", "agent_duration", "qtime", "ctime", "rtime", "ttime", "qtime_max", "ctime_max", "rtime_max",
        "ttime_max",
    ]

    // MARK: States

    private mutating func renderStates(
        _ name: String, _ column: StatColumn, _ rows: [LabelledRow], _ aggregates: ServerAggregates
    ) {
        text.begin(name, Self.stateHelp[column.name] ?? column.description, isCounter: false)
        for row in rows {
            for (state, count) in states(column.name, row.row, aggregates) {
                text.line(
                    name, row.labels, "\(count)", PrometheusText.StaticLabel(name: "state", value: state))
            }
        }
    }

    private static let stateHelp = [
        "status": "1 for the state that it is in", "check_status": "1 for what the last check came to",
        "agent_status": "1 for what the last agent check came to",
        "agg_server_status": "Servers of the backend by state",
        "agg_server_check_status": "Servers of the backend by state; use agg_server_status",
        "agg_check_status": "Servers of the backend by what their last check came to",
    ]

    private func states(
        _ column: String, _ row: ProxyRow, _ aggregates: ServerAggregates
    ) -> [(state: String, count: Int)] {
        switch column {
        case "status":
            if row.kind == .listener { return ListenerRow.states.map { ($0, $0 == row.status ? 1 : 0) } }
            if row.kind == .server {
                let own = ServerAggregates.state(row)
                return ServerAggregates.states.map { ($0, $0 == own ? 1 : 0) }
            }
            let isUp = row.kind == .frontend ? row.status == "OPEN" : !row.isDown
            return [("DOWN", isUp ? 0 : 1), ("UP", isUp ? 1 : 0)]
        case "check_status", "agent_status":
            guard let check = column == "check_status" ? row.check : row.agent else { return [] }
            let own = check.status?.drop { $0 == "*" || $0 == " " }
            return ServerAggregates.checkStates.map { ($0, own == Substring($0) ? 1 : 0) }
        case "agg_check_status", "agg_server_status", "agg_server_check_status":
            guard aggregates.servers[row.proxy] != nil else { return [] }
            guard column == "agg_check_status" else {
                return ServerAggregates.states.map { ($0, aggregates.servers[row.proxy]?[$0] ?? 0) }
            }
            return ServerAggregates.checkStates.map { ($0, aggregates.checks[row.proxy]?[$0] ?? 0) }
        default: return []
        }
    }

    // MARK: Name servers

    private mutating func renderResolvers() {
        let resolvers = api.resolution?.resolvers ?? []
        for column in NameServerCounters.columns {
            let name = "haproxy_resolver_\(column.name)"
            guard query.wants(name), resolvers.contains(where: { !$0.nameServers.isEmpty }) else { continue }
            text.begin(name, column.description, isCounter: false)
            for resolver in resolvers {
                for server in resolver.nameServers {
                    text.line(
                        name,
                        PrometheusText.labels(
                            ("resolver", resolver.settings.name), ("nameserver", server.settings.name)),
                        "\(column.value(server.counters))")
                }
            }
        }
    }
}

/// How many servers of each backend are in which state.
struct ServerAggregates {
    static let states = ["DOWN", "UP", "MAINT", "DRAIN", "NOLB"]
    static let checkStates = [
        "HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT", "L7RSP", "L7OK", "L7OKC",
        "L7STS", "PROCERR", "PROCTOUT", "PROCOK",
    ]

    private(set) var servers: [String: [String: Int]] = [:]
    private(set) var checks: [String: [String: Int]] = [:]

    init(_ rows: [ProxyRow]) {
        for row in rows where row.kind == .server {
            servers[row.proxy, default: [:]][Self.state(row), default: 0] += 1
            if let status = row.check?.status?.drop(while: { $0 == "*" || $0 == " " }) {
                checks[row.proxy, default: [:]][String(status), default: 0] += 1
            }
        }
    }

    /// The state of a server, as metrics know it.
    static func state(_ row: ProxyRow) -> String {
        if row.isInMaintenance { return "MAINT" }
        if row.isDown { return "DOWN" }
        if row.status.hasPrefix("DRAIN") { return "DRAIN" }
        return row.status.hasPrefix("NOLB") ? "NOLB" : "UP"
    }
}
