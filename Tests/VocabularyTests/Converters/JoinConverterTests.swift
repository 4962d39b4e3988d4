import Testing

/// Texts put together. Values and messages are HAProxy's.
struct JoinConverterTests {
    static let values: [ConverterTable.Value] = [
        ("str(a),concat(b)", "ab"), ("str(a),concat(b,,c)", "abc"), ("str(a),concat", "a"), ("str(a),concat()", "a"),
        ("str(),concat(<,,>)", "<>"), ("str(a),set-var(txn.v),concat(<,txn.v,>)", "a<a>"),
        ("str(a),set-var(txn.v),concat(,txn.v)", "aa"), ("int(-5),set-var(txn.v),concat(<,txn.v,>)", "-5<-5>"),
        ("ipv4(1.2.3.4),set-var(txn.v),concat(<,txn.v,>)", "1.2.3.4<1.2.3.4>"),
        ("ipv6(2001:db8::1),set-var(txn.v),concat(<,txn.v,>)", "2001:db8::1<2001:db8::1>"),
        ("bool(true),set-var(txn.v),concat(<,txn.v,>)", "1<1>"),
        ("bin(410042),set-var(txn.v),hex,concat(<,txn.v,>)", "410042<A>"),
        ("meth(GET),set-var(txn.v),concat(<,txn.v,>)", "GET<GET>"), ("str(a),concat(<,txn.missing,>)", "a<>"),
        ("str(a),concat(\"x,y\",,'z)')", "ax,yz)"), ("str(a),add_item(\",\",,b)", "a,b"),
        ("str(),add_item(\",\",,b)", "b"), ("str(a),add_item(\",\",txn.missing)", "a"),
        ("str(a),add_item(\",\",txn.missing,_s)", "a,_s"), ("str(a),set-var(txn.v),add_item(\";\",txn.v)", "a;a"),
        ("str(a),set-var(txn.v),add_item(\";\",txn.v,_s)", "a;a_s"),
        ("str(),set-var(txn.v),concat(q),add_item(\";\",txn.v)", "q"),
        ("str(),set-var(txn.v),add_item(\";\",txn.v,_s)", "_s"),
        ("int(5),set-var(txn.v),add_item(--,txn.v)", "5--5"), ("str(a),set-var(txn.v),add_item(,txn.v)", "aa"),
    ]

    @Test(arguments: values)
    func gives(_ expression: String, _ value: String?) throws {
        let found = try ConverterTable.value(expression)
        #expect(found == value)
    }

    static let refusals: [ConverterTable.Refusal] = [
        ("str(a),concat(b,foo)", "invalid args in converter 'concat' : failed to register variable name 'foo'"),
        ("str(a),concat(b,txn.a-b)", "invalid args in converter 'concat' : failed to register variable name 'txn.a-b'"),
        ("str(a),concat(b,c,d,e)", "invalid arg 3 in converter 'concat' : expected ')' before ',e)'"),
        (
            "str(a),add_item(x)",
            "invalid arg 2 in converter 'add_item' : missing arguments (got 1/2), type 'string' expected"
        ),
        (
            "str(a),add_item",
            "invalid arg 2 in converter 'add_item' : missing arguments (got 1/2), type 'string' expected"
        ),
        (
            "str(a),add_item(x,)",
            "invalid args in converter 'add_item' : one of the optional arguments has to be nonempty"
        ),
        (
            "str(a),add_item(x,,)",
            "invalid args in converter 'add_item' : one of the optional arguments has to be nonempty"
        ),
        ("str(a),add_item(x,foo,y)", "invalid args in converter 'add_item' : failed to register variable name 'foo'"),
        ("str(a),add_item(x,,y,z)", "invalid arg 3 in converter 'add_item' : expected ')' before ',z)'"),
    ]

    @Test(arguments: refusals)
    func refuses(_ expression: String, _ message: String) {
        let complaint = ConverterTable.complaint(expression)
        #expect(complaint?.hasPrefix(message) == true)
    }
}
