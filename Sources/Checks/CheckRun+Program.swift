import Bytes
import Configuration
import Glibc
import Runtime
import Servers
import Synchronization

// Checks by a program (`external-check`; configuration.txt, "external-check command").
extension CheckRun {
    /// Starts the program; its end is the check's.
    func run(_ program: CheckProgram) {
        guard self.program == nil else { return }
        var limit = checker.health.interval
        if backend.timeouts.check != nil, let connect = backend.timeouts.connect { limit = min(limit, connect) }
        checker.limit(now.advanced(milliseconds: limit))
        let (address, port) = serverAddress
        let arguments = [program.command, program.proxyAddress, program.proxyPort, address, port]
        var environment = [
            "PATH=\(program.path)", "HAPROXY_PROXY_NAME=\(backend.name)", "HAPROXY_PROXY_ID=\(backend.id)",
            "HAPROXY_PROXY_ADDR=\(Self.shown(program.proxyAddress))",
            "HAPROXY_PROXY_PORT=\(Self.shown(program.proxyPort))", "HAPROXY_SERVER_NAME=\(server.facts.name)",
            "HAPROXY_SERVER_ID=\(server.id)", "HAPROXY_SERVER_ADDR=\(address)",
            "HAPROXY_SERVER_PORT=\(Self.shown(port))",
            "HAPROXY_SERVER_MAXCONN=\(server.maxconn.load(ordering: .relaxed))",
            "HAPROXY_SERVER_CURCONN=\(server.served.load(ordering: .relaxed))",
            "HAPROXY_SERVER_SSL=\(server.facts.usesTLS ? 1 : 0)", "HAPROXY_SERVER_PROTO=\(protocolName)",
        ]
        if program.keepsEnvironment { environment = Self.ownEnvironment(without: environment) + environment }
        var failure = SystemError("posix_spawn", ENOENT)
        for path in Self.places(of: program) {
            do throws(SystemError) {
                self.program = try ExternalProgram(
                    path, arguments: arguments, environment: environment, loop: scheduler.loop
                ) { [weak self] in self?.programEnded($0) }
                return
            } catch { failure = error }
        }
        // What a process that cannot become the program ends with.
        code = failure.code == EAGAIN || failure.code == ENOMEM ? 0 : 255
        finish(code == 0 ? .socketError : .processError, words: code == 0 ? failure.description : "")
    }

    private func programEnded(_ status: Int) {
        program = nil
        code = status
        finish(status == 0 ? .processOK : .processError, words: "")
    }

    /// Where a program may be: where its name says, or in each folder of its `PATH`.
    private static func places(of program: CheckProgram) -> [String] {
        if program.command.contains("/") { return [program.command] }
        return program.path.split(separator: ":").map { "\($0)/\(program.command)" }
    }

    private static func shown(_ text: String) -> String { text == CheckProgram.unused ? "" : text }

    private var serverAddress: (address: String, port: String) {
        let facts = server.facts
        switch facts.address {
        case .ip(let address):
            if case .fixed(let port) = facts.port { return (address.host, "\(port)") }
            return (address.host, "\(address.port)")
        case .unix(let path): return (path, CheckProgram.unused)
        case .abstract(let name, _): return (name, CheckProgram.unused)
        }
    }

    private var protocolName: String {
        guard backend.mode == .http else { return "tcp" }
        return switch server.settings.connection.version {
        case .h2: "h2"
        case .h3: "quic"
        case .h1, nil: "h1"
        }
    }

    /// Our own variables, but for those that others take the place of.
    private static func ownEnvironment(without others: [String]) -> [String] {
        let names = Set(others.map { $0.prefix { $0 != "=" } })
        var result: [String] = []
        var index = 0
        while let entry = unsafe environ[index] {
            let text = unsafe String(cString: entry)
            if !names.contains(text.prefix { $0 != "=" }) { result.append(text) }
            index += 1
        }
        return result
    }
}
