import Samples

/// The two alphabets of base64 (RFC 4648 sections 4 and 5).
enum Base64Alphabet: Sendable {
    /// `+` and `/`, padded with `=`.
    case standard
    /// `-` and `_`, without padding.
    case url

    /// Appends the text that spells `bytes`.
    func encode(_ bytes: borrowing Span<UInt8>, _ text: inout ScratchText) {
        var index = 0
        while index < bytes.count {
            let length = min(3, bytes.count - index)
            var group = UInt32(bytes[index]) << 16
            if length > 1 { group |= UInt32(bytes[index + 1]) << 8 }
            if length > 2 { group |= UInt32(bytes[index + 2]) }
            for place in 0...length {
                text.append(character(UInt8(truncatingIfNeeded: group >> UInt32(18 - 6 * place)) & 63))
            }
            if self == .standard { for _ in length..<3 { text.append(UInt8(ascii: "=")) } }
            index += 3
        }
    }

    /// Appends the bytes that `characters` spell. False when they are no base64 text. What HAProxy takes is taken:
    /// padding may end any group of four, and `=` counts as 63 in the alphabet of URLs.
    func decode(_ characters: borrowing Span<UInt8>, _ text: inout ScratchText) -> Bool {
        decode(characters) { text.append($0) }
    }

    /// The bytes that `characters` spell; nil when they are no base64 text.
    func bytes(_ characters: borrowing Span<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(characters.count)
        return decode(characters) { bytes.append($0) } ? bytes : nil
    }

    private func decode(_ characters: borrowing Span<UInt8>, _ append: (UInt8) -> Void) -> Bool {
        let count = characters.count
        guard self == .standard ? count % 4 == 0 : count % 4 != 1 else { return false }
        var index = 0
        while index < count {
            var group: UInt32 = 0
            var length = 0
            for place in 0..<4 {
                group <<= 6
                guard index + place < count else { continue }
                let character = characters[index + place]
                if self == .standard, character == UInt8(ascii: "="), place > 0 { continue }
                guard length == place, let value = value(character) else { return false }
                group |= UInt32(value)
                length += 1
            }
            for place in 0..<max(0, length - 1) { append(UInt8(truncatingIfNeeded: group >> UInt32(16 - 8 * place))) }
            index += 4
        }
        return true
    }

    private func character(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<26: 0x41 + value
        case 26..<52: 0x61 + value - 26
        case 52..<62: 0x30 + value - 52
        case 62: self == .standard ? UInt8(ascii: "+") : UInt8(ascii: "-")
        default: self == .standard ? UInt8(ascii: "/") : UInt8(ascii: "_")
        }
    }

    private func value(_ character: UInt8) -> UInt8? {
        switch character {
        case 0x41...0x5a: return character - 0x41
        case 0x61...0x7a: return character - 0x61 + 26
        case 0x30...0x39: return character - 0x30 + 52
        case UInt8(ascii: "+"): return self == .standard ? 62 : nil
        case UInt8(ascii: "/"): return self == .standard ? 63 : nil
        case UInt8(ascii: "-"): return self == .url ? 62 : nil
        case UInt8(ascii: "_"), UInt8(ascii: "="): return self == .url ? 63 : nil
        default: return nil
        }
    }
}
