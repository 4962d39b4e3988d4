/// A number of a JSON text, with the digits added up one by one in the order in which HAProxy adds them, so that the same
/// text gives the same value to the last bit.
struct JSONNumber {
    let value: Double
    /// Bytes that belong to it; 0 when there is no digit.
    let length: Int

    init(_ text: Span<UInt8>) {
        var index = 0
        var end = 0
        var sign = 1.0
        var value = 0.0

        func digit(_ index: Int) -> Double? {
            index < text.count && text[index] &- 0x30 < 10 ? Double(text[index] &- 0x30) : nil
        }

        if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
            if text[index] == UInt8(ascii: "-") { sign = -1 }
            index += 1
        }
        if digit(index) != nil {
            while let next = digit(index) {
                value = value * 10 + next
                index += 1
            }
            end = index
        } else if index >= text.count || text[index] != UInt8(ascii: ".") {
            self.value = 0
            length = 0
            return
        }
        value *= sign
        if index < text.count, text[index] == UInt8(ascii: ".") {
            var fraction = 0.0
            var base = 0.1
            index += 1
            while let next = digit(index) {
                fraction += base * next
                base /= 10
                index += 1
            }
            value += fraction * sign
            end = index
        }
        if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            var isNegative = false
            if index < text.count, text[index] == UInt8(ascii: "-") {
                isNegative = true
                index += 1
            }
            if index < text.count, text[index] == UInt8(ascii: "+") { index += 1 }
            var exponent: Int32 = 0
            while let next = digit(index) {
                exponent = exponent &* 10 &+ Int32(next)
                index += 1
            }
            let factor = Self.powerOfTen(exponent)
            if isNegative ? exponent < 0 : exponent > 0 {
                value *= factor
            } else if exponent != 0 {
                value /= factor
            }
            end = index
        } else if index > 0, digit(index - 1) == nil {
            // A dot with nothing after it.
            end = 0
        }
        self.value = value
        length = end
    }

    private static func powerOfTen(_ exponent: Int32) -> Double {
        var factor = 1.0
        var power = 10.0
        var left = exponent
        while left > 0 {
            if left & 1 == 1 { factor *= power }
            power *= power
            left >>= 1
        }
        return factor
    }
}

/// Integers as C's `strtoll` reads them with any base: an optional sign, then decimal, octal after `0`, or hexadecimal
/// after `0x`. Values outside 64 bits stop at the nearest.
func integerOfAnyBase(_ text: Span<UInt8>) -> Int64 {
    var index = 0
    var isNegative = false
    if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
        isNegative = text[index] == UInt8(ascii: "-")
        index += 1
    }
    var base: Int64 = 10
    if index < text.count, text[index] == UInt8(ascii: "0") {
        base = 8
        if index + 2 < text.count, text[index + 1] | 0x20 == UInt8(ascii: "x"), hexadecimalDigit(text[index + 2]) != nil
        {
            base = 16
            index += 2
        }
    }
    var value: Int64 = 0
    while index < text.count, let digit = hexadecimalDigit(text[index]), Int64(digit) < base {
        let (product, tooLarge) = value.multipliedReportingOverflow(by: base)
        let (sum, overflow) =
            isNegative
            ? product.subtractingReportingOverflow(Int64(digit)) : product.addingReportingOverflow(Int64(digit))
        if tooLarge || overflow { return isNegative ? .min : .max }
        value = sum
        index += 1
    }
    return value
}

/// The value of a hexadecimal digit; nil for other bytes.
func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 0x30
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 0x61 + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 0x41 + 10
    default: nil
    }
}
