import Configuration
import Language
import Messages

extension FuzzTarget {
    /// A configuration file. Whatever is in it, there is a configuration or an alert, every message has its place in
    /// the file, and a second reading says the same.
    static let configuration = FuzzTarget("configuration", "configuration files") { input in
        let content = input.indices.map { input[$0] }
        let loader = ConfigurationLoader(
            environment: ["A": "b", "LIST": " x  y ", "EMPTY": ""], isDiagnostic: true, system: SealedSystem())
        let result = loader.load(content: content, named: "fuzz.cfg")
        promise((result.configuration == nil) == result.hasErrors, "a configuration with errors, or none without")
        for diagnostic in result.diagnostics {
            promise(!diagnostic.message.isEmpty, "an empty message")
            if let excerpt = diagnostic.excerpt {
                promise((0...excerpt.line.count).contains(excerpt.column), "a mark outside of its line")
            }
            promise(!diagnostic.rendered(pid: 1).hasSuffix("\n"), "a message that ends with a line feed")
        }
        if let configuration = result.configuration { check(configuration) }
        let again = loader.load(content: content, named: "fuzz.cfg")
        promise(again.diagnostics == result.diagnostics, "two readings, two sets of messages")
        promise(again.configuration == result.configuration, "two readings, two configurations")
    }

    /// A condition of `.if` and `-cc`. Parentheses do not change a value, and `!` turns it round.
    static let condition = FuzzTarget("condition", "conditions of .if and -cc") { input in
        let text = input.string
        let loader = ConfigurationLoader(environment: ["A": "b"], system: SealedSystem())
        // A comment would hide what is added, and nothing at all is false only outside of parentheses.
        guard !text.contains(where: "#\n\r".contains), let value = try? loader.evaluate(condition: text),
            let inner = try? loader.evaluate(condition: "(\(text))")
        else { return }
        promise(value == inner, "parentheses around \(text)")
        promise((try? loader.evaluate(condition: "!(\(text))")) == !inner, "'!' before \(text)")
    }

    /// What a checked configuration holds for sure.
    private static func check(_ configuration: Configuration) {
        let backends = configuration.backends.indices
        for frontend in configuration.frontends {
            promise(frontend.defaultBackend.map(backends.contains) ?? true, "no such default backend")
            for rule in frontend.useBackendRules {
                if case .fixed(let index) = rule.target { promise(backends.contains(index), "no such backend") }
            }
            for bind in frontend.binds where bind.transport == .quic {
                promise(bind.tls != nil, "QUIC without TLS")
            }
            for bind in frontend.binds {
                guard let tls = bind.tls else { continue }
                promise(!tls.certificates.isEmpty, "TLS without a certificate")
            }
        }
        for backend in configuration.backends {
            promise(Set(backend.servers.map(\.name)).count == backend.servers.count, "two servers of one name")
        }
        let tune = configuration.global.tune
        promise(tune.maxrewrite <= tune.bufsize / 2, "no room for a head")
        promise((16384...16_777_215).contains(tune.http2.maxFrameSize), "a frame size that RFC 9113 forbids")
        promise(tune.quic.receiveBuffer > 0, "no room for a QUIC stream")
    }
}

/// A machine with one file and no name server.
struct SealedSystem: LanguageSystem {
    func read(_ path: String) throws(SystemError) -> [UInt8] {
        if path == "/dev/null" { return [] }
        return Array("HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno".utf8)
    }

    func entries(of path: String) throws(SystemError) -> [String]? { nil }
    func isRegularFile(_ path: String) -> Bool { true }
    func address(of name: String, family: AddressFamily?) -> IPAddress? { name == "localhost" ? .v4(0x7f00_0001) : nil }
}
