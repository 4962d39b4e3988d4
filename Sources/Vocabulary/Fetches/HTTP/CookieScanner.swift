/// Reads cookies out of one member of a `Cookie` or `Set-Cookie` field, as leniently as HAProxy: spaces around names and
/// values, quoted values, attributes that start with `$` passed over.
struct CookieScanner {
    /// A cookie: the places of its name and value.
    struct Cookie {
        var name: Range<Int>
        var value: Range<Int>
    }

    /// True for `Cookie`, which lists many; `Set-Cookie` has one, and then its attributes.
    let isList: Bool
    /// Whether a comma ends a name too.
    let splitsAtComma: Bool
    /// Where the next cookie is looked for.
    private(set) var position: Int
    let end: Int

    init(isList: Bool, splitsAtComma: Bool, from start: Int, to end: Int) {
        self.isList = isList
        self.splitsAtComma = splitsAtComma
        position = start
        self.end = end
    }

    /// The next cookie called `wanted` (any when it is empty); nil when there is none left.
    mutating func next(_ text: Span<UInt8>, named wanted: Span<UInt8>) -> Cookie? {
        while position + wanted.count + 1 < end {
            var start = position
            while start < end, text[start].isBlank { start += 1 }
            var equal = start
            var nameEnd = start
            while equal < end {
                let byte = text[equal]
                if byte == 0x3d || byte == 0x3b || splitsAtComma && byte == 0x2c { break }
                equal += 1
                if !byte.isBlank { nameEnd = equal }
            }
            var valueStart = equal
            var valueEnd = equal
            var stop = equal
            let hasValue = equal < end && text[equal] == 0x3d
            if hasValue {
                valueStart = equal + 1
                while valueStart < end, text[valueStart].isBlank { valueStart += 1 }
                stop = Self.valueEnd(text, from: valueStart, to: end)
                valueEnd = stop
                while valueEnd > valueStart, text[valueEnd - 1].isBlank { valueEnd -= 1 }
            }
            position = stop + 1
            if start < end, text[start] == 0x24 { continue }
            if !hasValue { continue }
            let name = start..<nameEnd
            if wanted.isEmpty || text.extracting(name).elementsEqual(wanted) {
                return Cookie(name: name, value: valueStart..<valueEnd)
            }
            if !isList { break }
        }
        position = end
        return nil
    }

    /// The next semicolon or comma outside quotes, or the end.
    private static func valueEnd(_ text: Span<UInt8>, from start: Int, to end: Int) -> Int {
        var index = start
        var isQuoted = false
        while index < end {
            let byte = text[index]
            if isQuoted {
                if byte == 0x5c { index += 1 } else if byte == 0x22 { isQuoted = false }
            } else if byte == 0x22 {
                isQuoted = true
            } else if byte == 0x2c || byte == 0x3b {
                return index
            }
            index += 1
        }
        return end
    }
}

extension Span<UInt8> {
    /// Whether both have the same bytes.
    func elementsEqual(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index] != other[index] { return false }
        return true
    }

    /// Whether both have the same bytes but for the case of ASCII letters.
    func elementsEqualIgnoringCase(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index].lowercased != other[index].lowercased { return false }
        return true
    }
}

extension UInt8 {
    fileprivate var lowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
}
