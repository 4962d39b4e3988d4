/// The outputs of statistics: CSV, typed and JSON (management.txt, sections 9.1 and 9.2).
enum StatisticsText {
    enum Format: Sendable { case csv, typed, json }

    private static let columns = ProxyColumns.all + ModuleColumns.all

    /// The line of names that CSV starts with.
    static let header =
        "# " + ProxyColumns.all.map { $0.name + "," }.joined() + "-," + ModuleColumns.all.map { $0.name + "," }.joined()
        + "\n"

    /// One row as CSV.
    static func csv(_ row: ProxyRow) -> String {
        var text = ""
        for (index, value) in row.values(columns).enumerated() {
            if index == ProxyColumns.all.count { text += "-," }
            text += quoted(value.description)
            text += ","
        }
        return text + "\n"
    }

    /// A field of CSV: in quotes when it holds a comma, a quote or a line feed.
    static func quoted(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 0x2c || $0 == 0x22 || $0 == 0x0a || $0 == 0x0d }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }

    /// One row as typed lines.
    static func typed(_ row: ProxyRow, describes: Bool) -> String {
        var text = ""
        for (index, value) in row.values(columns).enumerated() where value != .none {
            let column = columns[index]
            text += "\(row.kind.letter).\(row.proxyID).\(row.id).\(index).\(column.name).1:"
            text += "\(row.tags(column).letters):\(value.typeName):\(value.description)"
            if describes { text += ":\"\(column.description)\"" }
            text += "\n"
        }
        return text
    }

    /// One row as a JSON array.
    static func json(_ row: ProxyRow) -> String {
        var items: [String] = []
        for (index, value) in row.values(columns).enumerated() where value != .none {
            let column = columns[index]
            items.append(
                "{\"objType\":\"\(row.kind.word)\",\"proxyId\":\(row.proxyID),\"id\":\(row.id),"
                    + json(position: index, column.name, row.tags(column), value) + "}")
        }
        return "[" + items.joined(separator: ",") + "]"
    }

    /// The members that a value of any statistics has.
    static func json(position: Int, _ name: String, _ tags: StatTags, _ value: StatValue) -> String {
        let quotes = if case .text = value { "\"" } else { "" }
        return "\"field\":{\"pos\":\(position),\"name\":\"\(name)\"},\"processNum\":1,\"tags\":{\"origin\":\""
            + "\(tags.origin)\",\"nature\":\"\(tags.nature)\",\"scope\":\"\(tags.scope)\"},\"value\":{\"type\":\""
            + "\(value.typeName)\",\"value\":\(quotes)\(escaped(value.description))\(quotes)}"
    }

    /// A string inside JSON's quotes (RFC 8259 section 7).
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
