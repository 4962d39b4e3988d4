/// One value of the statistics.
enum StatValue: Sendable, Equatable {
    /// The column does not apply, or nothing counts it.
    case none
    case signed(Int)
    case unsigned32(Int)
    case unsigned64(UInt64)
    case text(String)

    static func u32(_ value: Int?) -> StatValue { value.map { .unsigned32(max(0, $0)) } ?? .none }
    static func s32(_ value: Int?) -> StatValue { value.map { .signed($0) } ?? .none }
    static func u64(_ value: UInt64?) -> StatValue { value.map { .unsigned64($0) } ?? .none }
    static func u64(_ value: UInt64, _ applies: Bool) -> StatValue { applies ? .unsigned64(value) : .none }
    static func str(_ value: String?) -> StatValue { value.map { .text($0) } ?? .none }

    /// The type's name in typed and JSON outputs.
    var typeName: String {
        switch self {
        case .none: ""
        case .signed: "s32"
        case .unsigned32: "u32"
        case .unsigned64: "u64"
        case .text: "str"
        }
    }

    /// The value as text outputs write it; empty for ``none``.
    var description: String {
        switch self {
        case .none: ""
        case .signed(let value): "\(value)"
        case .unsigned32(let value): "\(value)"
        case .unsigned64(let value): "\(value)"
        case .text(let text): text
        }
    }

    /// The number, for outputs of numbers only.
    var number: Double? {
        switch self {
        case .none, .text: nil
        case .signed(let value), .unsigned32(let value): Double(value)
        case .unsigned64(let value): Double(value)
        }
    }
}

/// Where a value comes from, what kind it is, and what it is about: the letters of the typed output (management.txt,
/// section 9.2).
struct StatTags: Sendable, Equatable {
    /// Four letters, the last of which is `P` for what a reload keeps and `V` for what it does not.
    let letters: String
    private var bytes: [UInt8] { Array(letters.utf8) }

    init(_ letters: String) { self.letters = letters }

    /// As JSON spells them.
    var origin: String {
        switch bytes[0] {
        case UInt8(ascii: "M"): "Metric"
        case UInt8(ascii: "S"): "Status"
        case UInt8(ascii: "K"): "Key"
        case UInt8(ascii: "C"): "Config"
        case UInt8(ascii: "P"): "Product"
        default: "Unknown"
        }
    }

    var nature: String {
        switch bytes[1] {
        case UInt8(ascii: "G"): "Gauge"
        case UInt8(ascii: "L"): "Limit"
        case UInt8(ascii: "m"): "Min"
        case UInt8(ascii: "M"): "Max"
        case UInt8(ascii: "R"): "Rate"
        case UInt8(ascii: "C"): "Counter"
        case UInt8(ascii: "D"): "Duration"
        case UInt8(ascii: "A"): "Age"
        case UInt8(ascii: "T"): "Time"
        case UInt8(ascii: "N"): "Name"
        case UInt8(ascii: "O"): "Output"
        case UInt8(ascii: "a"): "Avg"
        default: "Unknown"
        }
    }

    var scope: String {
        switch bytes[2] {
        case UInt8(ascii: "C"): "Cluster"
        case UInt8(ascii: "S"): "Service"
        case UInt8(ascii: "P"): "Process"
        default: "Unknown"
        }
    }

    /// True for what only grows: a counter of Prometheus.
    var isCounter: Bool { bytes[1] == UInt8(ascii: "C") }
}

/// A column of the statistics of proxies and servers.
struct StatColumn: Sendable {
    let name: String
    /// The tags; backends have some of their own.
    let tags: StatTags
    let backendTags: StatTags
    /// What it is, for `desc`.
    let description: String
    let value: @Sendable (ProxyRow) -> StatValue

    init(
        _ name: String, _ tags: String, backend: String? = nil, _ description: String,
        _ value: @escaping @Sendable (ProxyRow) -> StatValue
    ) {
        self.name = name
        self.tags = StatTags(tags)
        backendTags = StatTags(backend ?? tags)
        self.description = description
        if Self.ofListeners.contains(name) {
            self.value = value
        } else {
            self.value = { $0.kind == .listener ? .none : value($0) }
        }
    }

    /// What is known of a listening address.
    private static let ofListeners: Set<String> = [
        "pxname", "svname", "scur", "smax", "slim", "stot", "bin", "bout", "dreq", "dresp", "ereq", "status", "pid",
        "iid", "sid", "type", "addr", "mode", "conn_tot", "dcon", "dses", "wrew", "eint", "proto", "reqbin", "reqbout",
        "resbin", "resbout", "ssl_sess", "ssl_reused_sess", "ssl_failed_handshake",
    ]
}
