import Glibc
import Samples

// Addresses in header fields and URLs.
extension Sample {
    /// Reads an address as header fields carry it: IPv4, with a port behind it perhaps, or IPv6, in brackets perhaps.
    /// False when the text is none of these.
    mutating func setAddress(inField text: Span<UInt8>) -> Bool {
        if let (address, length) = IPv4Text.read(text, from: 0) {
            if length == text.count || Self.isPort(text, from: length) {
                setIPv4(address)
                return true
            }
        }
        if text.count >= 2, text[0] == 0x5b, text[text.count - 1] == 0x5d {
            return setIPv6(text: text.extracting(1..<(text.count - 1)))
        }
        return setIPv6(text: text)
    }

    private static func isPort(_ text: Span<UInt8>, from start: Int) -> Bool {
        guard text[start] == 0x3a, start + 1 < text.count else { return false }
        var index = start + 1
        let isNegative = text[index] == 0x2d
        if isNegative { index += 1 }
        var number = 0
        while index < text.count {
            let digit = text[index] &- 0x30
            guard digit < 10 else { return false }
            number = min(number * 10 + Int(digit), 65_536)
            index += 1
        }
        return isNegative ? number == 0 : number <= 65_535
    }

    /// Reads an IPv6 address; false when the text is none.
    mutating func setIPv6(text: Span<UInt8>) -> Bool {
        // The longest form has 45 bytes.
        guard text.count < 46 else { return false }
        var address = in6_addr()
        let isRead = unsafe withUnsafeTemporaryAllocation(byteCount: 46, alignment: 1) { room in
            for index in text.indices {
                if text[index] == 0 { return false }
                unsafe room[index] = text[index]
            }
            unsafe room[text.count] = 0
            guard let base = room.baseAddress else { return false }
            return unsafe inet_pton(AF_INET6, base.assumingMemoryBound(to: CChar.self), &address) == 1
        }
        guard isRead else { return false }
        var words: (UInt64, UInt64) = (0, 0)
        unsafe withUnsafeBytes(of: &address) { bytes in
            words.0 = unsafe UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
            words.1 = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
        setIPv6(high: words.0, low: words.1)
        return true
    }
}

/// IPv4 addresses in texts.
enum IPv4Text {
    /// The address at `start`, and how many bytes it takes; nil when there is none. Digits and dots that go on behind
    /// four numbers spoil it.
    static func read(_ text: Span<UInt8>, from start: Int) -> (address: UInt32, length: Int)? {
        var address: UInt32 = 0
        var octets = 0
        var octet: UInt32 = 0
        var sawDigit = false
        var index = start
        while index < text.count {
            let byte = text[index]
            let digit = byte &- 0x30
            if digit < 10 {
                octet = octet * 10 + UInt32(digit)
                if octet > 255 { return nil }
                if !sawDigit {
                    octets += 1
                    if octets > 4 { return nil }
                    sawDigit = true
                }
            } else if byte == 0x2e {
                guard sawDigit, octets < 4 else { return nil }
                address = address << 8 | octet
                octet = 0
                sawDigit = false
            } else {
                break
            }
            index += 1
        }
        guard octets == 4 else { return nil }
        return (address << 8 | octet, index - start)
    }
}
