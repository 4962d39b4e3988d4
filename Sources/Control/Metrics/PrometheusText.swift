/// Prometheus' text format (version 0.0.4): for each metric what it is, its type, and a line for each thing that has it.
struct PrometheusText {
    private(set) var bytes: [UInt8] = []
    /// What goes before the first line of a metric; empty once it is out.
    private var header = ""

    /// Begins a metric. Its lines follow; one without lines leaves no trace.
    mutating func begin(_ name: String, _ help: String, isCounter: Bool) {
        header = "# HELP \(name) \(help)\n# TYPE \(name) \(isCounter ? "counter" : "gauge")\n"
    }

    /// One line.
    ///
    /// - Parameters:
    ///   - labels: those of the thing, ready to be put between braces; may be empty.
    ///   - extra: one more label.
    mutating func line(_ name: String, _ labels: [UInt8], _ value: String, _ extra: StaticLabel? = nil) {
        if !header.isEmpty {
            append(header)
            header = ""
        }
        append(name)
        if !labels.isEmpty || extra != nil {
            bytes.append(UInt8(ascii: "{"))
            bytes += labels
            if let extra {
                if !labels.isEmpty { bytes.append(UInt8(ascii: ",")) }
                append(extra.name)
                append("=\"")
                append(extra.value)
                append("\"")
            }
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(0x20)
        append(value)
        bytes.append(0x0a)
    }

    private mutating func append(_ text: String) { bytes += text.utf8 }

    /// A label with a value of ours: nothing in it needs an escape.
    struct StaticLabel {
        let name: String
        let value: String
    }

    /// Labels from names and values.
    static func labels(_ pairs: (name: String, value: String)...) -> [UInt8] {
        Array(pairs.map { "\($0.name)=\"\(escaped($0.value))\"" }.joined(separator: ",").utf8)
    }

    /// A label's value: backslash, quote and line feed are escaped.
    static func escaped(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 0x5c || $0 == 0x22 || $0 == 0x0a }) else { return text }
        return text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    /// Milliseconds as seconds with six decimals.
    static func seconds(_ milliseconds: Double) -> String {
        let micros = Int(milliseconds * 1000)
        let fraction = String(abs(micros) % 1_000_000)
        return "\(micros / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction
    }
}
