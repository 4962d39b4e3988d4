/// How an item of a log-format string is written (configuration.txt section 8.2.6): the flags between its braces, and
/// what the place of the format asks for.
package struct FormatOptions: OptionSet, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// `X`.
    package static let hexadecimal = FormatOptions(rawValue: 1)
    /// `M`: `-` stands for an empty text.
    package static let mandatory = FormatOptions(rawValue: 2)
    /// `Q`.
    package static let quoted = FormatOptions(rawValue: 4)
    /// `E`.
    package static let escaped = FormatOptions(rawValue: 8)
    /// `bin`.
    package static let binary = FormatOptions(rawValue: 16)
    package static let json = FormatOptions(rawValue: 32)
    package static let cbor = FormatOptions(rawValue: 64)
    /// Bytes that an HTTP field's value may not have are written as `%XX`.
    package static let http = FormatOptions(rawValue: 128)
    /// Spaces in a row are one.
    package static let mergedSpaces = FormatOptions(rawValue: 256)

    package static let encoded: FormatOptions = [.json, .cbor]

    /// `log-format`, `log-format-sd`, `error-log-format` and those of log profiles.
    package static let logLine: FormatOptions = [.mandatory, .mergedSpaces]
    /// `unique-id-format`.
    package static let uniqueID: FormatOptions = [.http, .mergedSpaces]

    /// The flags by their names in braces.
    package static func named(_ name: some StringProtocol) -> FormatOptions? {
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
package enum FormatType: String, Sendable {
    /// As the item has it.
    case own = ""
    case str, sint, bool
    /// The bytes as they are, without any encoding.
    case raw
}
