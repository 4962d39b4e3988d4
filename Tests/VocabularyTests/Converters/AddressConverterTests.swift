import Testing

/// Masks of addresses, and casts from and to addresses. Values and messages are HAProxy's.
struct AddressConverterTests {
    static let values: [ConverterTable.Value] = [
        ("ipv4(192.168.123.45),ipmask(24)", "192.168.123.0"),
        ("ipv4(192.168.123.45),ipmask(255.255.0.0)", "192.168.0.0"), ("ipv4(192.168.123.45),ipmask(0)", "0.0.0.0"),
        ("ipv4(192.168.123.45),ipmask(32)", "192.168.123.45"),
        ("ipv4(192.168.123.45),ipmask(24,64)", "192.168.123.0"),
        ("ipv6(2001:db8:1:2:3:4:5:6),ipmask(24,64)", "2001:db8:1:2::"),
        ("ipv6(2001:db8:1:2:3:4:5:6),ipmask(24)", nil),
        ("ipv6(2001:db8:1:2:3:4:5:6),ipmask(24,ffff:ffff::)", "2001:db8::"),
        ("ipv6(2001:db8:1:2:3:4:5:6),ipmask(24,0)", "::"),
        ("ipv6(2001:db8:1:2:3:4:5:6),ipmask(24,128)", "2001:db8:1:2:3:4:5:6"),
        ("ipv6(2001:db8:1:2:3:4:5:6),ipmask(24,65)", "2001:db8:1:2::"),
        ("ipv6(::ffff:192.168.123.45),ipmask(24)", "192.168.123.0"),
        ("ipv6(2002:c0a8:7b2d::1),ipmask(24)", "192.168.123.0"), ("ipv6(::1),ipmask(8,8)", "0.0.0.0"),
        ("str(192.168.123.45),ipmask(16)", "192.168.0.0"), ("str(192.168.123.45xyz),ipmask(16)", "192.168.0.0"),
        ("str(192.168.012.45),ipmask(32)", "192.168.12.45"), ("str(192.168.1),ipmask(16)", nil),
        ("str(1.2.3.4.5),ipmask(16)", nil), ("str(1.2.3.256),ipmask(16)", nil),
        ("str(2001:db8::1),ipmask(24,32)", "2001:db8::"), ("str(nope),ipmask(24,32)", nil),
        ("str(),ipmask(24,32)", nil), ("int(3232267053),ipmask(24)", "192.168.123.0"),
        ("ipv4(1.2.3.4),lower", "1.2.3.4"), ("ipv6(2001:db8::1),upper", "2001:DB8::1"),
        ("ipv6(::ffff:1.2.3.4),lower", "::ffff:1.2.3.4"),
    ]

    @Test(arguments: values)
    func gives(_ expression: String, _ value: String?) throws {
        let found = try ConverterTable.value(expression)
        #expect(found == value)
    }

    static let refusals: [ConverterTable.Refusal] = [
        (
            "ipv4(1.2.3.4),ipmask",
            "invalid arg 1 in converter 'ipmask' : expected type 'IPv4 mask' at position 1, but got nothing"
        ),
        (
            "ipv4(1.2.3.4),ipmask(33)",
            "invalid arg 1 in converter 'ipmask' : failed to parse '33' as type 'IPv4 mask' at position 1"
        ),
        (
            "ipv4(1.2.3.4),ipmask(x)",
            "invalid arg 1 in converter 'ipmask' : failed to parse 'x' as type 'IPv4 mask' at position 1"
        ),
        (
            "ipv4(1.2.3.4),ipmask(24,129)",
            "invalid arg 2 in converter 'ipmask' : failed to parse '129' as type 'IPv6 mask' at position 2"
        ),
        (
            "ipv4(1.2.3.4),ipmask(24,x)",
            "invalid arg 2 in converter 'ipmask' : failed to parse 'x' as type 'IPv6 mask' at position 2"
        ),
        ("ipv4(1.2.3.4),ipmask(24,64,1)", "invalid arg 2 in converter 'ipmask' : expected ')' before ',1)'"),
        (
            "ipv4(1.2.3.4),ipmask(1.2.3)",
            "invalid arg 1 in converter 'ipmask' : failed to parse '1.2.3' as type 'IPv4 mask' at position 1"
        ),
    ]

    @Test(arguments: refusals)
    func refuses(_ expression: String, _ message: String) {
        let complaint = ConverterTable.complaint(expression)
        #expect(complaint?.hasPrefix(message) == true)
    }
}
