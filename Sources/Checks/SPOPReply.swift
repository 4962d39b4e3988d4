import Configuration

/// The answer of an agent to HELLO with the item `healthcheck` (HAProxy's SPOE.txt, sections 3.2.4 to 3.2.9).
package enum SPOPReply {
    /// The agent's greeting, or the reason for which it leaves.
    package static func read(_ bytes: [UInt8], isComplete: Bool) -> NamedReply {
        guard bytes.count >= 11 else { return isComplete ? refusal(.invalid) : .wait }
        let type = bytes[4]
        guard type == 101 || type == 102, number(bytes, at: 5) == 1, bytes[9] == 0, bytes[10] == 0 else {
            return refusal(.invalid)
        }
        let length = number(bytes, at: 0)
        guard bytes.count - 4 >= length else { return isComplete ? refusal(.invalid) : .wait }
        guard length >= 7 else { return refusal(.invalid) }
        var items = Items(bytes: bytes[11..<(4 + length)])
        do throws(Malformed) {
            return try type == 101 ? greeting(&items) : goodbye(&items)
        } catch { return refusal(.invalid) }
    }

    /// What an agent says when something is wrong, by its number.
    private enum Status: Int {
        case normal = 0
        case failedInput, timeout, tooBig, invalid, noVersion, noFrameSize, noCapabilities, badVersion, badFrameSize
        case unknown = 99

        var words: String {
            switch self {
            case .normal: "normal"
            case .failedInput: "I/O error"
            case .timeout: "a timeout occurred"
            case .tooBig: "frame is too big"
            case .invalid: "invalid frame received"
            case .noVersion: "version value not found"
            case .noFrameSize: "max-frame-size value not found"
            case .noCapabilities: "capabilities value not found"
            case .badVersion: "unsupported version"
            case .badFrameSize: "max-frame-size too big or too small"
            case .unknown: "an unknown error occurred"
            }
        }
    }

    private static func refusal(_ status: Status, _ words: String? = nil) -> NamedReply {
        .failed(.l7response, code: status.rawValue, words: words ?? status.words)
    }

    private static func greeting(_ items: inout Items) throws(Malformed) -> NamedReply {
        var (hasVersion, hasFrameSize, hasCapabilities) = (false, false, false)
        while let key = try items.key() {
            switch key {
            case "version":
                guard isSupported(try items.text()) else { return refusal(.badVersion) }
                hasVersion = true
            case "max-frame-size":
                // 256 bytes to 16 KiB less four.
                guard (256...16_380).contains(try items.integer()) else { return refusal(.badFrameSize) }
                hasFrameSize = true
            case "capabilities":
                _ = try items.text()
                hasCapabilities = true
            default: try items.skip()
            }
        }
        guard hasVersion else { return refusal(.noVersion) }
        guard hasFrameSize else { return refusal(.noFrameSize) }
        guard hasCapabilities else { return refusal(.noCapabilities) }
        return .passed(words: "SPOA server is ok")
    }

    private static func goodbye(_ items: inout Items) throws(Malformed) -> NamedReply {
        var status = Status.normal
        var words: String?
        while let key = try items.key() {
            switch key {
            case "status-code": status = Status(rawValue: Int(clamping: try items.integer())) ?? .unknown
            case "message":
                let text = try items.text()
                guard text.count <= 255 else { throw Malformed() }
                words = String(decoding: text, as: UTF8.self)
            default: try items.skip()
            }
        }
        return refusal(status, words)
    }

    /// `2.0`, `2.1` and what else begins with 2.
    private static func isSupported(_ version: ArraySlice<UInt8>) -> Bool {
        version.drop { $0 == 0x20 }.starts(with: [0x32, 0x2e])
    }

    private static func number(_ bytes: [UInt8], at place: Int) -> Int {
        bytes[place..<(place + 4)].reduce(0) { $0 << 8 | Int($1) }
    }

    private struct Malformed: Error {}

    /// A frame's list of keys and typed values.
    private struct Items {
        var bytes: ArraySlice<UInt8>

        /// The next key; nil at the end.
        mutating func key() throws(Malformed) -> String? {
            if bytes.isEmpty { return nil }
            let text = try string()
            guard !text.isEmpty else { throw Malformed() }
            return String(decoding: text, as: UTF8.self)
        }

        mutating func text() throws(Malformed) -> ArraySlice<UInt8> {
            guard try type() == 8 else { throw Malformed() }
            return try string()
        }

        mutating func integer() throws(Malformed) -> UInt64 {
            guard (2...5).contains(try type()) else { throw Malformed() }
            return try varint()
        }

        mutating func skip() throws(Malformed) {
            switch try type() {
            case 0, 1: break
            case 2...5: _ = try varint()
            case 6: try drop(4)
            case 7: try drop(16)
            case 8, 9: _ = try string()
            default: throw Malformed()
            }
        }

        private mutating func type() throws(Malformed) -> UInt8 {
            guard let first = bytes.popFirst() else { throw Malformed() }
            return first & 0x0f
        }

        private mutating func string() throws(Malformed) -> ArraySlice<UInt8> {
            let count = try varint()
            guard count <= UInt64(bytes.count) else { throw Malformed() }
            let text = bytes.prefix(Int(count))
            bytes = bytes.dropFirst(Int(count))
            return text
        }

        private mutating func drop(_ count: Int) throws(Malformed) {
            guard bytes.count >= count else { throw Malformed() }
            bytes = bytes.dropFirst(count)
        }

        /// SPOE.txt section 3.1: below 240 one byte; then four bits, and seven in each byte that follows.
        private mutating func varint() throws(Malformed) -> UInt64 {
            guard let first = bytes.popFirst() else { throw Malformed() }
            var value = UInt64(first)
            guard first >= 240 else { return value }
            var shift: UInt64 = 4
            while true {
                guard let next = bytes.popFirst(), shift < 60 else { throw Malformed() }
                value &+= UInt64(next) << shift
                shift += 7
                if next < 128 { return value }
            }
        }
    }
}
