import Testing

/// Substitution by regular expressions. Values and messages are HAProxy's.
struct RegsubConverterTests {
    static let values: [ConverterTable.Value] = [
        ("str(a-b-c),regsub(-,_)", "a_b-c"), ("str(a-b-c),regsub(-,_,g)", "a_b_c"),
        ("str(a-b-c),regsub(-,,g)", "abc"), ("str(abc),regsub(x,y)", "abc"), ("str(ABC),regsub(b,x)", "ABC"),
        ("str(ABC),regsub(b,x,i)", "AxC"), ("str(ABCabc),regsub(b,x,ig)", "AxCaxc"),
        ("str(ABCabc),regsub(b,x,gi)", "AxCaxc"), ("str(),regsub(^$,empty)", "empty"), ("str(),regsub(a,b)", ""),
        ("str(abc),regsub(^,x)", "xabc"), ("str(abc),regsub(^,x,g)", "xabc"), ("str(abc),regsub($,x)", "abcx"),
        ("str(abc),regsub($,x,g)", "abcxx"), ("str(abc),regsub(x*,-,g)", "-a-b-c-"),
        ("str(abc),regsub(b*,-,g)", "-a--c-"), ("str(abc),regsub(x*,-)", "-abc"), ("str(aab),regsub(^a,x,g)", "xab"),
        ("str(abab),regsub('(?=b)',-,g)", "a--ba--b"), ("str(foobar),regsub('(foo)(bar)','\\2\\1')", "barfoo"),
        ("str(foobar),regsub('(foo)(bar)','[\\0]')", "[foobar]"),
        ("str(foobar),regsub('(foo)(baz)?','[\\2]')", "[]bar"),
        ("str(foobar),regsub('foo','\\x41\\x62\\x63')", "Abcbar"), ("str(foobar),regsub('foo','\\n\\t')", "ntbar"),
        ("str(foobar),regsub('foo','a\\\\b')", "a\\bbar"), ("str(foobar),regsub('foo','\\9')", "bar"),
        ("str(foobar),regsub('foo','x\\')", ""), ("str(foobar),regsub('foo','x\\x4')", ""),
        ("str(foobar),regsub('oo','\\xzz'),hex", "6653626172"), ("str(xfoobar),regsub('foo','\\')", "x"),
        ("str(/a//b///c),regsub('/+',/,g)", "/a/b/c"), ("str(abc),regsub('(.)','\\1\\1',g)", "aabbcc"),
        ("str(\"a,b)c\"),regsub('[,)]',' ',g)", "a b c"), ("str(abcabc),regsub('(?<=a)b',X,g)", "aXcaXc"),
        ("str(aaa),regsub('\\Ba',b,g)", "aba"),
    ]

    @Test(arguments: values)
    func gives(_ expression: String, _ value: String?) throws {
        let found = try ConverterTable.value(expression)
        #expect(found == value)
    }

    static let refusals: [ConverterTable.Refusal] = [
        (
            "str(abc),regsub(a)",
            "invalid arg 2 in converter 'regsub' : missing arguments (got 1/2), type 'string' expected"
        ),
        (
            "str(abc),regsub",
            "invalid arg 2 in converter 'regsub' : missing arguments (got 1/2), type 'string' expected"
        ),
        (
            "str(abc),regsub(a,b,x)",
            "invalid args in converter 'regsub' : invalid regex flag 'x', only 'i' and 'g' are supported"
        ),
        (
            "str(abc),regsub(a,b,gx)",
            "invalid args in converter 'regsub' : invalid regex flag 'x', only 'i' and 'g' are supported"
        ),
        ("str(abc),regsub(a,b,g,h)", "invalid arg 3 in converter 'regsub' : expected ')' before ',h)'"),
    ]

    @Test(arguments: refusals)
    func refuses(_ expression: String, _ message: String) {
        let complaint = ConverterTable.complaint(expression)
        #expect(complaint?.hasPrefix(message) == true)
    }
}
