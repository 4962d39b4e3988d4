import Testing

/// Base64, hexadecimal, binary and percent-encoding. Values and messages are HAProxy's.
struct EncodingConverterTests {
    static let values: [ConverterTable.Value] = [
        ("str(hello),base64", "aGVsbG8="), ("str(a),base64", "YQ=="), ("str(ab),base64", "YWI="),
        ("str(abc),base64", "YWJj"), ("str(),base64", ""), ("bin(fbff),base64", "+/8="),
        ("int(1),base64", "AAAAAAAAAAE="), ("str(aGVsbG8=),b64dec", "hello"), ("str(YQ==),b64dec", "a"),
        ("str(),b64dec", ""), ("str(YQ),b64dec", nil), ("str(Y?==),b64dec", nil), ("str(====),b64dec", nil),
        ("str(Q===),b64dec,hex", ""), ("str(QQ==QQ==),b64dec,hex", "4141"), ("str(QQ=A),b64dec", nil),
        ("str(Q=Q=),b64dec", nil), ("str(+/+/),b64dec,hex", "FBFFBF"), ("str(-_-_),b64dec,hex", nil),
        ("str(hello),ub64enc", "aGVsbG8"), ("str(a),ub64enc", "YQ"), ("str(),ub64enc", ""),
        ("bin(fbff),ub64enc", "-_8"), ("str(aGVsbG8),ub64dec", "hello"), ("str(YQ),ub64dec", "a"),
        ("str(Y),ub64dec", nil), ("str(),ub64dec", ""), ("str(-_-_),ub64dec,hex", "FBFFBF"),
        ("str(+/+/),ub64dec", nil), ("str(QQ==),ub64dec,hex", "410FFF"), ("str(==),ub64dec,hex", "FF"),
        ("str(abc),hex", "616263"), ("bin(00ff7f),hex", "00FF7F"), ("str(),hex", ""),
        ("int(300),hex", "000000000000012C"), ("bool(true),hex", "0000000000000001"),
        ("ipv4(1.2.3.4),hex", "01020304"), ("ipv6(::1),hex", "00000000000000000000000000000001"),
        ("meth(GET),hex", "474554"), ("str(ff),hex2i", "255"), ("str(FFFFFFFFFFFFFFFF),hex2i", "-1"),
        ("str(123456789abcdef01),hex2i", "2541551405711093505"), ("str(),hex2i", "0"), ("str(0x10),hex2i", nil),
        ("str(g),hex2i", nil), ("str(a),base2", "01100001"), ("bin(00ff),base2", "0000000011111111"),
        ("str(),base2", ""), ("int(5),base2", "0000000000000000000000000000000000000000000000000000000000000101"),
        ("int(1),htonl,hex", "00000001"), ("int(-1),htonl,hex", "FFFFFFFF"),
        ("int(4294967296),htonl,hex", "00000000"), ("int(305419896),htonl,hex", "12345678"),
        ("bin(01020304050607),be2dec(:,2)", "258:772:1286:7"), ("bin(01020304050607),be2dec(-,2,1)", "258-772-1286"),
        ("bin(01020304050607),be2dec(,2,1)", "2587721286"), ("bin(7f000001),be2dec(.,1)", "127.0.0.1"),
        ("bin(ffffffffffffffff),be2dec(.,8)", "18446744073709551615"), ("bin(ff),be2dec(.,8,1)", ""),
        ("str(),be2dec(.,1)", ""), ("bin(0102),be2dec(\", \",1,0)", "1, 2"),
        ("bin(01020304050607),le2dec(:,2)", "513:1027:1541:7"),
        ("bin(01020304050607),le2dec(-,2,1)", "513-1027-1541"), ("bin(01020304050607),le2dec(,2,1)", "51310271541"),
        ("bin(7f000001),le2dec(.,1)", "127.0.0.1"), ("bin(ff),le2dec(.,2,1)", ""), ("str(),le2dec(.,1)", ""),
        ("bin(01020304050607),be2hex", "01020304050607"), ("bin(01020304050607),be2hex(:,2)", "0102:0304:0506:07"),
        ("bin(01020304050607),be2hex(--,2,1)", "0102--0304--0506"),
        ("bin(0102030405060708),be2hex(,3,1)", "010203040506"), ("bin(0102),be2hex(,0)", "0102"),
        ("bin(0102),be2hex()", "0102"), ("str(),be2hex", ""), ("bin(01),be2hex(:,2,1)", ""),
        ("bin(0102),be2hex(:,9000)", nil), ("str(a b+c/é~),url_enc", "a%20b%2Bc%2F%C3%A9~"),
        ("str(a b),url_enc(query)", "a%20b"), ("str(),url_enc", ""), ("str(azAZ09-._~),url_enc", "azAZ09-._~"),
        ("bin(00ff7f),url_enc", ""), ("str(a%20b),url_dec", "a b"), ("str(a+b),url_dec", "a+b"),
        ("str(a+b),url_dec(1)", "a b"), ("str(a+b?c+d),url_dec", "a+b?c d"), ("str(a+b?c+d),url_dec(0)", "a+b?c d"),
        ("str(%41%6a%4A),url_dec", "AjJ"), ("str(%4),url_dec", nil), ("str(%),url_dec", nil),
        ("str(%zz),url_dec", nil), ("str(),url_dec", ""), ("str(a%00b),url_dec,hex", "610062"),
        ("bin(61002b62),url_dec,hex", "61"), ("str(abc),url_dec(-1)", "abc"),
    ]

    @Test(arguments: values)
    func gives(_ expression: String, _ value: String?) throws {
        let found = try ConverterTable.value(expression)
        #expect(found == value)
    }

    static let refusals: [ConverterTable.Refusal] = [
        ("str(a),b64dec(1)", "invalid arg 1 in converter 'b64dec' : expected ')' before '1)'"),
        ("str(a),hex(1)", "invalid arg 1 in converter 'hex' : expected ')' before '1)'"),
        ("str(a),base2(1)", "invalid arg 1 in converter 'base2' : expected ')' before '1)'"),
        ("int(1),htonl(1)", "invalid arg 1 in converter 'htonl' : expected ')' before '1)'"),
        ("bin(01),be2dec", "invalid args in converter 'be2dec' : chunk_size out of [1..8] range (0)"),
        ("bin(01),be2dec(:)", "invalid args in converter 'be2dec' : chunk_size out of [1..8] range (0)"),
        ("bin(01),be2dec(:,0)", "invalid args in converter 'be2dec' : chunk_size out of [1..8] range (0)"),
        ("bin(01),be2dec(:,9)", "invalid args in converter 'be2dec' : chunk_size out of [1..8] range (9)"),
        ("bin(01),be2dec(:,-1)", "invalid args in converter 'be2dec' : chunk_size out of [1..8] range (-1)"),
        (
            "bin(01),be2dec(:,x)",
            "invalid arg 2 in converter 'be2dec' : failed to parse 'x' as type 'integer' at position 2"
        ),
        ("bin(01),be2dec(:,1,2)", "invalid args in converter 'be2dec' : Unsupported truncate value (2)"),
        ("bin(01),le2dec(:,9)", "invalid args in converter 'le2dec' : chunk_size out of [1..8] range (9)"),
        ("bin(01),le2dec(:,1,-1)", "invalid args in converter 'le2dec' : Unsupported truncate value (-1)"),
        ("bin(01),be2hex(:)", "invalid args in converter 'be2hex' : chunk_size needs to be positive (0)"),
        ("bin(01),be2hex(:,0)", "invalid args in converter 'be2hex' : chunk_size needs to be positive (0)"),
        ("bin(01),be2hex(,0,1)", "invalid args in converter 'be2hex' : chunk_size needs to be positive (0)"),
        ("bin(01),be2hex(:,1,2)", "invalid args in converter 'be2hex' : Unsupported truncate value (2)"),
        (
            "str(a),url_enc(foo)",
            "invalid args in converter 'url_enc' : Unexpected encode type. Allowed value is 'query'"
        ),
        ("str(a),url_enc(query,x)", "invalid arg 2 in converter 'url_enc' : expected ')' before ',x)'"),
        (
            "str(a),url_dec(x)",
            "invalid arg 1 in converter 'url_dec' : failed to parse 'x' as type 'integer' at position 1"
        ),
        ("bin(01),be2dec(:,1,1,1)", "invalid arg 3 in converter 'be2dec' : expected ')' before ',1)'"),
    ]

    @Test(arguments: refusals)
    func refuses(_ expression: String, _ message: String) {
        let complaint = ConverterTable.complaint(expression)
        #expect(complaint?.hasPrefix(message) == true)
    }
}
