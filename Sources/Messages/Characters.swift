/// A set of ASCII bytes as two masks: membership is a shift, without a table in memory.
struct CharacterSet: Sendable {
    /// Bit n stands for byte n.
    let low: UInt64
    /// Bit n stands for byte 64 + n.
    let high: UInt64

    @inline(__always) func contains(_ byte: UInt8) -> Bool {
        guard byte < 128 else { return false }
        let half = byte < 64 ? low : high
        return (half >> UInt64(byte & 63)) & 1 != 0
    }

    @inline(__always) func containsAll(_ bytes: Span<UInt8>) -> Bool {
        for index in bytes.indices where unsafe !contains(bytes[unchecked: index]) { return false }
        return true
    }

    /// `tchar` (RFC 9110 section 5.6.2).
    static let token = CharacterSet(low: 0x3ff_6cfa_0000_0000, high: 0x57ff_ffff_c7ff_fffe)
    /// `tchar` without upper-case letters (RFC 9113 section 8.2.1, RFC 9114 section 4.2).
    static let lowerToken = CharacterSet(low: 0x3ff_6cfa_0000_0000, high: 0x57ff_ffff_c000_0000)
    /// Letters, digits, `+`, `-`, `.`: a URI's scheme (RFC 3986 section 3.1).
    static let scheme = CharacterSet(low: 0x3ff_6800_0000_0000, high: 0x7ff_fffe_07ff_fffe)
    /// What a host and a port are made of (RFC 3986 section 3.2), `@` left out: user information is refused.
    static let authority = CharacterSet(low: 0x2fff_7ff2_0000_0000, high: 0x47ff_fffe_afff_fffe)
    /// Visible ASCII but `#`: what a request target may hold. Wider than RFC 3986, as clients are; a fragment is not
    /// part of a target (RFC 9112 section 3.2).
    static let target = CharacterSet(low: 0xffff_fff6_0000_0000, high: 0x7fff_ffff_ffff_ffff)
}

extension UInt8 {
    /// True for a byte of a token (RFC 9110 section 5.6.2).
    @inline(__always) public var isTokenCharacter: Bool { CharacterSet.token.contains(self) }
    /// True for a byte of a request target: visible ASCII but `#`.
    @inline(__always) public var isTargetCharacter: Bool { CharacterSet.target.contains(self) }
    /// True for a space or a horizontal tab.
    @inline(__always) public var isBlank: Bool { self == 0x20 || self == 0x09 }
    @inline(__always) public var isDigit: Bool { self &- 0x30 < 10 }
}

extension Span<UInt8> {
    /// True for a token: at least one byte, all of them `tchar`.
    public var isToken: Bool { !isEmpty && CharacterSet.token.containsAll(self) }

    /// The place of the first byte from `start` on that is no `tchar`, or the end.
    public func endOfToken(from start: Int) -> Int {
        let token = CharacterSet.token
        var index = Swift.max(0, start)
        while index < count, unsafe token.contains(self[unchecked: index]) { index &+= 1 }
        return index
    }

    /// The place of the first byte that a field value must not hold: a control other than a tab, or DEL (RFC 9110
    /// section 5.5); nil when there is none. Bytes from 128 on are let through. Eight bytes at a time.
    public var firstInvalidValueByte: Int? { firstInvalidValueByte(from: 0) }

    /// The same from `start` on.
    public func firstInvalidValueByte(from start: Int) -> Int? {
        var index = Swift.max(0, start)
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        while index &+ 8 <= count {
            let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
            let controls = (word &- ones &* 0x20) & ~word & tops
            let flipped = word ^ (ones &* 0x7f)
            let deletes = (flipped &- ones) & ~flipped & tops
            if controls | deletes != 0 {
                for place in index..<(index &+ 8) where unsafe self[unchecked: place].isForbiddenInValue {
                    return place
                }
            }
            index &+= 8
            // The last bytes are looked at together with some before them.
            if index < count, index &+ 8 > count { index = count &- 8 }
        }
        while index < count {
            if unsafe self[unchecked: index].isForbiddenInValue { return index }
            index &+= 1
        }
        return nil
    }

    /// The place of the first byte from `start` on that no request target holds, or the end. Eight bytes at a time.
    public func endOfTarget(from start: Int) -> Int {
        var index = Swift.max(0, start)
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        while index &+ 8 <= count {
            let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
            let below = (word &- ones &* 0x21) & ~word
            let flipped = word ^ (ones &* 0x7f)
            let deletes = (flipped &- ones) & ~flipped
            let hashed = word ^ (ones &* 0x23)
            let hashes = (hashed &- ones) & ~hashed
            if (below | deletes | hashes | word) & tops != 0 { break }
            index &+= 8
        }
        while index < count, unsafe self[unchecked: index].isTargetCharacter { index &+= 1 }
        return Swift.min(index, count)
    }

    /// True for a field value as HTTP/2 and HTTP/3 carry it: no controls, no blank at either end.
    public var isFieldValue: Bool {
        if isEmpty { return true }
        return !self[0].isBlank && !self[count - 1].isBlank && firstInvalidValueByte == nil
    }

    /// True for a protocol as `Upgrade` names it (RFC 9110 section 7.8): a token, or two with a slash between.
    public var isUpgradeProtocol: Bool {
        guard !isEmpty, self[0] != 0x2f, self[count - 1] != 0x2f else { return false }
        var slashes = 0
        for index in indices where !self[index].isTokenCharacter {
            guard self[index] == 0x2f else { return false }
            slashes += 1
        }
        return slashes <= 1
    }

    /// True for an absolute path with its query: `/` first, visible ASCII without `#`.
    public var isOriginTarget: Bool { !isEmpty && self[0] == 0x2f && CharacterSet.target.containsAll(self) }

    /// The same, with `#` among its bytes.
    var isFragmentTarget: Bool {
        guard !isEmpty, self[0] == 0x2f else { return false }
        var start = 0
        while start <= count {
            var end = start
            while end < count, self[end] != 0x23 { end += 1 }
            guard CharacterSet.target.containsAll(extracting(start..<end)) else { return false }
            start = end + 1
        }
        return true
    }

    /// True for a URI's scheme.
    public var isScheme: Bool {
        guard !isEmpty, self[0].asciiLowercased &- 0x61 < 26 else { return false }
        return CharacterSet.scheme.containsAll(self)
    }

    /// True when no byte is one that an authority can not have; its parts may still make no sense.
    public var hasAuthorityBytesOnly: Bool { CharacterSet.authority.containsAll(self) }

    /// Reads an authority without user information (RFC 3986 section 3.2): nil when it is malformed. Gives where the
    /// host ends and the port's value: nil when there is no port or it is empty.
    public var authorityParts: (hostEnd: Int, port: UInt16?)? {
        guard !isEmpty else { return nil }
        var hostEnd = 0
        if self[0] == 0x5b {
            guard CharacterSet.authority.containsAll(self) else { return nil }
            while hostEnd < count, self[hostEnd] != 0x5d { hostEnd += 1 }
            guard hostEnd > 1, hostEnd < count else { return nil }
            hostEnd += 1
            guard hostEnd == count || self[hostEnd] == 0x3a else { return nil }
        } else {
            // What follows the colon is seen to be digits below.
            while hostEnd < count {
                let byte = unsafe self[unchecked: hostEnd]
                if byte == 0x3a { break }
                guard CharacterSet.authority.contains(byte), byte != 0x5b, byte != 0x5d else { return nil }
                hostEnd &+= 1
            }
            guard hostEnd > 0 else { return nil }
        }
        if hostEnd + 1 >= count { return (hostEnd, nil) }
        var port = 0
        for index in (hostEnd + 1)..<count {
            guard self[index].isDigit else { return nil }
            port = port * 10 + Int(self[index] - 0x30)
            guard port <= 65_535 else { return nil }
        }
        return (hostEnd, UInt16(port))
    }

    /// Of an authority: the bytes without a port that the scheme has anyway, or that is empty (RFC 3986 section 6.2.3).
    /// Another text stays as it is.
    @_lifetime(copy self)
    public func withoutUsualPort(of scheme: Span<UInt8>) -> Span<UInt8> {
        guard let parts = authorityParts, parts.hostEnd < count else { return self }
        let usual: UInt16? =
            scheme.equalsIgnoringCase("http") ? 80 : scheme.equalsIgnoringCase("https") ? 443 : nil
        guard parts.port == nil || parts.port == usual else { return self }
        return extracting(0..<parts.hostEnd)
    }

    /// Of a number in digits: the bytes without zeros before it.
    public var withoutLeadingZeros: Span<UInt8> {
        @_lifetime(copy self) get {
            var start = 0
            while start + 1 < count, self[start] == 0x30 { start += 1 }
            return extracting(start..<count)
        }
    }

    /// The bytes without blanks at both ends.
    public var trimmed: Span<UInt8> {
        @_lifetime(copy self) get {
            var start = 0
            var end = count
            while start < end, self[start].isBlank { start += 1 }
            while end > start, self[end - 1].isBlank { end -= 1 }
            return extracting(start..<end)
        }
    }

    /// True when both have the same bytes but for the case of ASCII letters.
    public func equalsIgnoringCase(_ other: borrowing Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index].asciiLowercased != other[index].asciiLowercased { return false }
        return true
    }

    /// The next member of a comma-separated list (RFC 9110 section 5.6.1) from `place` on, without its blanks; empty
    /// members are skipped. Moves `place` past it; nil at the end of the list. Quoted strings are not looked into.
    @_lifetime(copy self)
    public func nextMember(_ place: inout Int) -> Span<UInt8>? {
        while place < count {
            let start = place
            while place < count, self[place] != 0x2c { place += 1 }
            let member = extracting(start..<place).trimmed
            if place < count { place += 1 }
            if !member.isEmpty { return member }
        }
        return nil
    }

    /// The first member of a comma-separated list; everything when there is none.
    public var firstMember: Span<UInt8> {
        @_lifetime(copy self) get {
            var place = 0
            guard let member = nextMember(&place) else { return self }
            return member
        }
    }

    /// True when the comma-separated list has `token`, which is in lower case.
    public func listContains(_ token: StaticString) -> Bool {
        var place = 0
        while let member = nextMember(&place) {
            if member.equalsIgnoringCase(token) { return true }
        }
        return false
    }
}

extension UInt8 {
    @inline(__always) fileprivate var isForbiddenInValue: Bool { self < 0x20 ? self != 0x09 : self == 0x7f }
}
