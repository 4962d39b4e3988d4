import Messages
import Samples

/// What an `Authorization` field says: a scheme, spaces, and the rest (RFC 9110 section 11.4).
struct Credentials {
    enum Scheme { case basic, bearer }

    let scheme: Scheme
    /// Where the token, or the Base64 text, stands in the value.
    let token: Range<Int>

    /// Nil for other schemes and for values without a space.
    init?(_ value: Span<UInt8>) {
        let space = value.firstIndex(of: 0x20)
        guard space > 0, space < value.count else { return nil }
        let name = value.extracting(0..<space)
        if name.equalsIgnoringCase("basic") {
            scheme = .basic
        } else if name.equalsIgnoringCase("bearer") {
            scheme = .bearer
        } else {
            return nil
        }
        var start = space
        while start < value.count, value[start] == 0x20 { start += 1 }
        token = start..<value.count
    }

    /// Reads `user:password` in Base64 into `text`; a zero byte ends either. Nil when it is no such thing.
    static func basic(_ encoded: Span<UInt8>, into text: inout ScratchText) -> (user: Range<Int>, password: Range<Int>)?
    {
        guard decode(encoded, into: &text), !text.isFull else { return nil }
        var end = 0
        while end < text.count, text[end] != 0 { end += 1 }
        var colon = 0
        while colon < end, text[colon] != 0x3a { colon += 1 }
        guard colon < end else { return nil }
        return (0..<colon, (colon + 1)..<end)
    }

    /// Base64 with its padding (RFC 4648 section 4), nothing else between.
    private static func decode(_ encoded: Span<UInt8>, into text: inout ScratchText) -> Bool {
        guard encoded.count % 4 == 0 else { return false }
        var index = 0
        while index < encoded.count {
            var group: UInt32 = 0
            var padding = 0
            for place in 0..<4 {
                let byte = encoded[index + place]
                if byte == 0x3d {
                    guard place >= 2 else { return false }
                    padding += 1
                    group <<= 6
                    continue
                }
                guard padding == 0, let value = value(of: byte) else { return false }
                group = group << 6 | value
            }
            text.append(UInt8(truncatingIfNeeded: group >> 16))
            if padding < 2 { text.append(UInt8(truncatingIfNeeded: group >> 8)) }
            if padding < 1 { text.append(UInt8(truncatingIfNeeded: group)) }
            index += 4
        }
        return true
    }

    private static func value(of byte: UInt8) -> UInt32? {
        switch byte {
        case 0x41...0x5a: UInt32(byte - 0x41)
        case 0x61...0x7a: UInt32(byte - 0x61 + 26)
        case 0x30...0x39: UInt32(byte - 0x30 + 52)
        case 0x2b: 62
        case 0x2f: 63
        default: nil
        }
    }
}
