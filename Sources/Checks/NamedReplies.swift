package import Configuration

/// What a server's answer to a named check comes to.
package enum NamedReply: Equatable {
    /// The rest has not come yet.
    case wait
    /// The next step follows.
    case next
    case passed(words: String)
    case failed(CheckStatus, code: Int, words: String)
}

/// Packets of MySQL's protocol.
package enum MySQLReply {
    /// The packet at `offset`: an error, or what was hoped for.
    ///
    /// - Parameters:
    ///   - isLast: no step follows.
    ///   - isComplete: no more bytes come.
    package static func read(_ bytes: [UInt8], at offset: Int, isLast: Bool, isComplete: Bool) -> NamedReply {
        guard let length = length(bytes, at: offset), bytes.count >= offset + 4 + length, length > 0 else {
            return isComplete ? .failed(.l7response, code: 0, words: "") : .wait
        }
        if bytes[offset + 4] == 0xff {
            let code = bytes.count > offset + 6 ? Int(bytes[offset + 5]) | Int(bytes[offset + 6]) << 8 : 0
            let words = bytes.dropFirst(offset + 7).prefix { $0 != 0 }
            return .failed(.l7status, code: code, words: String(decoding: words, as: UTF8.self))
        }
        guard isLast else { return .next }
        // The greeting's version stands behind the protocol's number.
        return .passed(words: String(decoding: bytes.dropFirst(5).prefix { $0 != 0 }, as: UTF8.self))
    }

    /// Bytes of the packet at `offset` behind its head.
    static func length(_ bytes: [UInt8], at offset: Int) -> Int? {
        guard bytes.count >= offset + 4 else { return nil }
        return Int(bytes[offset]) | Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2]) << 16
    }

    /// The answer to our handshake stands behind the greeting.
    package static func readResult(_ bytes: [UInt8], isLast: Bool, isComplete: Bool) -> NamedReply {
        guard let greeting = length(bytes, at: 0) else {
            return isComplete ? .failed(.l7response, code: 0, words: "") : .wait
        }
        return read(bytes, at: greeting + 4, isLast: isLast, isComplete: isComplete)
    }
}

/// The answer to an LDAP bind (RFC 4511 section 4.2.2), in BER.
package enum LDAPReply {
    package static func read(_ bytes: [UInt8], isComplete: Bool) -> NamedReply {
        let short: NamedReply = isComplete ? .failed(.l7response, code: 0, words: "") : .wait
        let foreign = NamedReply.failed(.l7response, code: 0, words: "Not LDAPv3 protocol")
        var position = 1
        guard let message = length(bytes, &position, known: [2, 4]) else { return short }
        guard message >= 0 else { return foreign }
        guard bytes.count - position >= message else { return short }
        guard expect([0x02, 0x01, 0x01, 0x61], bytes, &position) else { return foreign }
        guard position < bytes.count else { return short }
        position += 1 + (bytes[position] & 0x80 != 0 ? Int(bytes[position] & 0x7f) : 0)
        guard bytes.count >= position + 3 else { return short }
        guard expect([0x0a, 0x01], bytes, &position) else { return foreign }
        let code = Int(bytes[position])
        if code == 0 { return .passed(words: "Success") }
        return .failed(
            .l7status, code: code, words: "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9")
    }

    /// A length in BER; nil when it is not whole, -1 when its own size is none of `known`.
    private static func length(_ bytes: [UInt8], _ position: inout Int, known: [Int]) -> Int? {
        guard position < bytes.count else { return nil }
        let first = bytes[position]
        guard first & 0x80 != 0 else {
            position += 1
            return Int(first)
        }
        let count = Int(first & 0x7f)
        guard bytes.count - position >= 1 + count else { return nil }
        guard known.contains(count) else { return -1 }
        var value = 0
        for byte in bytes[(position + 1)...(position + count)] { value = value << 8 | Int(byte) }
        position += 1 + count
        return value
    }

    private static func expect(_ wanted: [UInt8], _ bytes: [UInt8], _ position: inout Int) -> Bool {
        guard bytes.dropFirst(position).starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }
}
