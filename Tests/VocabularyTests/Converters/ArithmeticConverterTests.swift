import Testing

/// Arithmetic, bits and their tests. Values and messages are HAProxy's.
struct ArithmeticConverterTests {
    static let values: [ConverterTable.Value] = [
        ("int(5),add(3)", "8"), ("int(9223372036854775807),add(1)", "9223372036854775807"),
        ("int(-9223372036854775808),add(-1)", "-9223372036854775808"),
        ("int(9223372036854775807),add(-1)", "9223372036854775806"), ("int(5),add", "5"), ("int(5),add(+2)", "7"),
        ("int(5),set-var(txn.v),add(txn.v)", "10"), ("str(7),set-var(txn.v),add(txn.v)", "14"),
        ("str(),set-var(txn.v),concat(4),add(txn.v)", nil), ("int(5),add(txn.missing)", nil),
        ("int(5),add(99999999999999999999)", "9223372036854775807"), ("int(5),sub(3)", "2"),
        ("int(5),sub(-9223372036854775808)", "9223372036854775807"),
        ("int(0),sub(-9223372036854775808)", "9223372036854775807"),
        ("int(-1),sub(-9223372036854775808)", "9223372036854775807"),
        ("int(-9223372036854775808),sub(1)", "-9223372036854775808"),
        ("int(-9223372036854775808),sub(-9223372036854775808)", "0"), ("int(6),mul(7)", "42"),
        ("int(0),mul(7)", "0"), ("int(-9223372036854775808),mul(-1)", "9223372036854775807"),
        ("int(-1),mul(-9223372036854775808)", "9223372036854775807"),
        ("int(9223372036854775807),mul(2)", "9223372036854775807"),
        ("int(9223372036854775807),mul(-2)", "-9223372036854775808"),
        ("int(4611686018427387904),mul(2)", "9223372036854775807"),
        ("int(-4611686018427387904),mul(2)", "-9223372036854775808"), ("int(7),div(2)", "3"),
        ("int(-7),div(2)", "-3"), ("int(7),div(0)", "9223372036854775807"),
        ("int(-7),div(0)", "9223372036854775807"), ("int(-9223372036854775808),div(-1)", "9223372036854775807"),
        ("int(7),mod(3)", "1"), ("int(-7),mod(3)", "-1"), ("int(7),mod(-3)", "1"), ("int(7),mod(0)", "0"),
        ("int(-9223372036854775808),mod(-1)", "0"), ("int(12),and(10)", "8"), ("int(-1),and(255)", "255"),
        ("int(0),and(1)", "0"), ("int(12),and(txn.missing)", nil), ("int(12),or(3)", "15"), ("int(0),or(0)", "0"),
        ("int(-8),or(7)", "-1"), ("int(12),or", "12"), ("int(12),xor(10)", "6"), ("int(5),xor(5)", "0"),
        ("int(-1),xor(1)", "-2"), ("int(0),xor(-1)", "-1"), ("int(5),neg", "-5"), ("int(-5),neg", "5"),
        ("int(0),neg", "0"), ("int(-9223372036854775808),neg", "9223372036854775807"),
        ("int(9223372036854775807),neg", "-9223372036854775807"), ("int(0),cpl", "-1"), ("int(-1),cpl", "0"),
        ("int(255),cpl", "-256"), ("int(9223372036854775807),cpl", "-9223372036854775808"), ("int(0),bool", "0"),
        ("int(1),bool", "1"), ("int(-3),bool", "1"), ("str(x),bool", "0"), ("int(0),not", "1"), ("int(1),not", "0"),
        ("int(-3),not", "0"), ("str(0),not", "1"), ("int(3),odd", "1"), ("int(4),odd", "0"), ("int(-3),odd", "1"),
        ("int(0),odd", "0"), ("int(3),even", "0"), ("int(4),even", "1"), ("int(-3),even", "0"), ("int(0),even", "1"),
        ("bool(true),add(1)", "2"), ("str(12abc),add(1)", "13"), ("str(abc),add(1)", "1"), ("str(),add(1)", nil),
        ("str(-),add(1)", "1"), ("str(+7),add(0)", "7"), ("str(99999999999999999999),add(0)", "9223372036854775807"),
        ("str(-99999999999999999999),add(0)", "-9223372036854775808"), ("ipv4(1.2.3.4),add(1)", "16909061"),
    ]

    @Test(arguments: values)
    func gives(_ expression: String, _ value: String?) throws {
        let found = try ConverterTable.value(expression)
        #expect(found == value)
    }

    static let refusals: [ConverterTable.Refusal] = [
        ("int(5),add(x)", "invalid args in converter 'add' : expects an integer or a variable name"),
        ("int(5),add(5x)", "invalid args in converter 'add' : expects an integer or a variable name"),
        ("int(5),add(0x5)", "invalid args in converter 'add' : expects an integer or a variable name"),
        ("int(5),sub(1,2)", "invalid arg 2 in converter 'sub' : expected ')' before ',2)'"),
        ("int(5),mul(txn.)", "invalid args in converter 'mul' : expects an integer or a variable name"),
        ("int(5),div(txn.a-b)", "invalid args in converter 'div' : expects an integer or a variable name"),
        ("int(5),mod(foo.bar)", "invalid args in converter 'mod' : expects an integer or a variable name"),
        ("int(5),and(')')", "invalid args in converter 'and' : expects an integer or a variable name"),
        ("int(5),neg(1)", "invalid arg 1 in converter 'neg' : expected ')' before '1)'"),
        ("int(5),not(1)", "invalid arg 1 in converter 'not' : expected ')' before '1)'"),
    ]

    @Test(arguments: refusals)
    func refuses(_ expression: String, _ message: String) {
        let complaint = ConverterTable.complaint(expression)
        #expect(complaint?.hasPrefix(message) == true)
    }
}
