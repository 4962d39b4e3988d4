import Messages
import Samples

/// The ways in which `normalize-uri` writes a path and a query in one form (RFC 3986 section 6.2.2).
enum URINormalizer: Sendable, Equatable {
    case fragmentEncode, fragmentStrip, pathMergeSlashes, pathStripDot
    case pathStripDotDot(isFull: Bool)
    case percentDecodeUnreserved(isStrict: Bool)
    case percentToUppercase(isStrict: Bool)
    case querySortByName

    /// Writes the normal form of a path with its query. False when the text is malformed and the normalizer is strict.
    func write(_ text: Span<UInt8>, into result: inout ScratchText) -> Bool {
        switch self {
        case .fragmentEncode:
            for index in text.indices {
                if text[index] == UInt8(ascii: "#") { result.append("%23") } else { result.append(text[index]) }
            }
        case .fragmentStrip: result.append(text.extracting(0..<Self.end(of: text, at: UInt8(ascii: "#"))))
        case .pathMergeSlashes, .pathStripDot, .pathStripDotDot:
            let end = Self.end(of: text, at: UInt8(ascii: "?"))
            let path = text.extracting(0..<end)
            switch self {
            case .pathMergeSlashes: Self.mergeSlashes(path, into: &result)
            case .pathStripDot: Self.stripDot(path, into: &result)
            case .pathStripDotDot(let isFull): Self.stripDotDot(path, isFull: isFull, into: &result)
            default: break
            }
            result.append(text.extracting(end..<text.count))
        case .percentDecodeUnreserved(let isStrict):
            return Self.escapes(text, isStrict: isStrict, into: &result) { high, low, result in
                let byte = (high.hexadecimalValue ?? 0) << 4 | (low.hexadecimalValue ?? 0)
                if Self.isUnreserved(byte) { return result.append(byte) }
                result.append(UInt8(ascii: "%"))
                result.append(high)
                result.append(low)
            }
        case .percentToUppercase(let isStrict):
            return Self.escapes(text, isStrict: isStrict, into: &result) { high, low, result in
                result.append(UInt8(ascii: "%"))
                result.append(high.isDigit ? high : high & 0xdf)
                result.append(low.isDigit ? low : low & 0xdf)
            }
        case .querySortByName: Self.sortQuery(text, into: &result)
        }
        return true
    }

    /// Where `byte` first stands; the text's end when it does not.
    static func end(of text: Span<UInt8>, at byte: UInt8) -> Int {
        for index in text.indices where text[index] == byte { return index }
        return text.count
    }

    /// Letters, digits, `-`, `.`, `_` and `~` (RFC 3986 section 2.3).
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        byte.isDigit || (byte | 0x20) &- 0x61 < 26 || byte == 0x2d || byte == 0x2e || byte == 0x5f || byte == 0x7e
    }

    private static func mergeSlashes(_ path: Span<UInt8>, into result: inout ScratchText) {
        for index in path.indices
        where path[index] != 0x2f || index == 0 || path[index - 1] != 0x2f { result.append(path[index]) }
    }

    private static func stripDot(_ path: Span<UInt8>, into result: inout ScratchText) {
        var start = 0
        while start < path.count {
            var end = start
            while end < path.count, path[end] != 0x2f { end += 1 }
            if end - start != 1 || path[start] != 0x2e {
                result.append(path.extracting(start..<min(end + 1, path.count)))
            }
            start = end + 1
        }
    }

    /// A segment that is left out for each `..` behind it; those that have none stay in front, unless `isFull`.
    private static func stripDotDot(_ path: Span<UInt8>, isFull: Bool, into result: inout ScratchText) {
        // From the end, as HAProxy does it: the last segment of `/a/..` counts as one with a slash.
        var kept: [Range<Int>] = []
        var ups = 0
        var end = path.count
        if isUp(path, end) {
            ups += 1
            end -= 2
        }
        while end > 0 {
            if path[end - 1] == 0x2f, isUp(path, end - 1) {
                ups += 1
                end -= 3
                continue
            }
            if ups > 0 {
                end -= 1
                guard end > 0 else { break }
                ups -= 1
                while end > 0, path[end - 1] != 0x2f { end -= 1 }
            } else {
                let last = end
                end -= 1
                while end > 0, path[end - 1] != 0x2f { end -= 1 }
                kept.append(end..<last)
            }
        }
        if ups > 0 {
            if !isFull { for _ in 0..<ups { result.append("/..") } }
            result.append(UInt8(ascii: "/"))
        }
        for range in kept.reversed() { result.append(path.extracting(range)) }
    }

    /// Whether `/..` stands before `end`.
    private static func isUp(_ path: Span<UInt8>, _ end: Int) -> Bool {
        end >= 3 && path[end - 3] == 0x2f && path[end - 2] == 0x2e && path[end - 1] == 0x2e
    }

    /// Passes each escape to `write`, other text as it is. False at a broken escape when strict.
    private static func escapes(
        _ text: Span<UInt8>, isStrict: Bool, into result: inout ScratchText,
        _ write: (_ high: UInt8, _ low: UInt8, _ result: inout ScratchText) -> Void
    ) -> Bool {
        var index = 0
        while index < text.count {
            let byte = text[index]
            if byte == UInt8(ascii: "%") {
                if index + 2 < text.count, text[index + 1].hexadecimalValue != nil,
                    text[index + 2].hexadecimalValue != nil
                {
                    write(text[index + 1], text[index + 2], &result)
                    index += 3
                    continue
                }
                if isStrict { return false }
            }
            result.append(byte)
            index += 1
        }
        return true
    }

    private static func sortQuery(_ text: Span<UInt8>, into result: inout ScratchText) {
        let start = end(of: text, at: UInt8(ascii: "?"))
        guard start < text.count else { return result.append(text) }
        result.append(text.extracting(0..<(start + 1)))
        var parameters: [ArraySlice<UInt8>] = []
        let query = Array(copying: text.extracting((start + 1)..<text.count))
        if !query.isEmpty { parameters = query.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false) }
        // An empty piece behind the last separator is none.
        if parameters.last?.isEmpty == true { parameters.removeLast() }
        // Equal names keep their order: the sort is stable.
        parameters.sort { left, right in
            left.prefix { $0 != 0x3d }.lexicographicallyPrecedes(right.prefix { $0 != 0x3d })
        }
        for (index, parameter) in parameters.enumerated() {
            if index > 0 { result.append(UInt8(ascii: "&")) }
            for byte in parameter { result.append(byte) }
        }
    }
}
