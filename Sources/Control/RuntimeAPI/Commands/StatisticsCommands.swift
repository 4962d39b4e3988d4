import Configuration
import Proxying
import Resolution
import Servers

/// `show info`, `show stat`, `clear counters`.
enum StatisticsCommands {
    static let all = [
        Command(
            "show info",
            usage: "show info [desc|json|typed|float]*      : report information about the running process",
            run: showInfo),
        Command(
            "show stat", usage: "show stat [desc|json|no-maint|typed|up]*: report counters for each proxy and server",
            run: showStat),
        Command(
            "clear counters",
            usage: "clear counters [all|server <bk>/<srv> [force]] : clear max statistics counters (or all, or one"
                + " server's)",
            run: clearCounters),
    ]

    // MARK: show info

    @ControlActor private static func showInfo(_ call: CommandCall) async throws(CommandFailure) {
        var format = StatisticsText.Format.csv
        var describes = false
        var usesFloat = false
        for word in call.words.dropFirst(2) {
            switch word {
            case "typed": format = .typed
            case "json": format = .json
            case "desc": describes = true
            case "float": usesFloat = true
            default: break
            }
        }
        let state = await ProcessState(call.api)
        var items: [String] = []
        for (index, field) in ProcessFields.all.enumerated() {
            let value = field.value(state)
            guard value != .none else { continue }
            var text = value.description
            var type = value.typeName
            if usesFloat, field.name == "Uptime_sec" {
                let micros = String(state.uptimeFraction / 1000)
                text += "." + String(repeating: "0", count: 6 - micros.count) + micros
                type = "flt"
            }
            let end = describes ? ":\"\(field.description)\"\n" : "\n"
            switch format {
            case .csv: items.append("\(field.name): \(text)\(end)")
            case .typed: items.append("\(index).\(field.name).1:\(field.tags.letters):\(type):\(text)\(end)")
            case .json:
                items.append("{" + StatisticsText.json(position: index, field.name, field.tags, value) + "}")
            }
        }
        switch format {
        case .csv, .typed: try await call.write(items.joined())
        case .json: try await call.write("[" + items.joined(separator: ",") + "]\n")
        }
    }

    // MARK: show stat

    @ControlActor private static func showStat(_ call: CommandCall) async throws(CommandFailure) {
        var words = call.words.dropFirst(2)
        if words.first == "domain" {
            let domain = words.dropFirst().first
            words = words.dropFirst(2)
            if domain == "resolvers" { return try await ResolverCommands.showStatistics(words, call) }
            guard domain == "proxy" else { throw .refused("Invalid statistics domain.\n") }
        }
        var filter = StatisticsCollector.Filter()
        filter.showsLegends = call.session.socket.level >= .operator
        if words.count >= 3 {
            let start = words.startIndex
            let proxy = proxyNumber(words[start], call.api.workers.blueprint)
            guard proxy != 0 else { throw .refused("No such proxy.\n") }
            filter.proxy = proxy < 0 ? nil : proxy
            filter.kinds = CommandArgument.leadingInteger(words[start + 1])
            filter.server = CommandArgument.leadingInteger(words[start + 2])
            words = words.dropFirst(3)
        }
        var format = StatisticsText.Format.csv
        var describes = false
        for word in words {
            switch word {
            case "typed": format = .typed
            case "json": format = .json
            case "desc": describes = true
            case "no-maint": filter.hidesMaintenance = true
            case "up": filter.hidesDown = true
            default: break
            }
        }
        let rows = await call.api.statistics.rows(filter)
        switch format {
        case .csv:
            try await call.write(StatisticsText.header)
            for row in rows { try await call.write(StatisticsText.csv(row)) }
        case .typed:
            for row in rows { try await call.write(StatisticsText.typed(row, describes: describes)) }
        case .json:
            try await call.write("[")
            for (index, row) in rows.enumerated() {
                try await call.write((index > 0 ? "," : "") + StatisticsText.json(row))
            }
            try await call.write("]\n")
        }
    }

    /// The number of a proxy by its name or number; 0 when it is neither.
    private static func proxyNumber(_ text: String, _ blueprint: Blueprint) -> Int {
        if let frontend = blueprint.frontends.first(where: { $0.settings.name == text }) { return frontend.settings.id }
        if let backend = blueprint.backendTable.backend(named: text) { return backend.servers.settings.id }
        return CommandArgument.leadingInteger(text)
    }

    // MARK: clear counters

    @ControlActor private static func clearCounters(_ call: CommandCall) async throws(CommandFailure) {
        let all = call[2] == "all"
        if call[2] == "server" {
            try call.session.require(.admin)
            let server = try call.api.server(call[3])
            await call.api.statistics.clear(server)
            return try await call.say("Server counters cleared.", .info)
        }
        try call.session.require(.operator)
        if all { try call.session.require(.admin) }
        await call.api.statistics.clear(all: all)
        if all { call.api.resolution?.clearCounters() }
    }
}
