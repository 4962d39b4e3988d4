import Testing

/// Case, length, order, trimming, hosts and ports, choices, control characters. Values and messages are HAProxy's.
struct TextConverterTests {
    static let values: [ConverterTable.Value] = [
        ("str(HeLLo),lower", "hello"), ("str(),lower", ""), ("str(é),lower", "é"), ("int(5),lower", "5"),
        ("str(hello-9z),upper", "HELLO-9Z"), ("str(),upper", ""), ("str({`az),upper", "{`AZ"),
        ("bin(410042),upper", "A"), ("str(),length", "0"), ("str(hello),length", "5"), ("str(é),length", "2"),
        ("int(-12),length", "3"), ("bin(414200),length", "2"), ("str(abc),reverse", "cba"), ("str(),reverse", ""),
        ("str(x),reverse", "x"), ("int(-12),reverse", "21-"),
        ("str(www.example.com),reverse_dom", "com.example.www"),
        ("str(www.example.com.),reverse_dom", "com.example.www"), ("str(com),reverse_dom", "com"),
        ("str(),reverse_dom", nil), ("str(.),reverse_dom", nil), ("str(.com),reverse_dom", nil),
        ("str(a..b),reverse_dom", nil), ("str(a.b..),reverse_dom", nil), ("str(a\\r\\nb),cut_crlf", "a"),
        ("str(a\\nb),cut_crlf", "a"), ("str(abc),cut_crlf", "abc"), ("str(\\r),cut_crlf", ""),
        ("str(),cut_crlf", ""), ("str(xxabc),ltrim(x)", "abc"), ("str(xyxabcx),ltrim(xy)", "abcx"),
        ("str(xxx),ltrim(x)", ""), ("str(),ltrim(x)", ""), ("str(abc),ltrim()", "abc"), ("str(abc),ltrim", "abc"),
        ("str(  a),ltrim(' ')", "a"), ("str(abcxx),rtrim(x)", "abc"), ("str(xabcyx),rtrim(xy)", "xabc"),
        ("str(xxx),rtrim(x)", ""), ("str(),rtrim(x)", ""), ("str(abc),rtrim()", "abc"),
        ("str(Example.COM:80),host_only", "example.com"), ("str(example.com),host_only", "example.com"),
        ("str([::1]:80),host_only", "[::1]"), ("str([2001:DB8::1]),host_only", "[2001:db8::1]"),
        ("str(127.0.0.1:8080),host_only", "127.0.0.1"), ("str(a:b:80),host_only", "a:b"), ("str(:80),host_only", ""),
        ("str(),host_only", ""), ("str(Example.COM:80),port_only", "80"), ("str(example.com),port_only", "0"),
        ("str([::1]:8443),port_only", "8443"), ("str([::1]),port_only", "0"), ("str(a:),port_only", "0"),
        ("str(),port_only", "0"), ("str(a:99999999999),port_only", "1215752191"), ("str(a:8x),port_only", "152"),
        ("str(a:b),port_only", "50"), ("bool(true),iif(yes,no)", "yes"), ("bool(false),iif(yes,no)", "no"),
        ("int(7),iif(yes,no)", "yes"), ("int(0),iif(yes,no)", "no"), ("str(5),iif(a,b)", "a"),
        ("str(),iif(a,b)", nil), ("bool(true),iif(,no)", ""), ("bool(true),iif(\"a,b\",no)", "a,b"),
        ("str(abc),has_ctl", "0"), ("str(a\\tb),has_ctl", "0"), ("str(a\\rb),has_ctl", "1"),
        ("str(a\\nb),has_ctl", "1"), ("bin(61007f),has_ctl", "1"), ("bin(7f),has_ctl", "1"),
        ("bin(7f),has_ctl(http)", "0"), ("bin(00),has_ctl(http)", "1"), ("str(a\\tb),has_ctl(any)", "1"),
        ("str(a\\tb),has_ctl(0x200)", "1"), ("str(a\\nb),has_ctl(1024)", "1"), ("str(a\\nb),has_ctl(02000)", "1"),
        ("str(a\\nb),has_ctl(0)", "0"), ("bin(7f),has_ctl(0x100000000)", "1"), ("str(),has_ctl", "0"),
        ("str(a\\tb),has_ctl()", "0"),
    ]

    @Test(arguments: values)
    func gives(_ expression: String, _ value: String?) throws {
        let found = try ConverterTable.value(expression)
        #expect(found == value)
    }

    static let refusals: [ConverterTable.Refusal] = [
        ("str(abc),lower(x)", "invalid arg 1 in converter 'lower' : expected ')' before 'x)'"),
        ("str(abc),upper(x,y)", "invalid arg 1 in converter 'upper' : expected ')' before 'x,y)'"),
        ("str(abc),length(1)", "invalid arg 1 in converter 'length' : expected ')' before '1)'"),
        ("str(abc),iif(yes)", "invalid arg 2 in converter 'iif' : missing arguments (got 1/2), type 'string' expected"),
        ("str(abc),iif", "invalid arg 2 in converter 'iif' : missing arguments (got 1/2), type 'string' expected"),
        ("str(abc),iif(a,b,c)", "invalid arg 2 in converter 'iif' : expected ')' before ',c)'"),
        ("str(abc),ltrim(a,b)", "invalid arg 2 in converter 'ltrim' : expected ')' before ',b)'"),
        (
            "str(abc),has_ctl(foo)",
            "invalid args in converter 'has_ctl' : cannot parse value 'foo', problem at position 0; expecting an integer value (decimal or hex with '0x' prefix)"
        ),
        (
            "str(abc),has_ctl(0x2g)",
            "invalid args in converter 'has_ctl' : cannot parse value '0x2g', problem at position 3; expecting an integer value (decimal or hex with '0x' prefix)"
        ),
        (
            "str(abc),has_ctl(08)",
            "invalid args in converter 'has_ctl' : cannot parse value '08', problem at position 1; expecting an integer value (decimal or hex with '0x' prefix)"
        ),
        (
            "str(abc),has_ctl(0x200000000)",
            "invalid args in converter 'has_ctl' : unsupported excess bits 0x200000000 in argument value 0x200000000"
        ),
        (
            "str(abc),has_ctl(-1)",
            "invalid args in converter 'has_ctl' : unsupported excess bits 0xfffffffe00000000 in argument value -1"
        ),
        ("str(abc),cut_crlf(1)", "invalid arg 1 in converter 'cut_crlf' : expected ')' before '1)'"),
        ("str(abc),reverse_dom(1)", "invalid arg 1 in converter 'reverse_dom' : expected ')' before '1)'"),
    ]

    @Test(arguments: refusals)
    func refuses(_ expression: String, _ message: String) {
        let complaint = ConverterTable.complaint(expression)
        #expect(complaint?.hasPrefix(message) == true)
    }
}
