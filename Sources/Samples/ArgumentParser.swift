import Bytes
import Words

/// Cuts the arguments out of an expression's text and checks them against a signature (configuration.txt section 7.3:
/// quotes and backslashes inside the parentheses).
struct ArgumentReader {
    let bytes: [UInt8]
    /// The next byte to read.
    private(set) var position: Int
    /// The argument that a complaint is about, counted from 1.
    private(set) var place = 1

    init(_ bytes: [UInt8], at position: Int) {
        self.bytes = bytes
        self.position = position
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// Reads `(…)` if it stands here.
    ///
    /// - Returns: one value per kind of the signature that was given or is needed.
    mutating func read(_ signature: ArgumentSignature, _ context: CompilationContext) throws(Complaint) -> [Argument] {
        let isOpen = next == UInt8(ascii: "(")
        if isOpen { position += 1 }
        var values: [Argument] = []
        if !signature.kinds.isEmpty, isOpen || signature.required > 0 {
            while values.count < signature.kinds.count {
                place = values.count + 1
                let kind = signature.kinds[values.count]
                // Without parentheses a needed argument is there, and empty.
                let word = isOpen ? try cut() : []
                if word.isEmpty, !kind.mayBeEmpty {
                    if values.count >= signature.required { break }
                    throw Complaint(
                        "expected type '\(kind.rawValue)' at position \(place), but got nothing", at: position)
                }
                values.append(try value(word, kind, context))
                guard isOpen, next == UInt8(ascii: ","), values.count < signature.kinds.count else { break }
                position += 1
            }
        }
        if values.count < signature.required {
            let kind = signature.kinds[values.count]
            place = values.count + 1
            throw Complaint(
                "missing arguments (got \(values.count)/\(signature.required)), type '\(kind.rawValue)' expected",
                at: position)
        }
        if isOpen {
            guard next == UInt8(ascii: ")") else {
                // The argument that was cut last is the one that does not end.
                place = values.count > 1 ? values.count : values.count + 1
                let rest = String(decoding: bytes[position...], as: UTF8.self)
                throw Complaint(rest.isEmpty ? "expected ')'" : "expected ')' before '\(rest)'", at: position)
            }
            position += 1
        }
        return values
    }

    /// One argument's text: to the next comma or closing parenthesis outside quotes.
    private mutating func cut() throws(Complaint) -> [UInt8] {
        var word: [UInt8] = []
        var quote: UInt8?
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\"") where quote != UInt8(ascii: "'"),
                UInt8(ascii: "'") where quote != UInt8(ascii: "\""):
                quote = quote == nil ? byte : nil
            case UInt8(ascii: "\\") where quote != UInt8(ascii: "'") && position + 1 < bytes.count:
                let escaped = bytes[position + 1]
                switch escaped {
                case UInt8(ascii: "\\"), UInt8(ascii: " "), UInt8(ascii: "\""), UInt8(ascii: "'"):
                    word.append(escaped)
                    position += 1
                case UInt8(ascii: "r"):
                    word.append(0x0d)
                    position += 1
                case UInt8(ascii: "n"):
                    word.append(0x0a)
                    position += 1
                case UInt8(ascii: "t"):
                    word.append(0x09)
                    position += 1
                default: word.append(byte)
                }
            case UInt8(ascii: ",") where quote == nil, UInt8(ascii: ")") where quote == nil:
                return word
            default: word.append(byte)
            }
            position += 1
        }
        return word
    }

    private func value(
        _ word: [UInt8], _ kind: ArgumentKind, _ context: CompilationContext
    ) throws(Complaint) -> Argument {
        let text = String(decoding: word, as: UTF8.self)
        func failure() -> Complaint {
            Complaint("failed to parse '\(text)' as type '\(kind.rawValue)' at position \(place)", at: position)
        }
        switch kind {
        case .string, .identifier, .regex, .map: return .string(word)
        case .integer:
            guard let number = Cast.wholeInteger(word) else { throw failure() }
            return .integer(number)
        case .delay:
            guard let time = try? Scalars.time(text, in: .milliseconds) else { throw failure() }
            return .integer(Int64(time))
        case .size:
            guard let size = try? Scalars.size(text) else { throw failure() }
            return .integer(Int64(size))
        case .ipv4, .ipv6:
            var sample = Sample()
            guard let address = SocketAddress(text: text, port: 0), sample.setAddress(address) else { throw failure() }
            switch (kind, sample.type) {
            case (.ipv4, .ipv4): return .ipv4(UInt32(truncatingIfNeeded: sample.addressLow))
            case (.ipv6, .ipv6): return .ipv6(high: sample.addressHigh, low: sample.addressLow)
            default: throw failure()
            }
        case .mask4:
            guard let mask = Self.mask(text, bits: 32) else { throw failure() }
            return .ipv4(UInt32(truncatingIfNeeded: mask.low))
        case .mask6:
            guard let mask = Self.mask(text, bits: 128) else { throw failure() }
            return .ipv6(high: mask.high, low: mask.low)
        case .frontend, .backend, .table, .server, .userList:
            return .reference(context.refer(kind, to: text, argument: place))
        case .variable: return .variable(try context.variable(text))
        case .fieldNumber:
            var numbers: [UInt64] = []
            for part in text.split(separator: ".", omittingEmptySubsequences: false) {
                guard let number = UInt64(part) else { throw failure() }
                numbers.append(number)
            }
            return .fieldNumbers(numbers)
        }
    }

    /// A mask as a number of bits or as an address.
    private static func mask(_ text: String, bits: Int) -> (high: UInt64, low: UInt64)? {
        if let length = Int(text) {
            guard (0...bits).contains(length) else { return nil }
            if bits == 32 { return (0, length == 0 ? 0 : UInt64(UInt32.max << UInt32(32 - length))) }
            let high: UInt64 = length == 0 ? 0 : length >= 64 ? .max : .max << UInt64(64 - length)
            let low: UInt64 = length <= 64 ? 0 : .max << UInt64(128 - length)
            return (high, low)
        }
        var sample = Sample()
        guard let address = SocketAddress(text: text, port: 0), sample.setAddress(address),
            sample.type == (bits == 32 ? .ipv4 : .ipv6)
        else { return nil }
        return (sample.addressHigh, sample.addressLow)
    }
}

extension ArgumentKind {
    /// Whether an empty text is a value.
    fileprivate var mayBeEmpty: Bool {
        switch self {
        case .string, .identifier, .regex, .frontend, .backend, .table, .server, .userList, .map: true
        case .integer, .ipv4, .mask4, .ipv6, .mask6, .delay, .size, .variable, .fieldNumber: false
        }
    }
}
