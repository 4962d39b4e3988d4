import Testing

/// Variables: set, forgotten, compared. Values and messages are HAProxy's.
struct VariableConverterTests {
    static let values: [ConverterTable.Value] = [
        ("int(5),set-var(txn.a),add(txn.a)", "10"), ("str(x),set-var(req.a),concat(,req.a)", "xx"),
        ("str(x),set-var(sess.a),concat(,sess.a)", "xx"), ("str(x),set-var(proc.a),concat(,proc.a)", "xx"),
        ("str(x),set-var(txn.a,ifnotexists),concat(,txn.a)", "xx"), ("str(x),set-var(txn.a,ifexists)", nil),
        ("str(x),set-var(txn.a),set-var(txn.a,ifexists)", "x"),
        ("str(x),set-var(txn.a),set-var(txn.a,ifnotexists)", nil), ("str(),set-var(txn.a,ifempty)", ""),
        ("str(x),set-var(txn.a,ifempty)", nil), ("int(0),set-var(txn.a,ifempty)", nil),
        ("str(),set-var(txn.a,ifnotempty)", nil), ("str(x),set-var(txn.a,ifnotempty)", "x"),
        ("int(5),set-var(txn.a),add(1),set-var(txn.a,iflt),add(txn.a)", "12"),
        ("int(5),set-var(txn.a),add(1),set-var(txn.a,ifgt)", nil),
        ("int(5),set-var(txn.a),sub(1),set-var(txn.a,ifgt),add(txn.a)", "8"),
        ("int(5),set-var(txn.a),set-var(txn.a,ifgt)", nil), ("int(5),set-var(txn.a),set-var(txn.a,iflt)", nil),
        ("str(5),set-var(txn.a),add(1),set-var(txn.a,iflt),add(txn.a)", "12"),
        ("int(5),set-var(txn.a,ifgt),add(txn.a)", "10"), ("str(x),set-var(txn.a),set-var(txn.a,ifset)", "x"),
        ("str(x),set-var(txn.a),set-var(txn.a,ifnotset)", nil), ("str(x),set-var(txn.a,ifnotset,ifnotempty)", "x"),
        ("str(),set-var(txn.a,ifnotset,ifnotempty)", nil), ("str(x),set-var(proc.b,ifset)", nil),
        ("str(x),set-var(proc.c,ifnotset)", "x"), ("str(x),set-var(proc.d,ifexists)", "x"),
        ("str(x),set-var(proc.e,ifnotexists)", nil), ("str(x),set-var(txn.a),unset-var(txn.a),concat(,txn.a)", "x"),
        ("str(x),unset-var(txn.a)", "x"), ("str(x),set-var(proc.f),unset-var(proc.f),concat(,proc.f)", "x"),
        ("str(abc),set-var(txn.v),strcmp(txn.v)", "0"), ("str(abc),set-var(txn.v),upper,strcmp(txn.v)", "-32"),
        ("str(abc),set-var(txn.v),concat(d),strcmp(txn.v)", "1"),
        ("str(abc),set-var(txn.v),bytes(0,2),strcmp(txn.v)", "-1"),
        ("str(abz),set-var(txn.v),ltrim(ab),strcmp(txn.v)", "25"),
        ("bin(e9),set-var(txn.v),hex,strcmp(txn.v)", "-164"), ("str(),set-var(txn.v),strcmp(txn.v)", "0"),
        ("str(abc),strcmp(txn.missing)", nil), ("int(5),set-var(txn.v),concat(),strcmp(txn.v)", "0"),
        ("str(abc),set-var(txn.v),secure_memcmp(txn.v)", "1"),
        ("str(abc),set-var(txn.v),upper,secure_memcmp(txn.v)", "0"),
        ("str(abc),set-var(txn.v),concat(d),secure_memcmp(txn.v)", "0"),
        ("str(),set-var(txn.v),secure_memcmp(txn.v)", "1"), ("str(abc),secure_memcmp(txn.missing)", nil),
        ("int(5),set-var(txn.v),secure_memcmp(txn.v)", "1"),
        ("int(5),set-var(txn.v),concat(),secure_memcmp(txn.v)", "0"),
    ]

    @Test(arguments: values)
    func gives(_ expression: String, _ value: String?) throws {
        let found = try ConverterTable.value(expression)
        #expect(found == value)
    }

    static let refusals: [ConverterTable.Refusal] = [
        ("str(x),set-var(txn.a,foo)", "invalid args in converter 'set-var' : unknown condition \"foo\""),
        ("str(x),set-var(txn.a,ifset,foo)", "invalid args in converter 'set-var' : unknown condition \"foo\""),
        ("str(x),strcmp", "invalid args in converter 'strcmp' : missing variable name"),
        ("str(x),strcmp(foo)", "invalid args in converter 'strcmp' : failed to register variable name 'foo'"),
        ("str(x),strcmp(txn.a,b)", "invalid arg 2 in converter 'strcmp' : expected ')' before ',b)'"),
        ("str(x),secure_memcmp()", "invalid args in converter 'secure_memcmp' : missing variable name"),
        (
            "str(x),secure_memcmp(foo)",
            "invalid args in converter 'secure_memcmp' : failed to register variable name 'foo'"
        ),
    ]

    @Test(arguments: refusals)
    func refuses(_ expression: String, _ message: String) {
        let complaint = ConverterTable.complaint(expression)
        #expect(complaint?.hasPrefix(message) == true)
    }
}
