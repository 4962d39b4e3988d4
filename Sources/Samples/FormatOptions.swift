/// How an item of a log-format string is written (configuration.txt section 8.2.6): the flags between its braces, and
/// what the place of the format asks for.
public struct FormatOptions: OptionSet, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// `X`.
    public static let hexadecimal = FormatOptions(rawValue: 1)
    /// `M`: `-` stands for an empty text.
    public static let mandatory = FormatOptions(rawValue: 2)
    /// `Q`.
    public static let quoted = FormatOptions(rawValue: 4)
    /// `E`.
    public static let escaped = FormatOptions(rawValue: 8)
    /// `bin`.
    public static let binary = FormatOptions(rawValue: 16)
    public static let json = FormatOptions(rawValue: 32)
    public static let cbor = FormatOptions(rawValue: 64)
    /// Bytes that an HTTP field's value may not have are written as `%XX`.
    public static let http = FormatOptions(rawValue: 128)
    /// Spaces in a row are one.
    public static let mergedSpaces = FormatOptions(rawValue: 256)

    public static let encoded: FormatOptions = [.json, .cbor]

    /// `log-format`, `log-format-sd`, `error-log-format` and those of log profiles.
    public static let logLine: FormatOptions = [.mandatory, .mergedSpaces]
    /// `unique-id-format`.
    public static let uniqueID: FormatOptions = [.http, .mergedSpaces]

    /// The flags by their names in braces.
    public static func named(_ name: some StringProtocol) -> FormatOptions? {
        switch name {
        case "M": .mandatory
        case "Q": .quoted
        case "X": .hexadecimal
        case "E": .escaped
        case "bin": .binary
        case "json": .json
        case "cbor": .cbor
        default: nil
        }
    }
}

/// The type that an item's value gets when it is encoded: `%(name:type)alias`.
public enum FormatType: String, Sendable {
    /// As the item has it.
    case own = ""
    case str, sint, bool
    /// The bytes as they are, without any encoding.
    case raw
}
