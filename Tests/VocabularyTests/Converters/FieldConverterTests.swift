import Testing

/// Parts of texts and bytes. Values and messages are HAProxy's.
struct FieldConverterTests {
    static let values: [ConverterTable.Value] = [
        ("str(f1_f2_f3__f5),field(4,_)", ""), ("str(f1_f2_f3__f5),field(5,_)", "f5"),
        ("str(f1_f2_f3__f5),field(2,_,0)", "f2_f3__f5"), ("str(f1_f2_f3__f5),field(2,_,2)", "f2_f3"),
        ("str(f1_f2_f3__f5),field(-2,_,3)", "f2_f3_"), ("str(f1_f2_f3__f5),field(-3,_,0)", "f1_f2_f3"),
        ("str(f1_f2_f3__f5),field(-1,_)", "f5"), ("str(f1_f2_f3__f5),field(-2,_)", ""),
        ("str(f1_f2_f3__f5),field(6,_)", nil), ("str(f1_f2_f3__f5),field(-6,_)", nil),
        ("str(f1_f2_f3__f5),field(-5,_)", "f1"), ("str(f1_f2_f3__f5),field(-5,_,2)", "f1"),
        ("str(f1_f2_f3__f5),field(1,_,9)", "f1_f2_f3__f5"), ("str(f1_f2_f3__f5),field(1,_,-1)", "f1_f2_f3__f5"),
        ("str(f1_f2_f3__f5),field(3,_,2)", "f3_"), ("str(f1_f2_f3__f5),field(3,_,3)", "f3__f5"),
        ("str('a,b;c'),field(2,',;')", "b"), ("str('a,b;c'),field(3,',;')", "c"), ("str(),field(1,_)", ""),
        ("str(),field(-1,_)", ""), ("str(),field(2,_)", nil), ("str(_),field(1,_)", ""), ("str(_),field(2,_)", ""),
        ("str(_),field(-1,_)", ""), ("str(_),field(3,_)", nil), ("str(a_),field(2,_)", ""),
        ("str(a_b),field(2,_,)", "b"), ("str(a_b),field(9223372036854775807,_)", nil),
        ("str(a_b),field(-9223372036854775808,_)", nil), ("str(a_b_c),field(2,_,4294967297)", "b"),
        ("str(a_b_c),field(1,_,4294967296)", "a_b_c"), ("str(w1_w2_w3__w4),word(3,_)", "w3"),
        ("str(w1_w2_w3__w4),word(4,_)", "w4"), ("str(w1_w2_w3__w4),word(5,_)", nil),
        ("str(w1_w2_w3__w4),word(2,_,0)", "w2_w3__w4"), ("str(w1_w2_w3__w4),word(3,_,2)", "w3__w4"),
        ("str(w1_w2_w3__w4),word(-2,_,3)", "w1_w2_w3"), ("str(w1_w2_w3__w4),word(-3,_,0)", "w1_w2"),
        ("str(w1_w2_w3__w4),word(-1,_)", "w4"), ("str(w1_w2_w3__w4),word(-4,_)", "w1"),
        ("str(w1_w2_w3__w4),word(-5,_)", nil), ("str(__a__b__),word(1,_)", "a"), ("str(__a__b__),word(2,_)", "b"),
        ("str(__a__b__),word(2,_,0)", "b__"), ("str(__a__b__),word(1,_,0)", "a__b__"),
        ("str(__a__b__),word(1,_,2)", "a__b"), ("str(__a__b__),word(1,_,3)", "a__b__"),
        ("str(__a__b__),word(-1,_)", "b"), ("str(__a__b__),word(-2,_,0)", "__a"),
        ("str(__a__b__),word(-1,_,0)", "__a__b"), ("str(__a__b__),word(-1,_,2)", "a__b"), ("str(),word(1,_)", nil),
        ("str(___),word(1,_)", nil), ("str(___),word(-1,_)", nil), ("str(a),word(1,_)", "a"),
        ("str(a),word(-1,_)", "a"), ("str(a b\tc),word(2,' \t')", "b"), ("str(a=1&b=2&c=3),param(b)", "2"),
        ("str(a=1&b=2&c=3),param(c)", "3"), ("str(a=1&b=2&c=3),param(d)", nil), ("str(a=1&b&c=3),param(b)", ""),
        ("str(a=1&b),param(b)", ""), ("str(a=1&b=),param(b)", ""), ("str(a=1;b=2),param(b,;)", "2"),
        ("str(a=1;b=2),param(b)", nil), ("str('a=1,b=2'),param(b,0x2c)", "2"), ("str(aa=1&a=2),param(a)", "2"),
        ("str(a=1=2&b),param(a)", "1=2"), ("str(),param(a)", nil), ("str(&&a=1),param(a)", "1"),
        ("str(=5&a=1),param()", "5"), ("str(a&b=1),param()", nil), ("str(a&abc=2),param(abc)", "2"),
        ("str(ab&ab&ab=1),param(a)", nil), ("str(a=1|b=2),param(b,|)", "2"), ("str(x&ab=1),param(ab)", "1"),
        ("str(x&y&ab=1),param(ab)", "1"), ("str(012345),bytes(0)", "012345"), ("str(012345),bytes(1,3)", "123"),
        ("str(012345),bytes(3)", "345"), ("str(012345),bytes(5,9)", "5"), ("str(012345),bytes(6)", ""),
        ("str(012345),bytes(6,1)", ""), ("str(012345),bytes(99,1)", ""), ("str(),bytes(0)", ""),
        ("str(012345),bytes", "012345"), ("str(012345),bytes(txn.missing)", nil),
        ("str(012345),bytes(1,txn.missing)", nil), ("int(2),set-var(txn.n),concat(345),bytes(txn.n)", "45"),
        ("int(2),set-var(txn.n),concat(345),bytes(1,txn.n)", "34"),
        ("int(-2),set-var(txn.n),concat(345),bytes(txn.n)", nil),
        ("int(-2),set-var(txn.n),concat(345),bytes(1,txn.n)", nil),
        ("int(0),set-var(txn.n),concat(345),bytes(1,txn.n)", ""), ("bin(00010203),bytes(1,2),hex", "0102"),
    ]

    @Test(arguments: values)
    func gives(_ expression: String, _ value: String?) throws {
        let found = try ConverterTable.value(expression)
        #expect(found == value)
    }

    static let refusals: [ConverterTable.Refusal] = [
        ("str(abc),field(0,_)", "invalid args in converter 'field' : Unexpected value 0 for index"),
        ("str(abc),field(1,)", "invalid args in converter 'field' : Empty separators list"),
        (
            "str(abc),field(1)",
            "invalid arg 2 in converter 'field' : missing arguments (got 1/2), type 'string' expected"
        ),
        (
            "str(abc),field(x,_)",
            "invalid arg 1 in converter 'field' : failed to parse 'x' as type 'integer' at position 1"
        ),
        (
            "str(abc),field(1,_,x)",
            "invalid arg 3 in converter 'field' : failed to parse 'x' as type 'integer' at position 3"
        ),
        ("str(abc),field(1,_,1,2)", "invalid arg 3 in converter 'field' : expected ')' before ',2)'"),
        (
            "str(abc),field",
            "invalid arg 1 in converter 'field' : expected type 'integer' at position 1, but got nothing"
        ),
        ("str(abc),word(0,_)", "invalid args in converter 'word' : Unexpected value 0 for index"),
        ("str(abc),word(1,)", "invalid args in converter 'word' : Empty separators list"),
        (
            "str(abc),word(,_)",
            "invalid arg 1 in converter 'word' : expected type 'integer' at position 1, but got nothing"
        ),
        (
            "str(abc),param(a,bc)",
            "invalid args in converter 'param' : Delimiter must be either exactly 1 character, or 0xHH for an ASCII code ."
        ),
        (
            "str(abc),param(a,)",
            "invalid args in converter 'param' : Delimiter must be either exactly 1 character, or 0xHH for an ASCII code ."
        ),
        (
            "str(abc),param(a,0xgg)",
            "invalid args in converter 'param' : Delimiter must be either exactly 1 character, or 0xHH for an ASCII code ."
        ),
        ("str(abc),param(a,b,c)", "invalid arg 2 in converter 'param' : expected ')' before ',c)'"),
        ("str(abc),bytes(-1)", "invalid args in converter 'bytes' : expects a non-negative integer"),
        ("str(abc),bytes(x)", "invalid args in converter 'bytes' : expects an integer or a variable name"),
        ("str(abc),bytes(0,0)", "invalid args in converter 'bytes' : expects a positive integer"),
        ("str(abc),bytes(0,-1)", "invalid args in converter 'bytes' : expects a positive integer"),
        ("str(abc),bytes(0,x)", "invalid args in converter 'bytes' : expects an integer or a variable name"),
        ("str(abc),bytes(0,)", "invalid args in converter 'bytes' : expects a positive integer"),
        ("str(abc),bytes(1,2,3)", "invalid arg 2 in converter 'bytes' : expected ')' before ',3)'"),
    ]

    @Test(arguments: refusals)
    func refuses(_ expression: String, _ message: String) {
        let complaint = ConverterTable.complaint(expression)
        #expect(complaint?.hasPrefix(message) == true)
    }
}
