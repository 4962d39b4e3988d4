import Samples
import Words

/// Converters that compute with integers (configuration.txt section 7.3.1). Results outside 64 bits stop at the nearest
/// integer.
enum ArithmeticConverters {
    static let all: [Converter] = [
        binary("add", "The sum with the value.", add),
        binary("sub", "The difference from the value.", subtract),
        binary("mul", "The product with the value.", multiply),
        binary("div", "The quotient by the value; the largest integer when the value is 0.", divide),
        binary("mod", "The remainder of the division by the value; 0 when the value is 0.", remainder),
        binary("and", "The bits that the value has too.") { $0 & $1 },
        binary("or", "The bits and those of the value.") { $0 | $1 },
        binary("xor", "The bits in which the value differs.") { $0 ^ $1 },
        unary("neg", "The opposite integer.") { $0 == .min ? .max : -$0 },
        unary("cpl", "All bits flipped.") { ~$0 },
        test("bool", "True when the integer is not 0.") { $0 != 0 },
        test("not", "True when the integer is 0.") { $0 == 0 },
        test("odd", "True when the integer is odd.") { $0 & 1 != 0 },
        test("even", "True when the integer is even.") { $0 & 1 == 0 },
    ]

    /// A converter with an operand.
    private static func binary(
        _ name: String, _ summary: String, _ operation: @escaping @Sendable (Int64, Int64) -> Int64
    ) -> Converter {
        Converter(
            name, summary, example: "int(7),\(name)(3)", takes: ArgumentSignature([.string], required: 1), from: .sint,
            to: .sint, prepare: { values, context throws(Complaint) in try IntegerOperand(values.first, context) }
        ) { evaluation, arguments, sample in
            guard let operand = arguments.object(IntegerOperand.self).value(evaluation) else { return false }
            sample.setInteger(operation(sample.number, operand))
            return true
        }
    }

    private static func unary(
        _ name: String, _ summary: String, _ operation: @escaping @Sendable (Int64) -> Int64
    ) -> Converter {
        Converter(name, summary, example: "int(7),\(name)", from: .sint, to: .sint) { _, _, sample in
            sample.setInteger(operation(sample.number))
            return true
        }
    }

    private static func test(
        _ name: String, _ summary: String, _ holds: @escaping @Sendable (Int64) -> Bool
    ) -> Converter {
        Converter(name, summary, example: "int(7),\(name)", from: .sint, to: .bool) { _, _, sample in
            sample.setBool(holds(sample.number))
            return true
        }
    }

    private static let add: @Sendable (Int64, Int64) -> Int64 = { left, right in
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? left < 0 ? .min : .max : sum
    }

    private static let subtract: @Sendable (Int64, Int64) -> Int64 = { left, right in
        let (difference, overflow) = left.subtractingReportingOverflow(right)
        return overflow ? left < 0 ? .min : .max : difference
    }

    private static let multiply: @Sendable (Int64, Int64) -> Int64 = { left, right in
        let (product, overflow) = left.multipliedReportingOverflow(by: right)
        return overflow ? (left < 0) == (right < 0) ? .max : .min : product
    }

    private static let divide: @Sendable (Int64, Int64) -> Int64 = { left, right in
        let (quotient, overflow) = left.dividedReportingOverflow(by: right)
        return overflow ? .max : quotient
    }

    private static let remainder: @Sendable (Int64, Int64) -> Int64 = { left, right in
        let (rest, overflow) = left.remainderReportingOverflow(dividingBy: right)
        return overflow ? 0 : rest
    }
}
