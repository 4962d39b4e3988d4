import Samples

/// A format of strftime(3), with the conversion `%N` of date(1) added: nanoseconds, or their first digits by a width.
final class TimeFormat: Sendable {
    /// The format's text before, between and behind conversions of nanoseconds.
    private let pieces: [[UInt8]]
    /// How many digits stand behind each piece but the last.
    private let widths: [Int]

    /// - Parameter hasFraction: whether `%N` is a conversion.
    init(_ format: Argument?, hasFraction: Bool) {
        let text: [UInt8]
        if case .string(let bytes) = format { text = bytes } else { text = [] }
        var pieces: [[UInt8]] = []
        var widths: [Int] = []
        var start = 0
        var index = hasFraction ? 0 : text.count
        while index < text.count {
            defer { index += 1 }
            guard text[index] == UInt8(ascii: "%") else { continue }
            var end = index + 1
            while end < text.count, text[end] &- 0x30 < 10 { end += 1 }
            guard end < text.count, text[end] == UInt8(ascii: "N") else { continue }
            pieces.append(Array(text[start..<index]))
            let digits = String(decoding: text[index + 1..<end], as: UTF8.self)
            widths.append(digits.isEmpty ? 9 : min(Int(digits) ?? 9, 9))
            start = end + 1
            index = end
        }
        pieces.append(Array(text[start...]))
        self.pieces = pieces
        self.widths = widths
    }

    /// Writes a time. The result is empty when it does not fit.
    func write(_ time: BrokenDownTime, _ nanoseconds: Int64, _ sample: inout Sample, _ scratch: ScratchArena) -> Bool {
        var format = scratch.text()
        for (index, piece) in pieces.enumerated() {
            format.append(piece.span)
            if index < widths.count { append(nanoseconds, digits: widths[index], to: &format) }
        }
        format.append(UInt8(0))
        guard !format.isFull else { return false }
        var text = scratch.text()
        time.write(format.bytes, to: &text)
        text.finish(&sample)
        return true
    }

    /// The first digits of the nanoseconds, written with at least nine.
    private func append(_ nanoseconds: Int64, digits: Int, to text: inout ScratchText) {
        // Times before 1970 have negative ones, which HAProxy prints as if they were unsigned.
        var left = UInt64(bitPattern: nanoseconds)
        var reversed = InlineArray<20, UInt8>(repeating: 0x30)
        var count = 0
        while left > 0 || count < 9 {
            reversed[count] = UInt8(truncatingIfNeeded: left % 10) + 0x30
            left /= 10
            count += 1
        }
        for place in 0..<digits { text.append(reversed[count - 1 - place]) }
    }
}
