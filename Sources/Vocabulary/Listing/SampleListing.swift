package import Samples

/// The fetches, converters and aliases as text, read from the tables that register them.
package struct SampleListing {
    private let fetches: [Fetch]
    private let converters: [Converter]
    private let aliases: [Alias]

    package init(_ catalogue: SampleCatalogue) {
        fetches = catalogue.fetches.values.sorted { $0.name < $1.name }
        converters = catalogue.converters.values.sorted { $0.name < $1.name }
        aliases = catalogue.aliases.values.sorted { $0.name < $1.name }
    }

    /// The fetches as HAProxy's `-dKsmp` lists them: where each is usable, its arguments and its type.
    package var fetchKeywords: String {
        var lines = ["# List of registered sample fetch functions:"] + Self.places
        for fetch in fetches {
            let places = fetch.sources.places
            let marks = RulePlace.names.indices.map {
                places.contains(RulePlace(rawValue: 1 << UInt32($0))) ? "Y" : "."
            }
            lines.append("[ \(marks.joined(separator: " ")) ] \(fetch.name)\(fetch.signature.text): \(fetch.type.name)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The converters as HAProxy's `-dKcnv` lists them: arguments, then the type that comes out and the one that goes in.
    package var converterKeywords: String {
        var lines = ["# List of registered sample converter functions:"]
        for converter in converters {
            lines.append(
                "\(converter.name)\(converter.signature.text): \(converter.output.name) => \(converter.input.name)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The lines above the columns of ``fetchKeywords``: each leads from a column to the name of its place.
    private static var places: [String] {
        let count = RulePlace.names.count
        var lines: [String] = []
        for (column, name) in RulePlace.names.enumerated() {
            let lead = String(repeating: " ", count: count - column + 1) + String(repeating: "/ ", count: column)
            lines.append("#\(lead)_.\(String(repeating: "-", count: count - column)) \(name)")
        }
        lines.append("# \(String(repeating: "/ ", count: count)) ")
        lines.append("#\(String(repeating: " |", count: count)) ")
        return lines
    }

    /// The text of `docs/SAMPLES.md`.
    package var document: String {
        var lines = [
            "# Sample fetches, converters and aliases",
            "",
            "<!-- Written by `portico -dKdoc` from the tables in Sources/Vocabulary: change those, not this. -->",
            "",
            "What sample expressions can use. Names, arguments, types and results are HAProxy's (configuration.txt",
            "sections 7.3.1 to 7.3.6). An argument in brackets may be left out.",
            "",
            "## Fetches",
            "",
            "| fetch | gives | reads | what it is | example |",
            "|---|---|---|---|---|",
        ]
        for fetch in fetches {
            let source = fetch.sources.names
            lines.append(
                Self.row([
                    "`\(fetch.name)\(fetch.signature.text)`", fetch.type.name, source.isEmpty ? "constants" : source,
                    fetch.summary, "`\(fetch.example)`",
                ]))
        }
        lines += [
            "", "## Converters", "", "| converter | takes | gives | what it is | example |", "|---|---|---|---|---|",
        ]
        for converter in converters {
            lines.append(
                Self.row([
                    "`\(converter.name)\(converter.signature.text)`", converter.input.name, converter.output.name,
                    converter.summary, "`\(converter.example)`",
                ]))
        }
        lines += [
            "", "## Aliases of log formats", "",
            "Section 8.2.6. `%o` is no alias: it sets the flags of the items that follow.", "",
            "| alias | where | what it is |", "|---|---|---|",
        ]
        for alias in aliases {
            let place =
                switch alias.restriction {
                case .none: "anywhere"
                case .http: "`mode http`"
                case .tls: "TLS listeners"
                case .log: "logs"
                }
            lines.append(Self.row(["`%\(alias.name)`", place, alias.summary]))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func row(_ cells: [String]) -> String {
        "| "
            + cells.map { $0.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") }
            .joined(separator: " | ") + " |"
    }
}

extension RulePlace {
    /// The places by their bits, in the words of HAProxy's listing.
    static let names = [
        "frontend tcp-request connection rule", "frontend tcp-request session rule",
        "frontend tcp-request content rule", "frontend http-request header rule", "frontend http-request body rule",
        "frontend use-backend rule", "backend tcp-request content rule", "backend http-request header rule",
        "backend http-request body rule", "backend use-server, balance or stick-match rule",
        "server source selection", "backend tcp-response content rule", "backend http-response header rule",
        "backend http-response body rule", "backend stick-store rule", "frontend tcp-response content rule",
        "frontend http-response header rule", "frontend http-response body rule", "logs", "backend tcp-check rule",
        "configuration parser", "CLI parser",
    ]
}
