import Testing

/// The Forwarded field. Values and messages are HAProxy's.
struct ForwardedConverterTests {
    static let values: [ConverterTable.Value] = [
        ("str(for=192.0.2.60;proto=http;by=203.0.113.43),rfc7239_is_valid", "1"),
        ("str(for=unknown),rfc7239_is_valid", "1"), ("str(for=_hidden),rfc7239_is_valid", "1"),
        ("str(for=_),rfc7239_is_valid", "0"), ("str('for=\"[2001:db8::1]:4711\"'),rfc7239_is_valid", "1"),
        ("str('for=[2001:db8::1]'),rfc7239_is_valid", "0"),
        ("str('for=\"192.0.2.43:47011\"'),rfc7239_is_valid", "1"),
        ("str('for=192.0.2.43:47011'),rfc7239_is_valid", "0"), ("str('for=\"192.0.2.43:0\"'),rfc7239_is_valid", "0"),
        ("str('for=\"192.0.2.43:65536\"'),rfc7239_is_valid", "0"),
        ("str('for=\"192.0.2.43:_p\"'),rfc7239_is_valid", "1"),
        ("str('for=\"192.0.2.43:_\"'),rfc7239_is_valid", "0"), ("str('for=\"192.0.2.43'),rfc7239_is_valid", "0"),
        ("str(host=example.com),rfc7239_is_valid", "1"), ("str('host=\"example.com:80\"'),rfc7239_is_valid", "1"),
        ("str(host=example.com:80),rfc7239_is_valid", "0"), ("str('host=\"[::1]:80\"'),rfc7239_is_valid", "1"),
        ("str('host=\"\"'),rfc7239_is_valid", "1"), ("str(host=my-host),rfc7239_is_valid", "0"),
        ("str(proto=https),rfc7239_is_valid", "1"), ("str('proto=\"https\"'),rfc7239_is_valid", "0"),
        ("str(proto=ftp),rfc7239_is_valid", "0"), ("str(proto=httpx),rfc7239_is_valid", "0"),
        ("str(proto=http;proto=http),rfc7239_is_valid", "0"), ("str(for=1.2.3.4;),rfc7239_is_valid", "0"),
        ("str(For=1.2.3.4),rfc7239_is_valid", "0"), ("str(for=1.2.3.4; proto=http),rfc7239_is_valid", "0"),
        ("str(for=1.2.3.4;ext=1),rfc7239_is_valid", "0"), ("str(),rfc7239_is_valid", "0"),
        ("str(for=),rfc7239_is_valid", "0"), ("str(for=1.2.3.4),rfc7239_is_valid", "1"),
        ("str(for=1.2.3.456),rfc7239_is_valid", "0"), ("str(for=unknowns),rfc7239_is_valid", "0"),
        ("str(for=1.2.3.4;by=1.2.3.4;host=a;proto=http;x),rfc7239_is_valid", "1"),
        ("str(for=1.2.3.4;by=1.2.3.4;host=a;proto=httpx),rfc7239_is_valid", "1"),
        ("str('by=\"_a\";host=h'),rfc7239_is_valid", "1"), ("str(host=;proto=http),rfc7239_is_valid", "1"),
        ("str(for=192.0.2.60;proto=http;by=203.0.113.43),rfc7239_field(for)", "192.0.2.60"),
        ("str(for=192.0.2.60;proto=http;by=203.0.113.43),rfc7239_field(proto)", "http"),
        ("str(for=192.0.2.60;proto=http;by=203.0.113.43),rfc7239_field(by)", "203.0.113.43"),
        ("str(for=192.0.2.60;proto=http;by=203.0.113.43),rfc7239_field(host)", nil),
        ("str(proto=https),rfc7239_field(proto)", "https"),
        ("str('for=\"[2001:db8::1]:4711\";host=\"a.b:80\"'),rfc7239_field(for)", "[2001:db8::1]:4711"),
        ("str('for=\"[2001:db8::1]:4711\";host=\"a.b:80\"'),rfc7239_field(host)", "a.b:80"),
        ("str(for=nope),rfc7239_field(for)", nil), ("str(for=1.2.3.4),rfc7239_field(foo)", nil),
        ("str(for=1.2.3.4),rfc7239_field", nil), ("str(host=),rfc7239_field(host)", nil),
        ("str('host=\"\";proto=http'),rfc7239_field(host)", ""), ("str(192.0.2.60),rfc7239_n2nn", "192.0.2.60"),
        ("str(192.0.2.60:80),rfc7239_n2nn", "192.0.2.60"), ("str([2001:db8::1]:80),rfc7239_n2nn", "2001:db8::1"),
        ("str([2001:DB8:0::1]),rfc7239_n2nn", "2001:db8::1"), ("str(unknown),rfc7239_n2nn", "unknown"),
        ("str(unknown:5),rfc7239_n2nn", "unknown"), ("str(_hidden),rfc7239_n2nn", "_hidden"),
        ("str(_hidden:_p),rfc7239_n2nn", "_hidden"), ("str(_),rfc7239_n2nn", nil), ("str(nope),rfc7239_n2nn", nil),
        ("str(),rfc7239_n2nn", nil), ("str(192.0.2.60x),rfc7239_n2nn", "192.0.2.60"),
        ("str(192.0.2.60:),rfc7239_n2nn", nil), ("str(192.0.2.60:80),rfc7239_n2np", "80"),
        ("str(192.0.2.60:_port),rfc7239_n2np", "_port"), ("str(192.0.2.60),rfc7239_n2np", nil),
        ("str(192.0.2.60:99999),rfc7239_n2np", nil), ("str(192.0.2.60:80x),rfc7239_n2np", "80"),
        ("str([::1]:443),rfc7239_n2np", "443"), ("ipv4(1.2.3.4),rfc7239_nn", "1.2.3.4"),
        ("ipv6(2001:db8::1),rfc7239_nn", "[2001:db8::1]"), ("str(),rfc7239_nn", "unknown"),
        ("str(hidden),rfc7239_nn", "_hidden"), ("str(hid den),rfc7239_nn", nil),
        ("str(1.2.3.4),rfc7239_nn", "_1.2.3.4"), ("int(5),rfc7239_nn", "_5"), ("int(80),rfc7239_np", "80"),
        ("int(-1),rfc7239_np", "4294967295"), ("int(4294967297),rfc7239_np", "1"), ("str(port),rfc7239_np", "_port"),
        ("str(),rfc7239_np", nil), ("str(a b),rfc7239_np", nil), ("str(80),rfc7239_np", "_80"),
        ("bool(true),rfc7239_np", "_1"),
    ]

    @Test(arguments: values)
    func gives(_ expression: String, _ value: String?) throws {
        let found = try ConverterTable.value(expression)
        #expect(found == value)
    }

    static let refusals: [ConverterTable.Refusal] = [
        ("str(a),rfc7239_is_valid(1)", "invalid arg 1 in converter 'rfc7239_is_valid' : expected ')' before '1)'"),
        ("str(a),rfc7239_field(a,b)", "invalid arg 2 in converter 'rfc7239_field' : expected ')' before ',b)'"),
        ("str(a),rfc7239_nn(1)", "invalid arg 1 in converter 'rfc7239_nn' : expected ')' before '1)'"),
        ("str(a),rfc7239_n2np(1)", "invalid arg 1 in converter 'rfc7239_n2np' : expected ')' before '1)'"),
    ]

    @Test(arguments: refusals)
    func refuses(_ expression: String, _ message: String) {
        let complaint = ConverterTable.complaint(expression)
        #expect(complaint?.hasPrefix(message) == true)
    }
}
