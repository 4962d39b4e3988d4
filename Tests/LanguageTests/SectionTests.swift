import Configuration
import Language
import Testing

@Suite struct SectionTests {
    @Test func aListenIsAFrontendAndABackend() throws {
        let result = load(
            """
            listen web
                mode http
                bind :8080
                timeout client 1s
                timeout connect 2s
                timeout server 3s
                server a 127.0.0.1:80
            """)
        #expect(result.diagnostics == [])
        let configuration = try #require(result.configuration)
        let (front, back) = (configuration.frontends[0], configuration.backends[0])
        #expect((front.name, back.name) == ("web", "web"))
        #expect((front.mode, back.mode) == (.http, .http))
        #expect(front.defaultBackend == 0)
        #expect(front.location == SourceLocation(file: "test.cfg", line: 1))
        #expect(front.binds[0].location == SourceLocation(file: "test.cfg", line: 3))
        #expect(back.servers[0].location == SourceLocation(file: "test.cfg", line: 7))
        #expect(front.timeouts.client == 1000)
        #expect((back.timeouts.connect, back.timeouts.server, back.timeouts.queue) == (2000, 3000, 2000))
    }

    @Test func defaultsHoldUntilTheNextDefaults() throws {
        let configuration = try #require(
            load(
                """
                backend a
                defaults
                    mode http
                    retries 5
                backend b
                defaults
                    timeout queue 1s
                backend c
                """
            ).configuration)
        #expect(configuration.backends.map(\.mode) == [.tcp, .http, .tcp])
        #expect(configuration.backends.map(\.retries) == [3, 5, 3])
        #expect(configuration.backends.map(\.timeouts.queue) == [nil, nil, 1000])
    }

    @Test func defaultsHaveNamesAndParents() throws {
        let result = load(
            """
            defaults tcp
                timeout connect 1s
                retries 1
            defaults http from tcp
                mode http
                retries 2
            defaults from http
                balance first
            backend a
            backend b from tcp
            backend c from http
                retries 9
            """)
        #expect(result.diagnostics == [])
        let backends = try #require(result.configuration).backends
        #expect(backends.map(\.mode) == [.http, .tcp, .http])
        #expect(backends.map(\.retries) == [2, 1, 9])
        #expect(backends.map(\.timeouts.connect) == [1000, 1000, 1000])
        #expect(backends.map(\.balance) == [.first, .random(draws: 2), .random(draws: 2)])
    }

    @Test(
        arguments: [
            ("frontend", "1:1 'frontend' expects an <id> argument"),
            ("listen", "1:1 'listen' expects an <id> argument"),
            ("backend a/b", "1:9 character '/' is not permitted in backend name 'a/b'"),
            ("frontend é\n bind :80", "1:10 character 'é' is not permitted in frontend name 'é'"),
            (
                "frontend f :80",
                "1:12 'frontend' : unexpected argument ':80', only 'from' is possible here; please use the 'bind' keyword for listening addresses"
            ),
            ("backend b x", "1:11 'backend' : unexpected argument 'x', only 'from' is possible here"),
            ("backend b from", "1:11 'from' expects the name of a 'defaults' section"),
            ("backend b from d", "1:16 'defaults' section 'd' is not declared before"),
            (
                "defaults dflt\nbackend b from dfl",
                "2:16 'defaults' section 'dfl' is not declared before; did you mean 'dflt' maybe ?"
            ),
            ("defaults d\nbackend b from d x", "2:18 'backend' : unexpected extra argument 'x'"),
            (
                "defaults d\ndefaults d\nbackend b from d",
                "3:16 'defaults' section 'd' is declared at test.cfg:1 and again at test.cfg:2"
            ),
            ("defaults d\ndefaults d\nbackend b", ""),
            ("backend b\nbackend b", "2:9 backend 'b' has the same name as a section declared at test.cfg:1"),
            ("frontend b\nfrontend b", "2:10 frontend 'b' has the same name as a section declared at test.cfg:1"),
            ("listen b\nbackend b", "2:9 backend 'b' has the same name as a section declared at test.cfg:1"),
            ("frontend b\nlisten b", "2:8 listen 'b' has the same name as a section declared at test.cfg:1"),
            ("frontend b\nbackend b", ""), ("global x", "1:8 'global' : unexpected extra argument 'x'"),
            ("http-errors", "1:1 'http-errors' expects a name"),
            ("http-errors a\nhttp-errors a", "2:13 http-errors section 'a' is already declared at test.cfg:1"),
            ("mode http", "1:1 unknown keyword 'mode' out of section"),
            ("fronted f", "1:1 unknown keyword 'fronted' out of section; did you mean 'frontend' maybe ?"),
            (
                "program p\n command a", "1:1 section 'program' is not supported by this version of Portico"
            ),
            ("[x] frontend a", "1:1 scopes are not supported by this version of Portico"),
            ("defaults\n bind :80", "2:2 'bind' not allowed in 'defaults' section"),
            ("defaults\n server a :1", "2:2 'server' not allowed in 'defaults' section"),
            ("defaults\n use_backend b", "2:2 'use_backend' not allowed in 'defaults' section"),
            (
                "frontend f\n server a 1.1.1.1",
                "2:2 'server' not allowed because frontend 'f' has no backend capability"
            ),
            ("http-errors e\n mode http", "2:2 unknown keyword 'mode' in 'http-errors' section"),
            ("backend b\n option", "2:2 'option' expects a name as its first argument"),
            ("backend b\n timeout", "2:2 'timeout' expects a name as its first argument"),
            (
                "backend b\n stick on src",
                "2:2 'stick' is a keyword of HAProxy that this version of Portico does not support"
            ),
            (
                "backend b\n email-alert to a",
                "2:2 'email-alert' is a keyword of HAProxy that this version of Portico does not support"
            ),
        ] as [(String, String)])
    func refusals(text: String, message: String) {
        #expect(load(text).alerts.joined(separator: "\n") == message)
    }

    @Test(
        arguments: [
            ("backend b\n bind :80", "'bind'", "backend", "frontend"),
            ("backend b\n maxconn 4", "'maxconn'", "backend", "frontend"),
            ("backend b\n backlog 4", "'backlog'", "backend", "frontend"),
            ("backend b\n default_backend b", "'default_backend'", "backend", "frontend"),
            ("backend b\n use_backend b", "'use_backend'", "backend", "frontend"),
            ("backend b\n option httplog", "'option httplog'", "backend", "frontend"),
            ("backend b\n option dontlognull", "'option dontlognull'", "backend", "frontend"),
            ("backend b\n timeout client 1s", "'timeout client'", "backend", "frontend"),
            ("frontend b\n balance first", "'balance'", "frontend", "backend"),
            ("frontend b\n retries 3", "'retries'", "frontend", "backend"),
            ("frontend b\n http-reuse always", "'http-reuse'", "frontend", "backend"),
            ("frontend b\n default-server weight 3", "'default-server'", "frontend", "backend"),
            ("frontend b\n option redispatch", "'option redispatch'", "frontend", "backend"),
            ("frontend b\n timeout server 1s", "'timeout server'", "frontend", "backend"),
        ] as [(String, String, String, String)])
    func keywordsOfTheOtherHalfAreWarnedAbout(text: String, keyword: String, section: String, half: String) {
        let result = load(text)
        #expect(result.alerts == [])
        #expect(result.warnings.first == "2:2 \(keyword) ignored because \(section) 'b' has no \(half) capability")
    }

    @Test func mixedUseOfDefaultsIsWarnedAbout() {
        let result = load("defaults d\nbackend a\nbackend b from d\nbackend c\n")
        #expect(
            result.warnings == [
                "4:1 'defaults' section 'd' at test.cfg:1 is used here without 'from', and by other sections with it; say"
                    + " 'from' everywhere, or add a 'defaults' section after it"
            ])
    }

    @Test func linesOfARefusedSectionArePassedOver() {
        let result = load("program r\n nameserver a 1.1.1.1:53\n bogus\nbackend b\n mode http\n")
        #expect(result.alerts == ["1:1 section 'program' is not supported by this version of Portico"])
    }
}
