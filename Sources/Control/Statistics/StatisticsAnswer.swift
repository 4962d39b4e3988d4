import Configuration
import Proxying
import Rules

/// Answers requests for a statistics page: the page itself, or its data as CSV, JSON or typed lines.
@ControlActor
enum StatisticsAnswer {
    static func make(_ request: StatisticsRequest, _ api: RuntimeAPI) async -> ReplyContent {
        if let form = request.form { return StatisticsFormAnswer.make(form, request, api) }
        let options = request.options.split(separator: ";").map(String.init)
        var filter = StatisticsCollector.Filter()
        filter.showsLegends = request.page.showsLegends
        filter.hidesMaintenance = options.contains("no-maint")
        filter.hidesDown = options.contains("up")
        var rows = await api.statistics.rows(filter)
        let scopes = request.page.scopes.map { $0 == "." ? request.proxy : $0 }
        if !scopes.isEmpty { rows.removeAll { !scopes.contains($0.proxy) } }
        if options.contains("csv") {
            return reply("text/plain", StatisticsText.header + rows.map { StatisticsText.csv($0) }.joined())
        }
        if options.contains("json") {
            return reply("application/json", "[" + rows.map { StatisticsText.json($0) }.joined(separator: ",") + "]")
        }
        if options.contains("typed") {
            return reply("text/plain", rows.map { StatisticsText.typed($0, describes: false) }.joined())
        }
        let refresh = options.contains("norefresh") ? nil : request.page.refresh
        let page = StatisticsPage(
            settings: request.page, rows: rows, state: await ProcessState(api), refresh: refresh, options: options,
            isAdministrator: request.isAdministrator)
        var answer = reply("text/html; charset=utf-8", page.html())
        answer.fields.append((Array("content-security-policy".utf8), Array(StatisticsPage.policy.utf8)))
        answer.fields.append((Array("x-frame-options".utf8), Array("sameorigin".utf8)))
        return answer
    }

    private static func reply(_ type: String, _ body: String) -> ReplyContent {
        var reply = ReplyContent(
            status: 200,
            fields: [
                (Array("cache-control".utf8), Array("no-cache".utf8)), (Array("content-type".utf8), Array(type.utf8)),
            ], body: Array(body.utf8))
        reply.reason = Array("OK".utf8)
        return reply
    }
}
