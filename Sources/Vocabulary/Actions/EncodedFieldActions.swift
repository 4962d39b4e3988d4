import Messages
import Rules
import Samples
import Words

/// Actions that edit the fields that an encoded list names, as `req.hdrs_bin` makes it (configuration.txt section 4.4).
enum EncodedFieldActions {
    static let all: [ActionKeyword] = [
        ActionKeyword(
            "add-headers-bin", "Adds the fields of an encoded list.", usage: "<expr> [ prefix <str> ]",
            in: FieldActions.sets
        ) { (reader) throws(Complaint) in try WriteEncodedFields(&reader, replaces: false) },
        ActionKeyword(
            "set-headers-bin", "Puts the fields of an encoded list in the place of those with the same names.",
            usage: "<expr> [ prefix <str> ]", in: FieldActions.sets
        ) { (reader) throws(Complaint) in try WriteEncodedFields(&reader, replaces: true) },
        ActionKeyword(
            "del-headers-bin", "Removes the fields that an encoded list names.", usage: "<expr> [ -m <meth> ]",
            in: FieldActions.sets
        ) { (reader) throws(Complaint) in try DeleteEncodedFields(&reader) },
    ]

    /// Whether a field belongs to the connection or frames the body: lists cannot touch it.
    static func isFixed(_ name: FieldName) -> Bool {
        switch name {
        case .expect, .trailer, .upgrade, .connection, .keepAlive, .contentLength, .proxyConnection, .transferEncoding:
            true
        default: false
        }
    }
}

/// Reads texts that are led by their lengths as variable-length integers (configuration.txt: `req.hdrs_bin`).
struct EncodedTexts {
    private let bytes: [UInt8]
    private var position = 0

    /// - Parameter sample: its bytes are copied: what is edited may be where they lie.
    init(_ sample: borrowing Sample) { bytes = Array(copying: sample.bytes) }

    var isAtEnd: Bool { position >= bytes.count }

    /// The next text; nil when the encoding is broken.
    mutating func next() -> ArraySlice<UInt8>? {
        guard let length = integer(), length <= UInt64(bytes.count - position) else { return nil }
        defer { position += Int(length) }
        return bytes[position..<(position + Int(length))]
    }

    /// An integer: up to 239 in one byte, more with seven further bits a byte.
    private mutating func integer() -> UInt64? {
        guard position < bytes.count else { return nil }
        var value = UInt64(bytes[position])
        position += 1
        if value < 240 { return value }
        var shift: UInt64 = 4
        while position < bytes.count, shift < 57 {
            let byte = bytes[position]
            position += 1
            let (sum, overflow) = value.addingReportingOverflow(UInt64(byte) << shift)
            if overflow { return nil }
            value = sum
            if byte < 128 { return value }
            shift += 7
        }
        return nil
    }
}

/// `add-headers-bin` and `set-headers-bin`.
private final class WriteEncodedFields: RuleAction {
    private let expression: Expression
    /// Only names that start with it are taken.
    private let prefix: [UInt8]
    private let replaces: Bool

    init(_ reader: inout ActionReader, replaces: Bool) throws(Complaint) {
        expression = try reader.expression("an expression")
        if reader.skip("prefix") {
            prefix = Array(try reader.argument("a prefix of names").text.utf8)
        } else {
            prefix = []
        }
        self.replaces = replaces
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let head = run.editedHead else { return .next }
        var sample = Sample()
        guard expression.evaluate(run.evaluation, &sample, as: .bin) else { return .next }
        var texts = EncodedTexts(sample)
        while !texts.isAtEnd {
            guard let name = texts.next() else { return run.rewritten(false) }
            guard let value = texts.next() else { return run.rewritten(false) }
            // Two empty texts end the list.
            if name.isEmpty { return value.isEmpty ? .next : run.rewritten(false) }
            guard name.starts(with: prefix) else { continue }
            let lowercased = name.map(\.asciiLowercased)
            let token = FieldName(lowercased.span)
            if EncodedFieldActions.isFixed(token) { continue }
            guard lowercased.span.isToken else { return run.rewritten(false) }
            if replaces { head.removeAll(named: lowercased.span) }
            guard head.write(lowercased.span, token, Array(value).span) else { return run.rewritten(false) }
        }
        return .finish(.internalError)
    }
}

/// `del-headers-bin`.
private final class DeleteEncodedFields: RuleAction {
    private let expression: Expression
    private let method: NameMethod

    init(_ reader: inout ActionReader) throws(Complaint) {
        expression = try reader.expression("an expression")
        method = try NameMethod.read(&reader, allowsRegex: false)
    }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let head = run.editedHead else { return .next }
        var sample = Sample()
        guard expression.evaluate(run.evaluation, &sample, as: .bin) else { return .next }
        var texts = EncodedTexts(sample)
        while !texts.isAtEnd {
            guard let name = texts.next() else { return run.rewritten(false) }
            if name.isEmpty { return .next }
            let lowercased = name.map(\.asciiLowercased)
            if EncodedFieldActions.isFixed(FieldName(lowercased.span)) { continue }
            head.removeFields(method, lowercased.span)
        }
        return .finish(.internalError)
    }
}
