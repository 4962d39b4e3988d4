import Samples
import Words

/// Reads the fields of a Protocol Buffers message (protobuf.dev, "Encoding") without knowing its definition.
struct ProtobufReader: ~Escapable {
    /// How a field is encoded.
    enum WireType: UInt64 {
        case varint = 0
        case fixed64 = 1
        case lengthDelimited = 2
        case fixed32 = 5
    }

    /// A field and where its value stands in the message, without the length of a length-delimited one.
    struct Field {
        let number: UInt32
        let wireType: WireType
        let range: Range<Int>
    }

    private let message: Span<UInt8>
    private var position: Int
    private let end: Int

    /// Reads the fields in `range` of `message`.
    @_lifetime(copy message)
    init(_ message: Span<UInt8>, in range: Range<Int>) {
        self.message = message
        position = range.lowerBound
        end = min(range.upperBound, message.count)
    }

    /// The next field; nil at the end and where the message is malformed, as it is with groups, which are deprecated.
    mutating func next() -> Field? {
        guard position < end, let key = varint(), let wireType = WireType(rawValue: key & 7) else { return nil }
        let number = UInt32(truncatingIfNeeded: key >> 3)
        var start = position
        switch wireType {
        case .varint: guard varint() != nil else { return nil }
        case .fixed64: guard advance(by: 8) else { return nil }
        case .fixed32: guard advance(by: 4) else { return nil }
        case .lengthDelimited:
            guard let length = varint(), length <= UInt64(end - position) else { return nil }
            start = position
            position += Int(length)
        }
        return Field(number: number, wireType: wireType, range: start..<position)
    }

    private mutating func advance(by count: Int) -> Bool {
        guard end - position >= count else { return false }
        position += count
        return true
    }

    private mutating func varint() -> UInt64? {
        guard let (value, length) = Self.varint(message, at: position, end) else { return nil }
        position += length
        return value
    }

    /// The variable-length integer at `start`, and its length: at most ten bytes. Nil when it does not end in time. One
    /// that nothing is there of is 0, as for HAProxy.
    static func varint(_ bytes: Span<UInt8>, at start: Int, _ end: Int) -> (value: UInt64, length: Int)? {
        if start >= end { return (0, 0) }
        var value: UInt64 = 0
        var length = 0
        while length < 10, start + length < end {
            let byte = bytes[start + length]
            value |= UInt64(byte & 0x7f) << UInt64(7 * length)
            length += 1
            if byte < 0x80 { return (value, length) }
        }
        return nil
    }
}

/// Looks for one field of a message, in sub-messages too, and reads it as a type of the message's definition.
final class ProtobufQuery: Sendable {
    /// A type of the language of definitions; nothing: the bytes as they are.
    private enum FieldType: String {
        case int32, uint32, int64, uint64, bool, `enum`
        case sint32, sint64
        case fixed32, sfixed32, float
        case fixed64, sfixed64, double

        var wireType: ProtobufReader.WireType {
            switch self {
            case .int32, .uint32, .int64, .uint64, .bool, .enum, .sint32, .sint64: .varint
            case .fixed32, .sfixed32, .float: .fixed32
            case .fixed64, .sfixed64, .double: .fixed64
            }
        }
    }

    private let path: [UInt32]
    private let type: FieldType?

    /// Reads the arguments `path[,type]`.
    init(_ values: [Argument]) throws(Complaint) {
        guard case .fieldNumbers(let path)? = values.first else { throw Complaint("a field number is missing") }
        self.path = path.map { UInt32(truncatingIfNeeded: $0) }
        guard values.count > 1, case .string(let name) = values[1] else {
            type = nil
            return
        }
        let text = String(decoding: name, as: UTF8.self)
        guard let type = FieldType(rawValue: text) else { throw Complaint("Wrong protocol buffer type '\(text)'") }
        self.type = type
    }

    /// Makes `sample`, of which `range` is a message, the field's value. False when it is not there.
    func find(in range: Range<Int>, _ sample: inout Sample) -> Bool {
        var range = range
        var depth = 0
        while depth < path.count {
            guard let field = field(path[depth], in: range, sample.bytes) else { return false }
            if depth == path.count - 1 { return read(field, &sample) }
            guard field.wireType == .lengthDelimited else { return false }
            range = field.range
            depth += 1
        }
        return false
    }

    private func field(_ number: UInt32, in range: Range<Int>, _ message: Span<UInt8>) -> ProtobufReader.Field? {
        var reader = ProtobufReader(message, in: range)
        while let field = reader.next() {
            if field.number == number { return field }
        }
        return nil
    }

    private func read(_ field: ProtobufReader.Field, _ sample: inout Sample) -> Bool {
        guard let type else {
            sample.cut(to: field.range)
            sample.type = .bin
            return true
        }
        guard type.wireType == field.wireType else { return false }
        let bytes = sample.bytes
        switch type {
        case .int32, .uint32, .int64, .uint64, .bool, .enum:
            sample.setInteger(Int64(bitPattern: Self.varint(bytes, field)))
        case .sint32, .sint64:
            let value = Self.varint(bytes, field)
            sample.setInteger(Int64(bitPattern: value >> 1) ^ -Int64(value & 1))
        case .fixed32: sample.setInteger(Int64(Self.littleEndian(bytes, field)))
        case .sfixed32:
            sample.setInteger(Int64(Int32(truncatingIfNeeded: Self.littleEndian(bytes, field))))
        case .float:
            let value = Float(bitPattern: UInt32(truncatingIfNeeded: Self.littleEndian(bytes, field)))
            sample.setInteger(Int64(UInt32(truncatingIfNeeded: Self.whole(Double(value)))))
        case .fixed64, .sfixed64: sample.setInteger(Int64(bitPattern: Self.littleEndian(bytes, field)))
        case .double: sample.setInteger(Self.whole(Double(bitPattern: Self.littleEndian(bytes, field))))
        }
        return true
    }

    private static func varint(_ bytes: Span<UInt8>, _ field: ProtobufReader.Field) -> UInt64 {
        ProtobufReader.varint(bytes, at: field.range.lowerBound, field.range.upperBound)?.value ?? 0
    }

    private static func littleEndian(_ bytes: Span<UInt8>, _ field: ProtobufReader.Field) -> UInt64 {
        var value: UInt64 = 0
        for index in field.range.reversed() { value = value << 8 | UInt64(bytes[index]) }
        return value
    }

    /// The integer before the point, as x86 converts it to an unsigned one of 64 bits.
    private static func whole(_ value: Double) -> Int64 {
        let value = value.rounded(.towardZero)
        if value >= 0x1p63 { return Int64(bitPattern: UInt64(exactly: value) ?? 0) }
        return Int64(exactly: value) ?? .min
    }
}
