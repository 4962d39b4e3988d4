import Configuration
import Proxying

/// The statistics page: HAProxy's numbers as one HTML document without any other file. It is whole without scripts;
/// with them it is live, can be sorted and filtered, and keeps its place while it is renewed.
struct StatisticsPage {
    let settings: StatisticsPageSettings
    let rows: [ProxyRow]
    let state: ProcessState
    /// Seconds after which the page is renewed; nil: when the user asks.
    let refresh: Int?
    /// What followed the page's address.
    let options: [String]
    /// Whether forms to change servers are on the page.
    let isAdministrator: Bool

    /// Nothing comes from anywhere else, and nothing else is run.
    static let policy =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
        + "base-uri 'none'; form-action 'self'"

    func html() -> String {
        var text = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>\(escaped(title))</title>"
        text += "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
        text += "<meta name=\"color-scheme\" content=\"light dark\">"
        if let refresh { text += "<noscript><meta http-equiv=\"refresh\" content=\"\(refresh)\"></noscript>" }
        text += "<style>\(StatisticsPageAssets.style)</style></head><body data-refresh=\"\(refresh ?? 0)\">"
        text += header
        text += outcome
        text += "<main id=\"data\">"
        text += tiles
        var start = rows.startIndex
        while start < rows.endIndex {
            let end = rows[start...].firstIndex { $0.proxyID != rows[start].proxyID } ?? rows.endIndex
            text += section(rows[start..<end])
            start = end
        }
        text += "</main>"
        text += legend
        text += "<script>\(StatisticsPageAssets.script)</script></body></html>\n"
        return text
    }

    // MARK: Around the tables

    private var title: String { "Statistics for \(node)" }
    private var node: String {
        guard let node = settings.node, !node.isEmpty else { return state.node }
        return node
    }

    private var header: String {
        var text = "<header><div class=\"brand\"><h1>Portico"
        if settings.node != nil { text += " <small>on \(escaped(node))</small>" }
        text += "</h1><p>"
        if let description = settings.description.map({ $0.isEmpty ? state.summary ?? "" : $0 }), !description.isEmpty {
            text += "\(escaped(description)) · "
        }
        if settings.showsVersion {
            text += "version \(escaped(state.facts.build)), speaks HAProxy \(escaped(state.facts.version)) · "
        }
        text += "process \(state.pid) · up <span id=\"uptime\">\(state.uptimeText)</span></p></div>"
        text += "<nav><input id=\"find\" type=\"search\" placeholder=\"Find a proxy or server\" aria-label=\"Find\">"
        text += "<button id=\"live\" type=\"button\" aria-pressed=\"false\">Live</button>"
        text += "<button id=\"theme\" type=\"button\">Dark / light</button>"
        let uri = escaped(settings.uri)
        text += "<a href=\"\(uri);up\">Up only</a><a href=\"\(uri)\">All</a>"
        text += "<a href=\"\(uri);csv\">CSV</a><a href=\"\(uri);json\">JSON</a></nav></header>"
        return text
    }

    private var tiles: String {
        let values: [(String, String, String)] = [
            ("Connections", number(state.connections), "of \(number(state.maxconn))"),
            (
                "New connections", number(state.rate(.connections)),
                "per second, most \(number(state.maximum(.connections)))"
            ),
            ("New sessions", number(state.rate(.sessions)), "per second, most \(number(state.maximum(.sessions)))"),
            ("Requests", number(Int(clamping: state.traffic.requests)), "since the start"),
            ("Open exchanges", number(state.traffic.currentStreams), "now"),
            ("TLS connections", number(state.traffic.currentTLS), "now"),
            ("Sent", bytes(UInt64(state.rate(.bytesOut))), "per second"),
            ("Idle", "\(state.idlePercent) %", "of \(state.workers) worker\(state.workers == 1 ? "" : "s")"),
        ]
        let items = values.map { name, value, note in
            "<li><span>\(name)</span><b>\(value)</b><small>\(note)</small></li>"
        }
        return "<ul class=\"tiles\">" + items.joined() + "</ul>"
    }

    private var legend: String {
        "<footer><p>Numbers are those of the runtime API's <code>show stat</code>. Times of the queue, of connecting"
            + " and of the response are averages of the last 512 requests.</p></footer>"
    }

    // MARK: Changes

    /// What an operator can do with the servers that are chosen, by HAProxy's names.
    private static let actions: [(name: String, text: String)] = [
        ("ready", "Set state to READY"), ("drain", "Set state to DRAIN"), ("maint", "Set state to MAINT"),
        ("dhlth", "Health: disable checks"), ("ehlth", "Health: enable checks"), ("hrunn", "Health: force UP"),
        ("hnolb", "Health: force NOLB"), ("hdown", "Health: force DOWN"), ("dagent", "Agent: disable checks"),
        ("eagent", "Agent: enable checks"), ("arunn", "Agent: force UP"), ("adown", "Agent: force DOWN"),
        ("shutdown", "Kill sessions"),
    ]

    private func actions(_ proxy: String) -> String {
        let choices = Self.actions.map { "<option value=\"\($0.name)\">\($0.text)</option>" }.joined()
        return
            "<p class=\"actions\"><input type=\"hidden\" name=\"b\" value=\"\(escaped(proxy))\"><label>With the chosen"
            + " servers: <select name=\"action\"><option value=\"\"></option>\(choices)</select></label>"
            + "<button type=\"submit\">Apply</button></p>"
    }

    /// What came of the last change, as the page's address tells after it.
    private var outcome: String {
        guard let code = options.lazy.compactMap({ $0.hasPrefix("st=") ? String($0.dropFirst(3)) : nil }).first else {
            return ""
        }
        let (text, kind) =
            switch code {
            case "DONE": ("The change is made.", "up")
            case "NONE": ("Nothing has changed.", "drain")
            case "PART": ("The change is made on some of the servers.", "drain")
            case "ERRP": ("Nothing is changed: the servers, the backend or the action are not known.", "off")
            case "EXCD": ("Nothing is changed: too many servers at once for a buffer.", "off")
            case "DENY": ("Nothing is changed: you may not do this here.", "off")
            default: ("Something unexpected has happened.", "off")
            }
        return
            "<p class=\"outcome state \(kind)\" role=\"status\">\(text) <a href=\"\(escaped(settings.uri))\">Close</a></p>"
    }

    // MARK: One proxy

    /// Titles of the columns, each with the name of its group.
    private static let columns: [(group: String, name: String)] = [
        ("", "Name"), ("", "Status"), ("Queue", "Cur"), ("Queue", "Max"), ("Sessions/s", "Cur"), ("Sessions/s", "Max"),
        ("Sessions", "Cur"), ("Sessions", "Max"), ("Sessions", "Limit"), ("Sessions", "Total"), ("Requests", "Total"),
        ("Bytes", "In"), ("Bytes", "Out"), ("Denied", "Req"), ("Denied", "Resp"), ("Errors", "Req"), ("Errors", "Conn"),
        ("Errors", "Resp"), ("Warnings", "Retry"), ("Warnings", "Redis"), ("Responses", "2xx"), ("Responses", "4xx"),
        ("Responses", "5xx"), ("Time, ms", "Queue"), ("Time, ms", "Conn"), ("Time, ms", "Resp"), ("Server", "Weight"),
        ("Server", "Down"), ("Server", "Since"),
    ]

    private static let head: String = {
        var groups = "<tr class=\"groups\">"
        var index = 0
        while index < columns.count {
            let same = columns[index...].prefix { $0.group == columns[index].group }.count
            groups += "<th colspan=\"\(same)\">\(columns[index].group)</th>"
            index += same
        }
        let names = columns.map {
            "<th scope=\"col\" title=\"\($0.group) \($0.name)\"><button type=\"button\">\($0.name)</button></th>"
        }
        return "<thead>\(groups)</tr><tr>" + names.joined() + "</tr></thead>"
    }()

    private func section(_ rows: ArraySlice<ProxyRow>) -> String {
        guard let first = rows.first else { return "" }
        let start = "<section data-proxy=\"\(escaped(first.proxy))\">"
        var text = "<h2>\(escaped(first.proxy)) "
        text += "<small>\(first.mode.rawValue)"
        if let algorithm = rows.last?.algorithm {
            text += ", balance \(escaped(algorithm == "unknown" ? "random" : algorithm))"
        }
        if settings.description != nil, let summary = rows.lazy.compactMap(\.summary).first {
            text += " · \(escaped(summary))"
        }
        text += "</small></h2><div class=\"scroll\"><table>\(Self.head)<tbody>"
        for row in rows { text += line(row) }
        text += "</tbody></table></div>"
        if settings.showsModules { text += modules(rows) }
        let hasForm = isAdministrator && rows.contains { $0.kind == .server }
        return start + (hasForm ? "<form method=\"post\">" : "") + text
            + (hasForm ? actions(first.proxy) + "</form>" : "") + "</section>"
    }

    /// What modules count of each row (`stats show-modules`); only what is not zero, so that it can be read.
    private func modules(_ rows: ArraySlice<ProxyRow>) -> String {
        var items = ""
        for row in rows {
            let values = ModuleColumns.all.compactMap { column -> String? in
                guard let number = column.value(row).number, number != 0 else { return nil }
                return
                    "<li title=\"\(escaped(column.description))\">\(column.name) <b>\(self.number(Int(number)))</b></li>"
            }
            guard !values.isEmpty else { continue }
            let name = row.kind == .frontend ? "Frontend" : row.kind == .backend ? "Backend" : row.name
            items += "<h3>\(escaped(name))</h3><ul>\(values.joined())</ul>"
        }
        if items.isEmpty { items = "<p>Nothing is counted yet.</p>" }
        return "<details class=\"modules\"><summary>Extra modules</summary>\(items)</details>"
    }

    private func line(_ row: ProxyRow) -> String {
        let t = row.traffic
        let name = row.kind == .frontend ? "Frontend" : row.kind == .backend ? "Backend" : row.name
        var cells: [(text: String, value: String)] = []
        func add(_ text: String, _ value: String = "") { cells.append((text, value)) }
        func count(_ value: Int?) { add(value.map { number($0) } ?? "", value.map { "\($0)" } ?? "") }
        func count(_ value: UInt64, _ applies: Bool = true) {
            add(applies ? number(Int(clamping: value)) : "", applies ? "\(value)" : "")
        }
        var label = ""
        if isAdministrator, row.kind == .server {
            label +=
                "<input type=\"checkbox\" name=\"s\" value=\"\(escaped(row.name))\" aria-label=\"Choose \(escaped(row.name))\">"
        }
        label += "<b>\(escaped(name))</b>"
        if let address = row.address { label += "<small>\(escaped(address))</small>" }
        if let tracked = row.tracked { label += "<small>tracks \(escaped(tracked))</small>" }
        add(label, name)
        add("<span class=\"state \(Self.stateClass(row.status))\">\(escaped(row.status))</span>", row.status)
        count(row.queue)
        count(row.maxQueue)
        let isCounted = row.kind != .listener
        count(isCounted ? row.rates.sessions : nil)
        count(isCounted ? row.rates.maxSessions : nil)
        count(row.sessions)
        count(t.maxSessions)
        count(row.sessionLimit)
        count(t.sessions)
        count(t.requests, row.isHTTP && isCounted)
        add(bytes(t.bytesIn), "\(t.bytesIn)")
        add(bytes(t.bytesOut), "\(t.bytesOut)")
        count(t.deniedRequests, row.kind != .server)
        count(t.deniedResponses)
        count(t.requestErrors, row.isFront)
        count(t.connectErrors, row.isBack)
        count(t.responseErrors, row.isBack)
        count(t.retries, row.isBack)
        count(t.redispatches, row.isBack)
        count(t.responses[2], row.isHTTP && isCounted)
        count(t.responses[4], row.isHTTP && isCounted)
        count(t.responses[5], row.isHTTP && isCounted)
        count(row.time(\.queueTime)?.average)
        count(row.time(\.connectTime)?.average)
        count(row.time(\.responseTime)?.average)
        count(row.weight)
        add(row.downSeconds.map { HumanTime.text($0) } ?? "", row.downSeconds.map { "\($0)" } ?? "")
        add(row.secondsSinceChange.map { HumanTime.text($0) } ?? "", row.secondsSinceChange.map { "\($0)" } ?? "")
        var text = "<tr class=\"\(row.kind.word.lowercased())\(row.isDown ? " down" : "")\">"
        for (index, cell) in cells.enumerated() {
            let column = Self.columns[index]
            let title = column.group.isEmpty ? column.name : "\(column.group) \(column.name.lowercased())"
            let tag = index == 0 ? "th scope=\"row\"" : "td"
            let isError = (15...17).contains(index) && !cell.value.isEmpty && cell.value != "0"
            text += "<\(tag) data-l=\"\(title)\" data-v=\"\(escaped(cell.value))\"\(isError ? " class=\"bad\"" : "")>"
            text += cell.text + (index == 0 ? "</th>" : "</td>")
        }
        return text + "</tr>"
    }

    /// The class of a state's badge.
    private static func stateClass(_ status: String) -> String {
        switch status.prefix(while: { $0 != " " }) {
        case "UP", "OPEN": "up"
        case "DOWN", "STOP": "off"
        case "MAINT": "maint"
        case "DRAIN", "NOLB", "PAUSED": "drain"
        default: "plain"
        }
    }

    // MARK: Text

    /// A count with spaces between its thousands.
    private func number(_ value: Int) -> String {
        var digits = Array(String(value))
        var place = digits.count - 3
        while place > (value < 0 ? 1 : 0) {
            digits.insert("\u{202f}", at: place)
            place -= 3
        }
        return String(digits)
    }

    /// Bytes in a unit that keeps the number short.
    private func bytes(_ value: UInt64) -> String {
        var scaled = Double(value)
        var unit = 0
        let units = ["B", "kB", "MB", "GB", "TB", "PB"]
        while scaled >= 1000, unit < units.count - 1 {
            scaled /= 1000
            unit += 1
        }
        let tenths = Int((scaled * 10).rounded())
        let text = unit == 0 || tenths >= 1000 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
        return "\(text)\u{202f}\(units[unit])"
    }

    private func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
