import Bytes
import Configuration
import Proxying
import Runtime
import Servers
import Synchronization

/// `show servers state` and `show servers conn` (management.txt, section 9.3).
enum ShowServersCommand {
    static let all = [
        Command(
            "show servers state",
            usage: "show servers state [<backend>]          : dump volatile server information (all or for a single"
                + " backend)"
        ) { (call) async throws(CommandFailure) in
            _ = try backends(call)
            try await call.write("1\n# \(fieldNames)\n")
            try await list(call, state)
        },
        Command(
            "show servers conn",
            usage: "show servers conn [<backend>]           : dump server connections status (all or for a single"
                + " backend)"
        ) { (call) async throws(CommandFailure) in
            let workers = call.api.workers.blueprint.workerCount
            _ = try backends(call)
            try await call.write(
                "# bkname/svname bkid/svid addr port - purge_delay served used_cur used_max need_est idle_sess"
                    + " unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[\(workers)]\n")
            try await list(call, connections)
        },
    ]

    /// The columns of `show servers state` and of server-state files.
    static let fieldNames =
        "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight"
        + " srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state"
        + " srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port"
        + " srv_check_addr srv_agent_addr srv_agent_port"

    @ControlActor private static func backends(_ call: CommandCall) throws(CommandFailure) -> [SharedProxyBackend] {
        guard !call[3].isEmpty else { return call.api.backends.all }
        guard let backend = call.api.backends.backend(named: call[3]) else { throw .refused("Can't find backend.") }
        return [backend]
    }

    @ControlActor private static func list(
        _ call: CommandCall, _ line: (SharedServer, RuntimeAPI) -> String
    ) async throws(CommandFailure) {
        for backend in try backends(call) {
            for server in backend.servers.servers { try await call.write(line(server, call.api)) }
        }
    }

    /// One line of `show servers state`.
    @ControlActor static func state(_ server: SharedServer, _ api: RuntimeAPI) -> String {
        let facts = server.facts
        let (check, agent) = server.health
        let backend = server.backend.settings
        let age = Int(SystemClock.now().nanoseconds(since: server.lastChange) / 1_000_000_000)
        let words: [String] = [
            "\(backend.id)", backend.name, "\(server.id)", facts.name, address(facts),
            "\(server.state.rawValue)", "\(server.admin.rawValue)", "\(server.weight)", "\(server.settings.weight)",
            "\(age)", "\(check.status.rawValue)", "\(check.result.rawValue)", "\(check.health)",
            "\(check.flags(isAgent: false))",
            "\(agent.flags(isAgent: agent.isConfigured))", backend.hasForcedID ? "1" : "0",
            server.settings.id == nil ? "0" : "1", facts.hostName ?? "-", "\(port(facts))",
            server.settings.serviceName ?? "-",
            facts.usesTLS ? "1" : server.settings.refusesTLS && !facts.wasTLSChanged ? "-1" : "0", "\(check.port)",
            host(check.address), host(agent.address), "\(agent.port)",
        ]
        return words.joined(separator: " ") + "\n"
    }

    @ControlActor private static func connections(_ server: SharedServer, _ api: RuntimeAPI) -> String {
        let facts = server.facts
        let backend = server.backend.settings
        let counts = server.connections
        var words: [String] = [
            "\(backend.name)/\(facts.name)", "\(backend.id)/\(server.id)", address(facts), "\(port(facts))", "-",
            "\(server.settings.poolPurgeDelay)",
        ]
        words.append("\(server.served.load(ordering: .relaxed))")
        words.append("\(counts.used.load(ordering: .relaxed))")
        words.append("\(counts.maxUsed.load(ordering: .relaxed))")
        words.append("\(counts.needed.load(ordering: .relaxed))")
        words.append("\(counts.sessionIdle.load(ordering: .relaxed))")
        words.append("\(counts.unsafe.load(ordering: .relaxed))")
        words.append("\(counts.safe.load(ordering: .relaxed))")
        words.append("\(server.settings.poolMaxConnections ?? -1)")
        words.append("\(counts.idle.load(ordering: .relaxed))")
        words += server.workerIdle.map { "\($0.count.load(ordering: .relaxed))" }
        return words.joined(separator: " ") + "\n"
    }

    private static func address(_ facts: ServerFacts) -> String {
        guard case .ip(let address) = facts.address, address.family != .unspecified else { return "-" }
        return address.host
    }

    private static func host(_ target: Socket.Target?) -> String {
        guard case .ip(let address) = target, address.family != .unspecified else { return "-" }
        return address.host
    }

    private static func port(_ facts: ServerFacts) -> Int {
        guard case .ip = facts.address else { return 0 }
        switch facts.port {
        case .fixed(let port): return Int(port)
        case .ofClient(let offset): return Int(UInt16(truncatingIfNeeded: offset))
        }
    }
}
