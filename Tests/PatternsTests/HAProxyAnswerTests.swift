import Bytes
import Patterns
import Testing

/// What HAProxy 3.5-dev5 answers with the same maps, asked with `%[var(txn.v),map_…(file,-)]`.
@Suite struct HAProxyAnswerTests {
    /// A map from lines of key and value.
    private func map(
        _ method: MatchMethod, _ text: String, ignoringCase: Bool = false, values: PatternValueKind = .text
    ) throws -> PatternIndex {
        let reference = PatternReference(name: "test.map", source: .virtual, hasValues: true, epochs: Epochs())
        let index = try PatternIndex(reference, method: method, ignoringCase: ignoringCase, values: values)
        let bytes = Array(text.utf8)
        try reference.load(bytes.span)
        return index
    }

    private func check(_ index: PatternIndex, _ table: [(String, String?)]) {
        for (text, expected) in table {
            let bytes = Array(text.utf8)
            let match = index.lookup.match(bytes.span)
            #expect(match.map { String(decoding: $0.valueText, as: UTF8.self) } == expected, "for \(text)")
        }
    }

    @Test func str() throws {
        check(
            try map(.str, "key one\nkey two\nKey three\n"),
            [("key", "one"), ("Key", "three"), ("KEY", nil), ("key\0x", "one"), ("", nil), ("\0", nil)])
    }

    @Test func beg() throws {
        check(
            try map(.beg, "/a first\n/ab second\n/a dup\n/abc/ third\n"),
            [
                ("/ab", "second"), ("/abcd", "second"), ("/abc/d", "third"), ("/A", nil), ("/a/b", "first"),
                ("/a12", "first"), ("/", nil),
            ])
        // With -i the first in the list, not the longest.
        check(
            try map(.beg, "/a first\n/ab second\n", ignoringCase: true),
            [("/AB", "first"), ("/ABx", "first"), ("b", nil)])
    }

    @Test func end() throws {
        check(
            try map(.end, ".com com\nexample.com example.com\n.png png\n"),
            [("www.example.com", "com"), ("x.png", "png"), ("example.com:80", nil)])
    }

    @Test func sub() throws {
        check(
            try map(.sub, "bb second\nb first\ncab third\n"),
            [
                ("/ab", "first"), ("/abcd", "first"), ("bb", "second"), ("cab", "first"), ("xcab", "first"),
                ("xbb", "second"), ("key", nil),
            ])
    }

    @Test func dir() throws {
        check(
            try map(.dir, "/img/ imgdir\nimg imgplain\na/b nested\n"),
            [
                ("img", "imgdir"), ("/img/x", "imgdir"), ("/x/img?y", "imgdir"), ("a/b", "nested"), ("/a/b", "nested"),
                ("/a/b/c", "nested"), ("x/a/b", "nested"), ("/imgs/", nil), ("a.b", nil),
            ])
    }

    /// In HAProxy a pattern of delimiters alone compares with the byte behind the text, whatever it is: it matches, or
    /// not, from one request to the next. Here it never does.
    @Test func aDirectoryOfDelimitersNeverMatches() throws {
        check(try map(.dir, "/ slash\n"), [("/", nil), ("//", nil), ("/img", nil), ("", nil)])
    }

    @Test func dom() throws {
        check(
            try map(.dom, ".example.com. dom\ncom tld\na.b nested\n"),
            [
                ("www.example.com", "dom"), ("example.com:80", "dom"), ("a.b", "nested"), ("x.a.b:1", "nested"),
                ("b.a", nil), ("x.com", "tld"),
            ])
    }

    private static let addresses = """
        10.0.0.1/8 ten
        10.1.0.0/16 tenone
        10.1.0.0/255.255.0.0 dup
        0.0.0.0/0 any4
        192.168.1.0/255.0.255.0 odd
        ::/0 any6
        2001:db8::1/32 doc
        ::ffff:1.2.3.4 mapped
        1.2.3.4 plain
        2002:0505:0505::/48 sixtofour
        5.5.0.0/16 five

        """

    @Test(arguments: [true, false]) func ip(hasDefaults: Bool) throws {
        let lines = Self.addresses.split(separator: "\n").filter { hasDefaults || !$0.contains("any") }
        let index = try map(.ip, lines.joined(separator: "\n"))
        let table: [(String, String, String?)] = [
            ("10.1.2.3", "tenone", "tenone"), ("10.2.2.2", "ten", "ten"), ("11.1.1.1", "any4", nil),
            ("192.7.1.9", "any4", "odd"), ("2001:db8::5", "doc", "doc"), ("2001:db9::1", "any6", nil),
            ("::ffff:1.2.3.4", "mapped", "mapped"), ("1.2.3.4", "plain", "plain"),
            ("::ffff:10.1.2.3", "any6", "tenone"),
            ("::10.2.0.1", "any6", "ten"), ("2002:505:505::1", "sixtofour", "sixtofour"),
            ("2002:505:606::1", "any6", "five"), ("::ffff:192.9.1.1", "any6", "odd"),
        ]
        for (text, withDefaults, without) in table {
            // `get map` reads the address as a converter does.
            let bytes = Array(text.utf8)
            let finding = try #require(index.reference.findings(bytes).first)
            #expect(finding.match?.value?.text == (hasDefaults ? withDefaults : without), "for \(text)")
        }
    }

    @Test func int() throws {
        let index = try map(.int, "200:299 ok\n250 single\n1- many\n:-5 neg\n7 seven\n")
        let table: [(Int64, String?)] = [
            (250, "ok"), (201, "ok"), (5, "many"), (7, "many"), (0, nil), (-5, "neg"), (-6, "neg"), (-4, nil),
            (.max, "many"), (.min, "neg"),
        ]
        for (number, expected) in table {
            let match = index.lookup.match(number: number)
            #expect(match.map { String(decoding: $0.valueText, as: UTF8.self) } == expected, "for \(number)")
        }
    }

    @Test func lengthsAndBytes() throws {
        check(
            try map(.len, "3:5 middle\n0 none\n6- long\n"),
            [("", "none"), ("ab", nil), ("abc", "middle"), ("abcdef", "long")])
        check(try map(.bin, "616263 abc\n00ff bytes\n"), [("abc", "abc"), ("ABC", nil), ("ab", nil)])
        let index = try map(.bin, "00fF bytes\n")
        let bytes: [UInt8] = [0, 255]
        #expect(index.lookup.match(bytes) != nil)
    }

    @Test func expressions() throws {
        let index = try map(.regm, "^/a([0-9]+) x\\1y\nb+ bs\n")
        let text = Array("/a12".utf8)
        let found = try #require(index.lookup.matchWithCaptures(text))
        #expect(String(decoding: found.match.valueText, as: UTF8.self) == "x\\1y")
        #expect(found.captures[0] == 0..<4 && found.captures[1] == 2..<4 && found.captures[2] == nil)
        check(index, [("zb", "bs"), ("/a", nil), ("/abb", "bs")])
        // Without captures, parentheses only group.
        check(try map(.reg, "^(a|b)c+$ yes\n", ignoringCase: true), [("ACC", "yes"), ("bc", "yes"), ("ab", nil)])
        #expect(throws: PatternError.self) { try map(.reg, "(a)\\1 yes\n") }
    }

    @Test func numbersAndAddressesAsValues() throws {
        let numbers = try map(.str, "a 5\nb -7\nc 99999999999999999999\nd\n", values: .number)
        let table: [(String, Int64)] = [("a", 5), ("b", -7), ("c", .max), ("d", 0)]
        for (key, number) in table {
            let bytes = Array(key.utf8)
            #expect(numbers.lookup.match(bytes)?.number == number)
        }
        let addresses = try map(.str, "a 1.2.3.4\nb 2001:db8::1\n", values: .address)
        let (a, b) = ([UInt8(ascii: "a")], [UInt8(ascii: "b")])
        #expect(addresses.lookup.match(a)?.address == .v4(0x0102_0304))
        #expect(addresses.lookup.match(b)?.address == .v6(high: 0x2001_0db8 << 32, low: 1))
    }

    /// Errors in HAProxy's words.
    @Test func refusals() {
        let table: [(MatchMethod, PatternValueKind, String, String)] = [
            (.int, .text, "x y", "'x' is not a number"), (.int, .text, "5:3 y", "'5:3' is not a valid number range"),
            (.int, .text, ": y", "':' is not a valid number range"), (.len, .text, "9x y", "'9x' is not a number"),
            (.ip, .text, "1.2.3.4/33 y", "'1.2.3.4/33' is not a valid IPv4 or IPv6 address"),
            (.ip, .text, "localhost y", "'localhost' is not a valid IPv4 or IPv6 address"),
            (.bin, .text, "abc y", "an even number of hex digit is expected"),
            (.bin, .text, "xx y", "an hex digit is expected (found 'x')"),
            (.regm, .text, "a(b x", "regex 'a(b' is invalid (error=missing closing parenthesis, erroffset=3)"),
            (.str, .number, "a zz", "unable to parse 'zz'"), (.str, .address, "a x", "unable to parse 'x'"),
            (.version, .text, "3.x y", "'3.x' is not a dotted number"),
        ]
        for (method, values, line, message) in table {
            #expect(throws: PatternError("\(message) at line 2 of file 'test.map'")) {
                try map(method, "# a comment\n\(line)\n", values: values)
            }
        }
    }

    @Test func operators() throws {
        let table: [(NumberOperator, MatchMethod, String, String)] = [
            (.eq, .int, "5", "5"), (.ge, .int, "5", "5:"), (.gt, .int, "5", "6:"), (.le, .int, "5", ":5"),
            (.lt, .int, "5", ":4"), (.gt, .int, "5:9", "5:9"), (.lt, .int, "0", ":-1"), (.gt, .version, "3.1", "3.2:"),
            (.ge, .version, "3", "3.0:"), (.lt, .version, "3", ":2.65535"),
        ]
        for (comparison, method, text, pattern) in table {
            #expect(try comparison.pattern(for: text, method: method) == pattern)
        }
        #expect(throws: PatternError("'x' is neither a number nor a supported operator")) {
            try NumberOperator.gt.pattern(for: "x", method: .int)
        }
        let index = try map(.version, "3.1:3.3 tls\n")
        #expect(index.lookup.match(number: 3 << 16 | 3) != nil && index.lookup.match(number: 3 << 16 | 4) == nil)
    }

    /// A zero byte in a text is a byte like others where patterns of any number are tried, and none in a pattern.
    @Test func zeroBytes() throws {
        for method in [MatchMethod.beg, .end, .sub, .dir, .dom] {
            for count in 1...40 {
                let keys = (0..<count).map { "a\(Character(Unicode.Scalar(UInt8(0x30 + $0))))b" }
                let index = try map(method, keys.map { $0 + " x\n" }.joined())
                check(index, [("\0", nil), ("a\0", nil), ("a\0b", nil), ("\0b", nil), ("b\0", nil)])
            }
        }
        let reference = PatternReference(epochs: Epochs())
        #expect(throws: PatternError("a pattern cannot hold a zero byte")) { try reference.add("a\0b") }
    }

    @Test func foundAndBool() throws {
        let reference = PatternReference(epochs: Epochs())
        let found = try PatternIndex(reference, method: .found)
        let bool = try PatternIndex(reference, method: .bool)
        #expect(found.lookup.match(number: 0) != nil && bool.lookup.match(number: 0) == nil)
        #expect(bool.lookup.match(number: -1)?.hasEntry == false)
    }

    @Test func hostNamesAreResolvedWhereTheCallerDoes() throws {
        let reference = PatternReference(epochs: Epochs())
        reference.resolveName = { $0 == "gateway" ? 0x0a00_0001 : nil }
        let index = try PatternIndex(reference, method: .ip)
        try reference.add("gateway")
        #expect(throws: PatternError("'other' is not a valid IPv4 or IPv6 address")) { try reference.add("other") }
        #expect(index.lookup.match(ipv4: 0x0a00_0001) != nil)
        // At run time names are refused, and those that are there can go.
        reference.resolveName = nil
        #expect(throws: PatternError.self) { try reference.add("gateway") }
        #expect(reference.delete(Array("gateway".utf8)))
        #expect(index.lookup.match(ipv4: 0x0a00_0001) == nil)
    }
}
