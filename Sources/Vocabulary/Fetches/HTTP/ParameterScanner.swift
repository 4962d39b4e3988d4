import Messages

/// Finds parameters (`name=value` between `&` or `;`) in a query or a body, as leniently as HAProxy.
struct ParameterScanner {
    /// What ends a parameter besides `&` and `;`.
    let delimiter: UInt8
    let ignoresCase: Bool
    /// Where the next parameter is looked for.
    private(set) var position: Int

    init(delimiter: UInt8, ignoresCase: Bool, from start: Int) {
        self.delimiter = delimiter
        self.ignoresCase = ignoresCase
        position = start
    }

    /// The place of the next value of a parameter called `wanted` (any when it is empty); nil when there is none left.
    mutating func next(_ text: Span<UInt8>, named wanted: Span<UInt8>) -> Range<Int>? {
        let start: Int
        if wanted.isEmpty {
            var equal = position
            while equal < text.count, text[equal] != 0x3d { equal += 1 }
            guard equal < text.count else { return nil }
            start = equal + 1
        } else {
            guard let name = find(text, wanted) else { return nil }
            start = name + wanted.count + 1
        }
        var end = start
        while end < text.count, !isDelimiter(text[end]) { end += 1 }
        position = end
        return start..<end
    }

    private func find(_ text: Span<UInt8>, _ wanted: Span<UInt8>) -> Int? {
        var index = position
        while index < text.count {
            let equal = index + wanted.count
            guard equal < text.count else { return nil }
            if text[equal] == 0x3d {
                let name = text.extracting(index..<equal)
                if ignoresCase ? name.elementsEqualIgnoringCase(wanted) : name.elementsEqual(wanted) { return index }
                index = equal + 1
            }
            while index < text.count, !isDelimiter(text[index]) { index += 1 }
            index += 1
        }
        return nil
    }

    private func isDelimiter(_ byte: UInt8) -> Bool { byte == 0x26 || byte == 0x3b || byte == delimiter }
}
