import Configuration
import Language
import Testing

/// How lines become words. `setenv X <word>` shows a word as the parser sees it.
@Suite struct QuotingTests {
    private static let environment = ["HOME": "/root", "EMPTY": "", "LIST": " a  b c ", "ONE": "1", "_x9": "under"]

    /// The value that a word has; nil when the line is refused.
    private func word(_ text: String) -> String? {
        let result = load("global\n setenv X \(text)\n", environment: Self.environment)
        guard case .set(name: "X", let value)? = result.configuration?.global.environment.first else { return nil }
        return value
    }

    private static let cases: [(String, String)] = [
        (#"plain"#, "plain"), (#"plain # comment"#, "plain"), (#"plain#comment"#, "plain"), (#"a\ b"#, "a b"),
        (##"a\#b"##, "a#b"), (#"a\\b"#, #"a\b"#), (#"a\'b"#, "a'b"), (#"a\"b"#, #"a"b"#),
        (#"a\tb\nc\rd"#, "a\tb\nc\rd"),
        (#"\x41\x7a\x2F"#, "Az/"), (#"\xc3\xa9"#, "é"), (#"a\1b"#, #"a\1b"#), (#"a\$b"#, #"a\$b"#),
        (#"$HOME"#, "$HOME"),
        (#"a\"#, #"a\"#),
        (#""a b""#, "a b"), (#""a#b""#, "a#b"), (#""it's""#, "it's"), (#""a\"b""#, #"a"b"#), (#""a\$b""#, "a$b"),
        (#""a\x20b\tc""#, "a b\tc"), (#""a\qb""#, #"a\qb"#), (#"a"b c"d"#, "ab cd"),
        (#"'a b'"#, "a b"), (#"'a"b'"#, #"a"b"#), (#"'a\tb'"#, #"a\tb"#), (#"'$HOME'"#, "$HOME"), (#"'a#b'"#, "a#b"),
        (#"'a'"b"c"#, "abc"), (#""%{+Q}o %t"' %s'\ x"#, "%{+Q}o %t %s x"),
        (#""$HOME""#, "/root"), (#""${HOME}""#, "/root"), (#""${HOME}y""#, "/rooty"), (#""$HOME/y""#, "/root/y"),
        (#""$_x9""#, "under"), (#""${NONE-preset}""#, "preset"), (#""${HOME-preset}""#, "/root"),
        (#""${NONE-}x""#, "x"), (#""a$EMPTY""#, "a"), (#""${EMPTY-preset}b""#, "b"), (#"a"$NONE""#, "a"),
        (#""${NONE-a b}""#, "a b"), (#""$ONE$ONE""#, "11"), (#""${NONE[*]-p}""#, "p"),
    ]

    @Test(arguments: cases)
    func words(text: String, value: String) {
        #expect(word(text) == value, "\(text)")
    }

    @Test func tabsAndCarriageReturnsSeparate() {
        let result = load("global\r\n\tsetenv\tX\tv\r\n")
        #expect(result.configuration?.global.environment == [.set(name: "X", value: "v")])
    }

    @Test func listsBecomeWords() {
        let text = #"unsetenv "${LIST[*]}" "x${LIST[*]}y" "${NONE[*]}" z"#
        let result = load("global\n \(text)\n", environment: Self.environment)
        let names = ["a", "b", "c", "x", "a", "b", "c", "y", "z"]
        #expect(result.configuration?.global.environment == names.map { .unset(name: $0) })
    }

    @Test func listsJoinWhatTheyTouch() {
        let result = load("global\n unsetenv \"x${L[*]}y\"\n", environment: ["L": "a b"])
        #expect(result.configuration?.global.environment == [.unset(name: "xa"), .unset(name: "by")])
    }

    @Test(arguments: [
        (#"log-tag "abc"#, "2:10 unmatched quote at position 10"),
        (#"log-tag 'abc"#, "2:10 unmatched quote at position 10"),
        (#"log-tag "${HOME""#, "2:12 unmatched brace in environment variable name at position 12"),
        (#"log-tag "${HOME-x""#, "2:12 unmatched brace in environment variable name at position 12"),
        (#"log-tag "$1""#, "2:12 forbidden first char in environment variable name at position 12"),
        (#"log-tag "${.NONE}""#, "2:13 forbidden first char in environment variable name at position 13"),
        (#"log-tag a\x4"#, "2:11 truncated or invalid hexadecimal sequence at position 11"),
        (#"log-tag a\xg0"#, "2:11 truncated or invalid hexadecimal sequence at position 11"),
        (#"log-tag a\x00"#, "2:11 a NUL character is not possible here at position 11"),
        (#"log-tag "${HOME[1]}""#, "2:17 truncated or invalid word expansion sequence at position 17"),
    ])
    func refusals(line: String, message: String) {
        #expect(load("global\n \(line)\n", environment: Self.environment).alerts == [message])
    }

    @Test(arguments: [
        (#"log-tag """#, "2:10 argument number 1 at position 10 is empty"),
        (#"log-tag '' x"#, "2:10 argument number 1 at position 10 is empty"),
        (
            #"log-tag "$HOMF""#,
            "2:12 argument number 1 at position 12 is empty: environment variable 'HOMF' is not set; did you mean 'HOME'"
                + " maybe ?"
        ),
        (
            #"log-tag "${NOTHING_LIKE_IT}""#,
            "2:13 argument number 1 at position 13 is empty: environment variable 'NOTHING_LIKE_IT' is not set"
        ),
        (#"log-tag "$EMPTY""#, "2:10 argument number 1 at position 10 is empty"),
    ])
    func emptyWords(line: String, message: String) {
        #expect(load("global\n \(line)\n", environment: Self.environment).alerts == [message])
    }

    @Test func aLineHasSixtyFourWords() {
        let most = (1...63).map { "v\($0)" }.joined(separator: " ")
        #expect(load("global\n unsetenv \(most)\n").configuration?.global.environment.count == 63)
        let alerts = load("global\n unsetenv \(most) v64\n").alerts
        #expect(alerts.count == 1)
        #expect(alerts.first?.contains("too many words, at most 64 fit on a line") == true)
    }

    @Test func aStrayNULIsRefused() {
        #expect(load("global\n log-tag a\0b\n").alerts == ["2:11 a NUL character is not possible here at position 11"])
    }

    @Test func aFileHasToEndWithALineFeed() {
        let result = ConfigurationLoader().load(text: "global\n daemon", named: "a.cfg")
        #expect(result.alerts == ["2:8 missing LF on last line, file might have been truncated at position 8"])
        #expect(result.configuration == nil)
    }

    @Test func anEmptyFileIsAConfiguration() {
        #expect(load("").configuration == Configuration())
        #expect(load("\n\n  # nothing\n\t\n").configuration == Configuration())
    }
}
