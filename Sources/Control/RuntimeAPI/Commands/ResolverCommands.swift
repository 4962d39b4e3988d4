import Configuration
import Resolution

/// Commands about name servers: `show resolvers`, and `show stat domain resolvers`.
enum ResolverCommands {
    static let all = [
        Command(
            "show resolvers",
            usage: "show resolvers [id]                     : dumps counters from all resolvers section and associated"
                + " name servers", run: showResolvers)
    ]

    @ControlActor private static func showResolvers(_ call: CommandCall) async throws(CommandFailure) {
        let resolvers = call.api.resolution?.resolvers ?? []
        let wanted = call[2].isEmpty ? resolvers : resolvers.filter { $0.settings.name == call[2] }
        if wanted.isEmpty, !call[2].isEmpty { throw .refused("Can't find that resolvers section") }
        if wanted.isEmpty { return try await call.write("No resolvers found\n") }
        for resolver in wanted {
            try await call.write("Resolvers section \(resolver.settings.name)\n")
            for server in resolver.nameServers {
                var text = " nameserver \(server.settings.name):\n"
                for column in NameServerCounters.columns {
                    let label = "  \(column.label):"
                    let padding = String(repeating: " ", count: max(1, 15 - label.utf8.count))
                    text += "\(label)\(padding)\(column.value(server.counters))\n"
                }
                try await call.write(text)
            }
        }
    }

    // MARK: Statistics

    /// One column's value and what it is.
    private struct Field {
        let name: String
        let description: String
        let value: StatValue
        let tags: StatTags
    }

    /// `show stat domain resolvers`.
    @ControlActor static func showStatistics(
        _ words: ArraySlice<String>, _ call: CommandCall
    ) async throws(CommandFailure) {
        let describes = words.contains("desc")
        let isTyped = words.contains("typed")
        let isJSON = words.contains("json")
        let names = ["id", "pid"] + NameServerCounters.columns.map(\.name)
        if isJSON {
            try await call.write("[")
        } else if !isTyped {
            try await call.write("# \(names.joined(separator: ",")),\n")
        }
        var isFirst = true
        for resolver in call.api.resolution?.resolvers ?? [] {
            for server in resolver.nameServers {
                let fields = fields(resolver, server)
                if isTyped {
                    try await call.write(typed(fields, describes: describes))
                } else if isJSON {
                    try await call.write((isFirst ? "" : ",") + json(fields))
                } else {
                    let values = fields.map { StatisticsText.quoted($0.value.description) + "," }
                    try await call.write(values.joined() + "\n")
                }
                isFirst = false
            }
        }
        if isJSON { try await call.write("]\n") }
    }

    private static func fields(_ resolver: Resolver, _ server: NameServer) -> [Field] {
        let name = StatTags("CGPV")
        var fields = [
            Field(name: "id", description: "ID", value: .text(server.settings.name), tags: name),
            Field(name: "pid", description: "Parent ID", value: .text(resolver.settings.name), tags: name),
        ]
        for column in NameServerCounters.columns {
            fields.append(
                Field(
                    name: column.name, description: column.description,
                    value: .unsigned64(UInt64(clamping: column.value(server.counters))), tags: StatTags("MGPV")))
        }
        return fields
    }

    private static func typed(_ fields: [Field], describes: Bool) -> String {
        var text = ""
        for (index, field) in fields.enumerated() {
            text += "N.\(index).\(field.name):\(field.tags.letters):\(field.value.typeName):\(field.value.description)"
            text += describes ? ":\"\(field.description)\"\n" : "\n"
        }
        return text
    }

    private static func json(_ fields: [Field]) -> String {
        let items = fields.enumerated().map { index, field in
            let quotes = if case .text = field.value { "\"" } else { "" }
            return
                "{\"field\":{\"pos\":\(index),\"name\":\"\(field.name)\"},\"tags\":{\"origin\":\"\(field.tags.origin)\","
                + "\"nature\":\"\(field.tags.nature)\",\"scope\":\"\(field.tags.scope)\"},\"value\":{\"type\":\""
                + "\(field.value.typeName)\",\"value\":\(quotes)\(StatisticsText.escaped(field.value.description))\(quotes)}}"
        }
        return "[" + items.joined(separator: ",") + "]"
    }
}
