import Patterns
import Testing

@Suite struct PCRE2ExpressionTests {
    private func captures(
        _ pattern: String, _ text: String, from start: Int = 0, isContinued: Bool = false
    ) throws -> [Range<Int>?]? {
        let bytes = Array(text.utf8)
        let expression = try PCRE2Expression(pattern)
        return expression.captures(in: bytes.span, from: start, isContinued: isContinued).map { captures in
            (0..<10).map { captures[$0] }
        }
    }

    @Test func groups() throws {
        let found = try #require(try captures("(a)(x)?(b+)", "..abb"))
        #expect(found[0] == 2..<5 && found[1] == 2..<3 && found[2] == nil && found[3] == 3..<5 && found[4] == nil)
        // More groups than there are places: all places are set.
        let many = try #require(try captures(String(repeating: "(.)", count: 12), "abcdefghijkl"))
        #expect(many == [0..<12] + (0..<9).map { $0..<$0 + 1 })
        #expect(try captures("x", "abc") == nil)
    }

    @Test func laterMatches() throws {
        #expect(try captures("a", "aba", from: 1)?[0] == 2..<3)
        #expect(try captures("^a", "aa", from: 1) == nil)
        #expect(try captures("^a", "aa", isContinued: true) == nil)
        #expect(try captures("(?<=b)a", "aba", from: 2)?[0] == 2..<3)
        #expect(try captures("$", "ab", from: 2)?[0] == 2..<2)
        #expect(try captures("a", "a", from: 2) == nil && captures("a", "a", from: -1) == nil)
    }

    @Test func anyBytes() throws {
        let bytes: [UInt8] = [0xff, 0, 0xc3, 0x41]
        #expect(try PCRE2Expression("^.\\x00.a$", ignoringCase: true).matches(bytes))
        let nothing: [UInt8] = []
        #expect(try PCRE2Expression("^$").matches(nothing) && PCRE2Expression("").matches(nothing))
    }

    @Test func refusals() {
        #expect(throws: PatternError("regex 'a)' is invalid (error=unmatched closing parenthesis, erroffset=1)")) {
            try PCRE2Expression("a)")
        }
    }

    /// An expression that would take longer than the universe is old does not match, and soon.
    @Test(.timeLimit(.minutes(1))) func limits() throws {
        let text = Array((String(repeating: "a", count: 60) + "!").utf8)
        #expect(try !PCRE2Expression("^(a+)+$").matches(text))
        #expect(try !PCRE2Expression("^(?:a|aa|aaa)+$").matches(text))
    }

    @Test func machineCodeIsMade() throws { #expect(try PCRE2Expression("a").isCompiledToMachineCode) }
}
