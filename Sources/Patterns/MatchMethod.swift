/// How a value is compared with a list's patterns (configuration.txt 7.1.1 to 7.1.6, and the `map_*` converters).
public enum MatchMethod: UInt8, CaseIterable, Sendable {
    /// The value exists; patterns are not looked at.
    case found
    /// The value, a number, is not zero; patterns are not looked at.
    case bool
    /// A number in a range.
    case int
    /// An address in a network.
    case ip
    /// The same bytes as those a pattern writes in hexadecimal.
    case bin
    /// The value's length is in a range.
    case len
    /// The same text.
    case str
    /// The text begins with the pattern.
    case beg
    /// The text contains the pattern.
    case sub
    /// The text contains the pattern between `/` and `?`, or at its ends.
    case dir
    /// The text contains the pattern between `.`, `/`, `?` and `:`, or at its ends.
    case dom
    /// The text ends with the pattern.
    case end
    /// A regular expression, without captures.
    case reg
    /// A regular expression with captures (`map_regm`).
    case regm
    /// A version of the form `major.minor` in a range: how TLS versions are compared. It has no name for `-m`.
    case version

    /// The name that `-m` and `get map` use.
    public var name: String {
        switch self {
        case .found: "found"
        case .bool: "bool"
        case .int, .version: "int"
        case .ip: "ip"
        case .bin: "bin"
        case .len: "len"
        case .str: "str"
        case .beg: "beg"
        case .sub: "sub"
        case .dir: "dir"
        case .dom: "dom"
        case .end: "end"
        case .reg: "reg"
        case .regm: "regm"
        }
    }

    /// The method that `-m name` means; nil for an unknown name.
    public init?(name: some StringProtocol) {
        guard let method = Self.allCases.first(where: { $0 != .version && $0.name == name }) else { return nil }
        self = method
    }

    /// What a value must be turned into before it is compared.
    public enum Input: Sendable {
        case number, address, bytes, text
    }

    /// What a value must be turned into before it is compared.
    public var input: Input {
        switch self {
        case .found, .bool, .int, .version: .number
        case .ip: .address
        case .bin: .bytes
        case .len, .str, .beg, .sub, .dir, .dom, .end, .reg, .regm: .text
        }
    }
}
