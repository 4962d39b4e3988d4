package import Configuration

/// One message about the configuration: what is wrong, where, and how bad it is.
package struct Diagnostic: Sendable, Equatable {
    /// How bad it is.
    package enum Severity: String, Sendable {
        /// The configuration can not be used.
        case alert = "ALERT"
        case warning = "WARNING"
        case notice = "NOTICE"
        /// Shown in diagnostic mode (`-dD`) only.
        case diag = "DIAG"
    }

    package var severity: Severity
    /// The place; nil: the configuration as a whole.
    package var location: SourceLocation?
    /// What is wrong, in one sentence without a line feed at its end.
    package var message: String
    /// The source line with the column to mark; nil: the message says it all.
    package var excerpt: Excerpt?

    package init(
        _ severity: Severity, _ message: String, at location: SourceLocation? = nil, excerpt: Excerpt? = nil
    ) {
        self.severity = severity
        self.location = location
        self.message = message
        self.excerpt = excerpt
    }

    /// The message as the program prints it, in HAProxy's form with the process's number, without a line feed at its
    /// end. The source line and a caret below the marked column follow on lines of their own.
    package func rendered(pid: Int32) -> String {
        let label = "[\(severity.rawValue)]"
        var text = label + String(repeating: " ", count: max(1, 11 - label.utf8.count)) + "(\(pid)) : config : "
        if let location { text += "parsing [\(location)] : " }
        text += message
        if let excerpt { text += excerpt.rendered }
        return text
    }
}

/// A source line and the column that a message is about.
package struct Excerpt: Sendable, Equatable {
    /// The line's bytes without its line feed.
    package var line: ArraySlice<UInt8>
    /// Bytes from the start of the line to the marked place.
    package var column: Int

    package init(line: ArraySlice<UInt8>, column: Int) {
        self.line = line
        self.column = column
    }

    /// Most characters shown of a line.
    static let width = 80

    /// A line feed, the line indented by two, a line feed, and a caret below the column.
    var rendered: String {
        let characters = Array(String(decoding: line, as: UTF8.self).unicodeScalars)
        let mark = min(
            String(decoding: line.prefix(max(column, 0)), as: UTF8.self).unicodeScalars.count, characters.count)
        let indentation = min(characters.prefix { $0 == " " || $0 == "\t" }.count, mark)
        var shown = indentation..<characters.count
        while let last = shown.last, characters[last].value < 128, Byte.isSpace(UInt8(characters[last].value)) {
            shown = shown.lowerBound..<shown.upperBound - 1
        }
        var lead = ""
        if mark - shown.lowerBound >= Self.width {
            lead = "..."
            shown = (mark - Self.width / 2)..<max(shown.upperBound, mark)
        }
        var trail = ""
        if shown.count + lead.count > Self.width {
            trail = "..."
            shown = shown.lowerBound..<shown.lowerBound + Self.width - lead.count - trail.count
        }
        let text = String(String.UnicodeScalarView(characters[shown].map(Self.printable)))
        let caret = String(repeating: " ", count: mark - shown.lowerBound + lead.count) + "^"
        return "\n  " + lead + text + trail + "\n  " + caret
    }

    /// A stand-in for characters that would move the cursor.
    private static func printable(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        if scalar == "\t" { return " " }
        return scalar.properties.generalCategory == .control ? "?" : scalar
    }
}
