/// The JSON schema (draft 4) of `show info json`, `show stat json` and their errors, in HAProxy's form and order
/// (management.txt section 9.3, "show schema json").
enum StatisticsSchema {
    static let text = schema + "\n"

    private static let schema = object([
        ("$schema", string("http://json-schema.org/draft-04/schema#")),
        ("oneOf", list([info, stat, error])),
        ("definitions", object(definitions)),
    ])

    // MARK: The three answers

    private static let common = ["field", "processNum", "tags"]

    private static var info: String { array("Info", [], typeless: "value", required: common + ["value"]) }

    private static var stat: String {
        array(
            "Stat",
            [
                ("objType", object([("enum", words(["Frontend", "Backend", "Listener", "Server", "Unknown"]))])),
                ("proxyId", integer(from: 0)), ("id", integer(from: 0)),
            ], typeless: "typedValue", required: ["objType", "proxyId", "id"] + common + ["value"])
    }

    private static func array(
        _ title: String, _ own: [(String, String)], typeless value: String, required: [String]
    ) -> String {
        let shared = common.map { ($0, reference($0)) } + [(value, reference("typedValue"))]
        let item = object([
            ("title", string("InfoItem")), ("type", string("object")), ("properties", object(own + shared)),
            ("required", words(required)),
        ])
        return object([("title", string(title)), ("type", string("array")), ("items", item)])
    }

    private static var error: String {
        object([
            ("title", string("Error")), ("type", string("object")),
            ("properties", object([("errorStr", type("string"))])), ("required", words(["errorStr"])),
        ])
    }

    // MARK: What they are made of

    private static var definitions: [(String, String)] {
        [
            (
                "field",
                object([
                    ("type", string("object")), ("pos", integer(from: 0)), ("name", type("string")),
                    ("required", words(["pos", "name"])),
                ])
            ),
            ("processNum", integer(from: 1)), ("tags", tags), ("typedValue", typedValue),
        ]
    }

    private static var tags: String {
        let origins = ["Metric", "Status", "Key", "Config", "Product", "Unknown"]
        let natures = [
            "Gauge", "Limit", "Min", "Max", "Rate", "Counter", "Duration", "Age", "Time", "Name", "Output", "Avg",
        ]
        // The last one stands behind a space there.
        let natureList = "[" + natures.map(string).joined(separator: ",") + ", " + string("Unknown") + "]"
        func choice(_ list: String) -> String { object([("type", string("string")), ("enum", list)]) }
        return object([
            ("type", string("object")), ("origin", choice(words(origins))), ("nature", choice(natureList)),
            ("scope", choice(words(["Cluster", "Process", "Service", "System", "Unknown"]))),
            ("required", words(["origin", "nature", "scope"])),
        ])
    }

    private static var typedValue: String {
        // Numbers of JSON are exact up to 53 bits.
        let exact = 1 << 53 - 1
        let kinds: [(name: String, value: String)] = [
            ("s32", integer(from: Int(Int32.min), to: Int(Int32.max))), ("s64", integer(from: -exact, to: exact)),
            ("u32", integer(from: 0, to: Int(UInt32.max))), ("u64", integer(from: 0, to: exact)),
            ("str", type("string")),
        ]
        func definition(_ kind: String, _ value: String) -> String {
            object([
                ("properties", object([("type", kind), ("value", value)])), ("required", words(["type", "value"])),
            ])
        }
        func only(_ name: String) -> String { object([("type", string("string")), ("enum", words([name]))]) }
        let parts =
            kinds.map { ("\($0.name)Value", definition(only($0.name), $0.value)) } + [
                ("unknownValue", definition(integer(from: 0), only("unknown")))
            ]
        return object([
            ("type", string("object")),
            ("oneOf", list(kinds.map { reference("typedValue/definitions/\($0.name)Value") })),
            ("definitions", object(parts)),
        ])
    }

    // MARK: JSON

    private static func string(_ text: String) -> String { "\"\(text)\"" }

    private static func list(_ items: [String]) -> String { "[" + items.joined(separator: ",") + "]" }

    private static func words(_ items: [String]) -> String { list(items.map(string)) }

    private static func object(_ members: [(String, String)]) -> String {
        "{" + members.map { "\(string($0.0)):\($0.1)" }.joined(separator: ",") + "}"
    }

    private static func type(_ name: String) -> String { object([("type", string(name))]) }

    private static func reference(_ name: String) -> String { object([("$ref", string("#/definitions/\(name)"))]) }

    private static func integer(from low: Int, to high: Int? = nil) -> String {
        var members = [("type", string("integer")), ("minimum", "\(low)")]
        if let high { members.append(("maximum", "\(high)")) }
        return object(members)
    }
}
