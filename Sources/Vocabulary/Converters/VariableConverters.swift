import COpenSSL
import Samples
import Words

/// Converters that set variables and compare with them (configuration.txt section 7.3.1).
enum VariableConverters {
    static let all: [Converter] = [
        Converter(
            "set-var",
            "Sets a variable to the input, which passes unchanged, when all the conditions hold; else there is no value.",
            example: "src,set-var(sess.src,ifnotset)",
            takes: ArgumentSignature([.string, .string, .string, .string, .string], required: 1), from: .any,
            to: .any, prepare: { values, context throws(Complaint) in try Assignment(values, context) }
        ) { evaluation, arguments, sample in
            let assignment = arguments.object(Assignment.self)
            return evaluation.set(assignment.variable, to: sample, assignment.conditions)
        },
        Converter(
            "unset-var", "Forgets a variable's value; the input passes unchanged.", example: "src,unset-var(sess.src)",
            takes: ArgumentSignature([.string], required: 1), from: .any, to: .any,
            prepare: { values, context throws(Complaint) in try Assignment(values, context) }
        ) { evaluation, arguments, _ in
            evaluation.unset(arguments.object(Assignment.self).variable)
        },
        Converter(
            "strcmp",
            "Compares with a variable's text: negative, 0 or positive as the input stands before, equals or stands"
                + " after it.",
            example: "req.hdr(x),strcmp(txn.x)", takes: ArgumentSignature([.string], required: 1), from: .str,
            to: .sint, prepare: { values, context throws(Complaint) in try VariableOperand(values.first, context) }
        ) { evaluation, arguments, sample in
            var other = Sample()
            guard arguments.object(VariableOperand.self).load(evaluation, &other, as: .str) else { return false }
            let order = compare(sample.bytes, other.bytes)
            sample.setInteger(order)
            return true
        },
        Converter(
            "secure_memcmp",
            "True when the bytes equal those of a variable; the time it takes does not tell where they differ.",
            example: "req.hdr(key),secure_memcmp(proc.key)", takes: ArgumentSignature([.string], required: 1),
            from: .bin, to: .bool,
            prepare: { values, context throws(Complaint) in try VariableOperand(values.first, context) }
        ) { evaluation, arguments, sample in
            var other = Sample()
            guard arguments.object(VariableOperand.self).load(evaluation, &other, as: .bin) else { return false }
            let left = sample.bytes
            let right = other.bytes
            var equal = left.count == right.count
            if equal, left.count > 0 {
                equal = unsafe left.withUnsafeBytes { left in
                    unsafe right.withUnsafeBytes { right in
                        unsafe CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
                    }
                }
            }
            sample.setBool(equal)
            return true
        },
    ]

    /// The difference of the first bytes that differ, up to a NUL in both; else 1 or -1 for the longer or shorter text.
    private static func compare(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Int64 {
        for index in 0..<min(left.count, right.count) {
            let difference = Int64(left[index]) - Int64(right[index])
            if difference != 0 { return difference }
            if left[index] == 0 { break }
        }
        return left.count == right.count ? 0 : left.count < right.count ? -1 : 1
    }
}

/// The arguments of `set-var` and `unset-var`.
private final class Assignment: Sendable {
    let variable: VariableName
    let conditions: VariableConditions

    init(_ values: [Argument], _ context: CompilationContext) throws(Complaint) {
        guard case .string(let name) = values.first else { throw Complaint("missing variable name") }
        variable = try context.variable(String(decoding: name, as: UTF8.self))
        var conditions: VariableConditions = []
        for case .string(let bytes) in values.dropFirst() {
            let word = String(decoding: bytes, as: UTF8.self)
            guard let condition = VariableConditions.names[word] else {
                throw Complaint("unknown condition \"\(word)\"")
            }
            conditions.formUnion(condition)
        }
        self.conditions = conditions
    }
}
