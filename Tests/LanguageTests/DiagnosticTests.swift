import Configuration
import Language
import Testing

@Suite struct DiagnosticTests {
    private func rendered(_ text: String) -> [String] {
        load(text).diagnostics.map { $0.rendered(pid: 42) }
    }

    @Test func anAlertShowsItsLineAndColumn() {
        #expect(
            rendered("frontend f\n    mode htp # what\n") == [
                """
                [ALERT]    (42) : config : parsing [test.cfg:2] : unknown proxy mode 'htp'
                  mode htp # what
                       ^
                """
            ])
    }

    @Test func labelsAreAligned() {
        let place = SourceLocation(file: "a", line: 1)
        #expect(Diagnostic(.warning, "w", at: place).rendered(pid: 7) == "[WARNING]  (7) : config : parsing [a:1] : w")
        #expect(Diagnostic(.notice, "n").rendered(pid: 7) == "[NOTICE]   (7) : config : n")
        #expect(Diagnostic(.diag, "d").rendered(pid: 7) == "[DIAG]     (7) : config : d")
        #expect(Diagnostic(.alert, "a").rendered(pid: 7) == "[ALERT]    (7) : config : a")
    }

    @Test func tabsAndControlCharactersKeepTheColumn() {
        #expect(
            rendered("frontend f\n\tmode\t\u{1}x\n") == [
                """
                [ALERT]    (42) : config : parsing [test.cfg:2] : unknown proxy mode '\u{1}x'
                  mode ?x
                       ^
                """
            ])
        #expect(
            rendered("global\n log-tag é \"x\n").first?.hasSuffix("\n  log-tag é \"x\n            ^") == true)
    }

    @Test func longLinesAreCutAroundTheColumn() {
        let padding = String(repeating: "a", count: 200)
        let early = rendered("frontend f\n mode \(padding)\n")
        #expect(early.first?.contains("\n  mode aaaa") == true)
        #expect(early.first?.contains("aaa...\n       ^") == true)
        let late = rendered(
            "frontend f\n mode tcp # \(padding)\n timeout client 1s\(String(repeating: " ", count: 200))x y\n")
        let lines = late.first?.split(separator: "\n").suffix(2) ?? []
        #expect(lines.allSatisfy { $0.utf8.count <= 84 })
        // The caret stands below the extra word.
        func column(of character: Character, in line: Substring?) -> Int? {
            line?.firstIndex(of: character).map { line?[..<$0].utf8.count ?? 0 }
        }
        let caret = column(of: "^", in: lines.last)
        let word = column(of: "x", in: lines.first)
        #expect(caret != nil)
        #expect(caret == word)
    }

    @Test func allErrorsOfAFileComeInOneRun() {
        let result = load(
            """
            global
              maxcon 100
              nbthread x
              log 127.0.0.1 locl0
            defaults
              mode http
              timeout client 10q
              timeout conect 3
              option htplog
            frontend f
              bind :80 foo
              bind :99999
              bind 1.2.3.4
            backend b
              server a 1.2.3.4:80 wait 3
              server c
              balance roundrobn
              "bad
            """)
        #expect(
            result.alerts == [
                "2:3 unknown keyword 'maxcon' in 'global' section; did you mean 'maxconn' maybe ?",
                "3:12 'nbthread' expects an integer argument, got 'x'",
                "4:17 log : unknown log facility 'locl0'",
                "7:18 unexpected character 'q' in 'timeout client'",
                "8:11 unknown keyword 'timeout conect' in 'defaults' section; did you mean 'timeout connect' maybe ?",
                "9:10 unknown keyword 'option htplog' in 'defaults' section; did you mean 'option httplog' maybe ?",
                "11:12 'bind :80' : unknown keyword 'foo'",
                "12:8 'bind' : invalid port '99999' in ':99999'",
                "13:8 'bind' : missing port specification in '1.2.3.4'",
                "15:23 'server b/a' : unknown keyword 'wait'",
                "16:3 'server' expects <name> and <addr>[:<port>] as arguments",
                "17:11 balance only supports 'roundrobin', 'static-rr', 'leastconn', 'source', 'uri', 'url_param',"
                    + " 'hash', 'hdr(name)', 'rdp-cookie(name)', 'log-hash' and 'sticky' options.",
                "18:3 unmatched quote at position 3",
            ])
        #expect(result.configuration == nil)
    }
}
