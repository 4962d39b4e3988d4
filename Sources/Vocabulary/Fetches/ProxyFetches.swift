import Bytes
import Connections
import Samples
import Synchronization

/// Fetches of proxies and servers: names, numbers, counts and rates (configuration.txt sections 7.3.2 and 7.3.3).
enum ProxyFetches {
    static let all: [Fetch] = names + timeouts + frontends + backends + servers

    private static let frontendArgument = ArgumentSignature([.frontend], required: 1)
    private static let backendArgument = ArgumentSignature([.backend], required: 1)
    private static let serverArgument = ArgumentSignature([.server], required: 1)

    // MARK: Who serves this exchange

    private static let names: [Fetch] = [
        Fetch("fe_name", "The name of the frontend.", gives: .str, from: .frontend) { evaluation, _, sample in
            guard let proxy = evaluation.frontend else { return false }
            return sample.setCopy(of: proxy.nameBytes, evaluation.scratch)
        },
        Fetch("fe_id", "The number of the frontend.", gives: .sint, from: .frontend) { evaluation, _, sample in
            guard let proxy = evaluation.frontend else { return false }
            sample.setInteger(Int64(proxy.identifier))
            return true
        },
        Fetch("fe_defbe", "The name of the frontend's default backend.", gives: .str, from: .frontend) {
            evaluation, _, sample in
            guard let proxy = evaluation.frontend?.defaultBackendFacts else { return false }
            return sample.setCopy(of: proxy.nameBytes, evaluation.scratch)
        },
        Fetch("be_name", "The name of the backend; the frontend's before one is chosen.", gives: .str, from: .backend) {
            evaluation, _, sample in
            guard let proxy = evaluation.backend else { return false }
            return sample.setCopy(of: proxy.nameBytes, evaluation.scratch)
        },
        Fetch("be_id", "The number of the backend.", gives: .sint, from: .backend) { evaluation, _, sample in
            guard let proxy = evaluation.backend else { return false }
            sample.setInteger(Int64(proxy.identifier))
            return true
        },
        Fetch("srv_name", "The name of the server.", gives: .str, from: .server) { evaluation, _, sample in
            guard let server = evaluation.facts?.serverFacts else { return false }
            return sample.setCopy(of: server.nameBytes, evaluation.scratch)
        },
        Fetch("srv_id", "The number of the server.", gives: .sint, from: .server) { evaluation, _, sample in
            guard let server = evaluation.facts?.serverFacts else { return false }
            sample.setInteger(Int64(server.identifier))
            return true
        },
        Fetch("so_id", "The number of the bind line.", gives: .sint, from: .frontend) { evaluation, _, sample in
            guard let listener = evaluation.session?.listener else { return false }
            sample.setInteger(Int64(listener.identifier))
            return true
        },
        Fetch("so_name", "The name of the bind line; nothing without one.", gives: .str, from: .frontend) {
            evaluation, _, sample in
            guard let listener = evaluation.session?.listener, let name = listener.givenName else { return false }
            return sample.setCopy(of: Array(name.utf8), evaluation.scratch)
        },
        Fetch("dst_conn", "Connections of the bind line now.", gives: .sint, from: .frontend) { evaluation, _, sample in
            guard let listener = evaluation.session?.listener else { return false }
            sample.setInteger(Int64(listener.admission.count))
            return true
        },
    ]

    // MARK: Timeouts

    private static let timeouts: [Fetch] = [
        time("fe_client_timeout", "The frontend's `timeout client` in milliseconds.", .frontend) {
            $0.frontend?.times.client
        },
        time("fe_tarpit_timeout", "The frontend's `timeout tarpit` in milliseconds.", .frontend) {
            $0.frontend?.times.tarpit
        },
        time("be_connect_timeout", "The backend's `timeout connect` in milliseconds.", .backend) {
            $0.backend?.times.connect
        },
        time("be_queue_timeout", "The backend's `timeout queue` in milliseconds.", .backend) {
            $0.backend?.times.queue
        },
        time("be_server_timeout", "The backend's `timeout server` in milliseconds.", .backend) {
            $0.backend?.times.server
        },
        time("be_tarpit_timeout", "The backend's `timeout tarpit` in milliseconds.", .backend) {
            $0.backend?.times.tarpit
        },
        time("be_tunnel_timeout", "The backend's `timeout tunnel` in milliseconds.", .backend) {
            $0.backend?.times.tunnel
        },
        time("be_max_retries", "The backend's `retries`.", .backend) { $0.backend?.retries },
        time("cur_client_timeout", "The client timeout in force, in milliseconds.", .frontend) {
            $0.facts?.currentTimes.client
        },
        time("cur_connect_timeout", "The connect timeout in force, in milliseconds.", .backend) {
            $0.facts?.currentTimes.connect
        },
        time("cur_queue_timeout", "The queue timeout in force, in milliseconds.", .backend) {
            $0.facts?.currentTimes.queue
        },
        time("cur_server_timeout", "The server timeout in force, in milliseconds.", .backend) {
            $0.facts?.currentTimes.server
        },
        time("cur_tarpit_timeout", "The tarpit timeout in force, in milliseconds.", [.frontend, .backend]) {
            $0.facts?.currentTimes.tarpit
        },
        time("cur_tunnel_timeout", "The tunnel timeout in force, in milliseconds.", .backend) {
            $0.facts?.currentTimes.tunnel
        },
        time("cur_max_retries", "The number of retries in force.", .backend) { $0.facts?.currentRetries },
    ]

    // MARK: Figures of frontends, backends and servers

    private static let frontends: [Fetch] = [
        frontend("fe_conn", "Connections of a frontend now.") { $0.currentConnections },
        frontend("fe_req_rate", "Requests of a frontend in the last second.") { $0.requestRate },
        frontend("fe_sess_rate", "New connections of a frontend in the last second.") { $0.sessionRate },
    ]

    private static let backends: [Fetch] = [
        backend("be_conn", "Exchanges in a backend now.") { $0.currentConnections },
        backend("be_sess_rate", "New exchanges in a backend in the last second.") { $0.sessionRate },
        backend("queue", "Exchanges that wait in a backend and at its servers.") { $0.waiting },
        backend("nbsrv", "Usable servers of a backend.") { $0.usableServers },
        backend("avg_queue", "Exchanges that wait in a backend for each usable server.") { proxy in
            let usable = proxy.usableServers
            return usable > 0 ? (proxy.waiting + usable - 1) / usable : proxy.waiting * 2
        },
        backend("be_conn_free", "Places that a backend's usable servers have free; -1 without a limit.") { proxy in
            var free = 0
            let hasActive = proxy.hasUsable { !$0.isBackup }
            for index in 0..<proxy.serverCount {
                guard let server = proxy.server(index), server.isUsable, !server.isBackup || !hasActive else {
                    continue
                }
                if server.maximumConnections == 0 { return -1 }
                free += max(0, server.maximumConnections - server.currentConnections)
            }
            return free
        },
        backend("connslots", "Places and queue places that a backend's servers have free; -1 without limits.") {
            proxy in
            var free = 0
            for index in 0..<proxy.serverCount {
                guard let server = proxy.server(index), server.isUp else { continue }
                if server.maximumConnections == 0 || server.maximumQueue == 0 { return -1 }
                free += server.maximumConnections - server.currentConnections + server.maximumQueue - server.waiting
            }
            return free
        },
    ]

    private static let servers: [Fetch] = [
        Fetch(
            "srv_is_up", "True when a server is neither down nor in maintenance.", example: "srv_is_up(app/s1)",
            takes: serverArgument, gives: .bool, from: .process
        ) { evaluation, arguments, sample in
            guard let server = evaluation.server(arguments[0]) else { return false }
            sample.setBool(server.isUp)
            return true
        },
        server("srv_conn", "Exchanges that a server serves now.") { $0.currentConnections },
        server("srv_conn_free", "Places that a server has free; -1 without a limit.") { server in
            server.maximumConnections == 0 ? -1 : max(0, server.maximumConnections - server.currentConnections)
        },
        server("srv_queue", "Exchanges that wait for a server.") { $0.waiting },
        server("srv_sess_rate", "New exchanges of a server in the last second.") { $0.sessionRate },
        server("srv_weight", "A server's weight in force.") { $0.currentWeight },
        server("srv_iweight", "A server's configured weight.") { $0.initialWeight },
        server("srv_uweight", "A server's weight as the operator set it.") { $0.userWeight },
    ]

    private static func time(
        _ name: String, _ summary: String, _ source: SampleSource, _ read: @escaping @Sendable (Evaluation) -> Int?
    ) -> Fetch {
        Fetch(name, summary, gives: .sint, from: source) { evaluation, _, sample in
            guard let value = read(evaluation) else { return false }
            sample.setInteger(Int64(value))
            return true
        }
    }

    private static func frontend(
        _ name: String, _ summary: String, _ read: @escaping @Sendable (any ProxyFacts) -> Int
    ) -> Fetch {
        Fetch(
            name, summary, example: "\(name)(www)", takes: frontendArgument, gives: .sint, from: .process
        ) { evaluation, arguments, sample in
            guard let proxy = evaluation.frontend(arguments[0]) else { return false }
            sample.setInteger(Int64(read(proxy)))
            return true
        }
    }

    private static func backend(
        _ name: String, _ summary: String, _ read: @escaping @Sendable (any ProxyFacts) -> Int
    ) -> Fetch {
        Fetch(
            name, summary, example: "\(name)(app)", takes: backendArgument, gives: .sint, from: .process
        ) { evaluation, arguments, sample in
            guard let proxy = evaluation.backend(arguments[0]) else { return false }
            sample.setInteger(Int64(read(proxy)))
            return true
        }
    }

    private static func server(
        _ name: String, _ summary: String, _ read: @escaping @Sendable (any ServerFigures) -> Int
    ) -> Fetch {
        Fetch(
            name, summary, example: "\(name)(app/s1)", takes: serverArgument, gives: .sint, from: .process
        ) { evaluation, arguments, sample in
            guard let server = evaluation.server(arguments[0]) else { return false }
            sample.setInteger(Int64(read(server)))
            return true
        }
    }
}

extension ProxyFacts {
    /// Servers that balancing may choose.
    var usableServers: Int {
        var count = 0
        for index in 0..<serverCount where server(index)?.isUsable == true { count += 1 }
        return count
    }

    fileprivate func hasUsable(_ test: (any ServerFigures) -> Bool) -> Bool {
        for index in 0..<serverCount {
            if let server = server(index), server.isUsable, test(server) { return true }
        }
        return false
    }
}

extension Evaluation {
    /// The frontend of the client's connection.
    fileprivate var frontend: (any ProxyFacts)? {
        facts?.frontendFacts ?? session.flatMap { process?.frontend($0.listener.frontend) }
    }

    /// The backend of the exchange: the frontend before one is chosen.
    fileprivate var backend: (any ProxyFacts)? {
        guard let facts else { return nil }
        return facts.backendFacts ?? facts.frontendFacts
    }

    /// The frontend that an argument names.
    fileprivate func frontend(_ argument: Argument) -> (any ProxyFacts)? {
        guard case .reference(let reference) = argument else { return nil }
        let index = reference.index.load(ordering: .relaxed)
        return index == NamedReference.current ? frontend : process?.frontend(index)
    }

    /// The backend that an argument names.
    fileprivate func backend(_ argument: Argument) -> (any ProxyFacts)? {
        guard case .reference(let reference) = argument else { return nil }
        let index = reference.index.load(ordering: .relaxed)
        return index == NamedReference.current ? backend : process?.backend(index)
    }

    /// The server that an argument names.
    fileprivate func server(_ argument: Argument) -> (any ServerFigures)? {
        guard case .reference(let reference) = argument else { return nil }
        return process?.backend(reference.index.load(ordering: .relaxed))?
            .server(reference.serverIndex.load(ordering: .relaxed))
    }
}
