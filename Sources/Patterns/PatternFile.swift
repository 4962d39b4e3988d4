// The text form of lists: one entry a line (configuration.txt 7.1 for `-f`, 7.3.1 for `map`).

extension PatternReference {
    /// Adds the entries of a file's text to the current version. Lines that begin with `#` and empty lines are left
    /// out, blanks before a key are. In a list without values the key is the rest of the line, blanks included; in a
    /// map it ends at the first blank, and the value is what follows, without the blanks around it.
    /// - Returns: how many entries there are.
    @discardableResult
    public func load(_ text: Span<UInt8>) throws(PatternError) -> Int {
        reserve(PatternFile.lineCount(of: text))
        var count = 0
        var line = 0
        var start = 0
        while start < text.count {
            line += 1
            var end = start
            while end < text.count, text[end] != UInt8(ascii: "\n") { end += 1 }
            if let entry = PatternFile.entry(in: text, start..<end, hasValues: hasValues) {
                do {
                    if let value = entry.value {
                        try add(key: text.extracting(entry.key), value: text.extracting(value), line: line)
                    } else {
                        try add(key: text.extracting(entry.key), value: nil, line: line)
                    }
                } catch {
                    throw PatternError("\(error.message) at line \(line) of file '\(name)'")
                }
                count += 1
            }
            start = end + 1
        }
        return count
    }
}

/// Reads the lines of list files.
public enum PatternFile {
    /// Where the key and, in a map, the value stand in a line; nil for a line without an entry.
    /// - Parameter line: the line's range in `text`, without its line feed.
    public static func entry(
        in text: Span<UInt8>, _ line: Range<Int>, hasValues: Bool
    ) -> (key: Range<Int>, value: Range<Int>?)? {
        if !line.isEmpty, text[line.lowerBound] == UInt8(ascii: "#") { return nil }
        // A carriage return ends a line as well.
        let end = line.first { text[$0] == UInt8(ascii: "\r") || text[$0] == 0 } ?? line.upperBound
        var start = line.lowerBound
        while start < end, text[start].isBlank { start += 1 }
        guard start < end else { return nil }
        guard hasValues else { return (start..<end, nil) }
        var keyEnd = start
        while keyEnd < end, !text[keyEnd].isBlank { keyEnd += 1 }
        var valueStart = keyEnd
        while valueStart < end, text[valueStart].isBlank { valueStart += 1 }
        var valueEnd = end
        while valueEnd > valueStart, text[valueEnd - 1].isBlank { valueEnd -= 1 }
        return (start..<keyEnd, valueStart..<valueEnd)
    }

    /// How many lines a text has.
    static func lineCount(of text: Span<UInt8>) -> Int {
        var count = 1
        for index in text.indices where text[index] == UInt8(ascii: "\n") { count += 1 }
        return count
    }
}

extension UInt8 {
    fileprivate var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
}
