import Configuration
import Language
import Testing

@Suite struct DirectiveTests {
    /// Which of `A`, `B`, ... stands in the one branch that counts.
    private func taken(_ text: String, environment: [String: String] = [:]) -> String? {
        let result = load("global\n" + text, environment: environment)
        #expect(result.alerts == [])
        return result.configuration?.global.logTag
    }

    @Test(arguments: [
        ("1", "0", "A"), ("0", "1", "B"), ("0", "0", "C"), ("1", "1", "A"),
    ])
    func oneBranchCounts(first: String, second: String, tag: String) {
        let text = ".if \(first)\nlog-tag A\n.elif \(second)\nlog-tag B\n.else # none\nlog-tag C\n.endif\n"
        #expect(taken(text) == tag)
    }

    @Test func nestedBlocksOfAPassedBranchDoNotCount() {
        #expect(
            taken(
                """
                log-tag none
                .if 0
                .if 1
                log-tag A
                .else
                log-tag B
                .endif
                unknown keywords here
                .elif defined(X)
                  .if streq("$X",y)
                    log-tag C
                  .endif
                .endif
                """, environment: ["X": "y"]) == "C")
    }

    @Test func conditionsOfPassedBranchesAreNotLookedAt() {
        #expect(taken(".if 1\nlog-tag A\n.elif nonsense\n.endif\n.if 0\n.if nonsense\n.endif\n.endif\n") == "A")
    }

    @Test func wordsAreJoinedByOneSpace() {
        #expect(taken(".if   streq(a,a)   &&\t1\nlog-tag A\n.endif\n") == "A")
        #expect(taken("log-tag B\n.if streq(a,    a)\nlog-tag A\n.endif\n") == "B")
        #expect(taken("log-tag B\n.if \"\"\nlog-tag A\n.endif\n") == "B")
        #expect(taken("log-tag B\n.if\nlog-tag A\n.endif\n") == "B")
    }

    @Test(arguments: [
        (".endif", "2:1 lone '.endif' with no matching '.if'"), (".else", "2:1 lone '.else' with no matching '.if'"),
        (".elif 1", "2:1 lone '.elif' with no matching '.if'"),
        (".if 1\n.else\n.else\n.endif", "4:1 '.else' after '.else' is not permitted"),
        (".if 1\n.else\n.elif 1\n.endif", "4:1 '.elif' after '.else' is not permitted"),
        (".if 1\n.endif x", "3:1 unexpected argument 'x' for '.endif'\n2 non-terminated '.if' block"),
        (".if 1", "2 non-terminated '.if' block"),
        (".iff 1", "2:1 unknown directive '.iff'; did you mean '.if' maybe ?"),
        (".if 1 && foo\n.endif", "2:10 unparsable conditional expression 'foo' in '.if'"),
        (".if 0\n.elif bar\n.endif", "3:7 unparsable conditional expression 'bar' in '.elif'"),
        (".notice a b", "2:11 unexpected argument 'b' for '.notice'. Use quotes if the message should contain spaces"),
        (".alert \"no way\"", "2 'no way'"),
    ])
    func refusals(text: String, messages: String) {
        #expect(load("global\n\(text)\n").alerts.joined(separator: "\n") == messages)
    }

    @Test func blocksNestToALimit() {
        func nested(_ depth: Int) -> String {
            String(repeating: ".if 1\n", count: depth) + String(repeating: ".endif\n", count: depth)
        }
        #expect(load(nested(100)).alerts == [])
        #expect(load(nested(101)).alerts.first == "101:1 too many nested '.if', max is 100")
    }

    @Test func messagesHaveTheirLevel() {
        let text = "global\n.warning \"W\"\n.notice N\n.diag D\n.if 0\n.alert A\n.endif\n"
        let result = load(text)
        #expect(result.messages(.warning) == ["2 'W'"])
        #expect(result.messages(.notice) == ["3 'N'"])
        #expect(result.messages(.diag) == [])
        #expect(result.hasWarnings)
        #expect(!result.hasErrors)
        #expect(load(text, diagnostic: true).messages(.diag) == ["4 'D'"])
    }

    @Test func predicatesAnswerInFiles() {
        let text = """
            .if feature(QUIC) && version_atleast(3.4)
             log-tag quic
            .else
             log-tag tcp
            .endif
            """
        #expect(taken(text) == "quic")
        let result = load("global\n" + text, dialect: Dialect(features: []))
        #expect(result.configuration?.global.logTag == "tcp")
    }
}
