import Bytes
import CLinux
import Messages
import Samples
import Words

/// What `json_query` and its relatives make of a value in a JSON text.
final class JSONValueQuery: Sendable {
    /// The path.
    let path: ConstantText
    /// Whether a number is to be an integer.
    let wantsInteger: Bool

    /// Reads the arguments `path[,int]`.
    init(_ values: [Argument], allowsEmptyPath: Bool) throws(Complaint) {
        if case .string(let path)? = values.first {
            guard !path.isEmpty || allowsEmptyPath else { throw Complaint("json_path must not be empty") }
            self.path = ConstantText(path)
        } else {
            path = ConstantText([])
        }
        guard values.count > 1, case .string(let type) = values[1], !type.isEmpty else {
            wantsInteger = false
            return
        }
        guard type == Array("int".utf8) else { throw Complaint("output_type only supports \"int\" as argument") }
        wantsInteger = true
    }

    /// The integers that JSON texts exchange safely (RFC 8259 section 6).
    private static let integers: ClosedRange<Int64> = -(1 << 53) + 1...(1 << 53) - 1

    /// Makes `sample`, a JSON text, the value at the path.
    func apply(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        let path = path
        let json = sample.bytes
        guard let match = JSONQuery.find(path.bytes, in: json) else { return false }
        switch match.kind {
        case .yes: sample.setBool(true)
        case .no: sample.setBool(false)
        case .number where wantsInteger:
            let number = integerOfAnyBase(json.extracting(droppingFirst: match.range.lowerBound))
            guard Self.integers.contains(number) else { return false }
            sample.setInteger(number)
        case .number:
            let value = JSONNumber(json.extracting(match.range)).value
            var text = evaluation.scratch.text()
            unsafe text.fill { room in
                let length = unsafe portico_format_double(room.baseAddress, room.count, value)
                return length > 0 && Int(length) < room.count ? Int(length) : nil
            }
            text.finish(&sample)
        case .string:
            var text = evaluation.scratch.text()
            let inner = json.extracting(match.range.lowerBound + 1..<match.range.upperBound - 1)
            guard JSONQuery.unescape(inner, into: &text) else { return false }
            text.finish(&sample)
        case .array:
            sample.cut(to: match.range)
            sample.type = .str
        case .null, .object: return false
        }
        return true
    }
}
