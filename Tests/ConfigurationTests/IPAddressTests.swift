import Configuration
import Glibc
import Testing

@Suite struct IPAddressTests {
    @Test(arguments: [
        ("0.0.0.0", "0.0.0.0"), ("127.0.0.1", "127.0.0.1"), ("255.255.255.255", "255.255.255.255"),
        ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::0:1", "2001:db8::1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ("fe80::0123:4567:89ab:cdef", "fe80::123:4567:89ab:cdef"),
    ])
    func readsAndWritesCanonicalText(text: String, canonical: String) throws {
        #expect(try #require(IPAddress(text: text)).description == canonical)
    }

    @Test(arguments: [
        "", ".", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.", "01.2.3.4", "1.2.3.0004", "a.b.c.d", ":", ":::",
        "1::2::3",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::1.2.3", "::1.2.3.4:5", "g::", "[::1]", "1:2:3:4:5:6:7:8::",
        "::%eth0", "-1.2.3.4", " 1.2.3.4",
    ])
    func refuses(text: String) {
        #expect(IPAddress(text: text) == nil)
    }

    /// The C library is the judge: what we print it reads back as the same sixteen bytes.
    @Test func agreesWithTheCLibrary() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            // Random zero groups, so that all places and lengths of "::" occur.
            let bytes = (0..<8).flatMap { _ -> [UInt8] in
                let group = Bool.random(using: &generator) ? 0 : UInt16.random(in: 1...UInt16.max, using: &generator)
                return [UInt8(group >> 8), UInt8(group & 255)]
            }
            let address = try #require(IPAddress(bytes: bytes))
            var parsed = [UInt8](repeating: 0, count: 16)
            let result = unsafe parsed.withUnsafeMutableBytes { buffer in
                unsafe inet_pton(AF_INET6, address.description, buffer.baseAddress)
            }
            #expect(result == 1, "\(address)")
            #expect(parsed == bytes, "\(address)")
            #expect(IPAddress(text: address.description) == address)
            #expect(address.bytes == bytes)
        }
    }

    @Test func wantsFourOrSixteenBytes() {
        #expect(IPAddress(bytes: [10, 0, 0, 1]) == .v4(0x0a00_0001))
        #expect(IPAddress(bytes: [1, 2, 3]) == nil)
        #expect(IPAddress(bytes: []) == nil)
        #expect(IPAddress.v4(0x0a00_0001).bytes == [10, 0, 0, 1])
    }

    @Test(arguments: [
        ("10.1.2.3", 8, "10.0.0.0/8"), ("10.1.2.3", 0, "0.0.0.0/0"), ("10.1.2.3", 32, "10.1.2.3/32"),
        ("10.1.2.3", 99, "10.1.2.3/32"), ("2001:db8:ffff::1", 36, "2001:db8:f000::/36"),
        ("2001:db8::ffff:1", 112, "2001:db8::ffff:0/112"), ("2001:db8::1", 64, "2001:db8::/64"),
    ])
    func networksDropTheHostBits(text: String, length: Int, canonical: String) throws {
        #expect(IPNetwork(try #require(IPAddress(text: text)), prefixLength: length).description == canonical)
    }

    @Test func networksContainTheirOwn() throws {
        let block = IPNetwork(.v4(0x0a00_0000), prefixLength: 8)
        #expect(block.contains(.v4(0x0aff_ffff)))
        #expect(!block.contains(.v4(0x0b00_0000)))
        #expect(!block.contains(.anyV6))
        #expect(IPNetwork(.anyV6, prefixLength: 0).contains(.v6(high: 1, low: 1)))
        #expect(!IPNetwork(.anyV6, prefixLength: 0).contains(.anyV4))
    }
}
