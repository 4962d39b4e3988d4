import Configuration
import Proxying
import Rules
import Servers

/// Does what a form of the statistics page asks for (`stats admin`), and sends the client back to the page with the
/// outcome in its address, as HAProxy does.
@ControlActor
enum StatisticsFormAnswer {
    /// The outcomes, by HAProxy's codes.
    private enum Outcome: String {
        case done = "DONE"
        case none = "NONE"
        /// Some of the servers.
        case some = "PART"
        /// Something in the form is not known.
        case wrong = "ERRP"
        case tooLarge = "EXCD"
        case denied = "DENY"
    }

    static func make(_ form: StatisticsForm, _ request: StatisticsRequest, _ api: RuntimeAPI) -> ReplyContent {
        let outcome: Outcome
        switch form {
        case .fields(let bytes): outcome = apply(fields(bytes), request, api)
        case .tooLarge: outcome = .tooLarge
        case .denied: outcome = .denied
        }
        var place = "\(request.page.uri);st=\(outcome.rawValue)"
        let options = request.options.split(separator: ";")
        for option in ["up", "norefresh"] where options.contains(Substring(option)) { place += ";\(option)" }
        var reply = ReplyContent(
            status: 303,
            fields: [
                (Array("cache-control".utf8), Array("no-cache".utf8)),
                (Array("content-type".utf8), Array("text/plain".utf8)),
                (Array("location".utf8), Array(place.utf8)),
            ])
        reply.reason = Array("See Other".utf8)
        return reply
    }

    private static func apply(
        _ fields: [(name: String, value: String)], _ request: StatisticsRequest, _ api: RuntimeAPI
    ) -> Outcome {
        // The last of each counts, as in HAProxy, which reads from the end.
        guard let name = fields.last(where: { $0.name == "b" })?.value else { return .none }
        let scopes = request.page.scopes.map { $0 == "." ? request.proxy : $0 }
        let backend = api.backends.backend(named: name)
        if !scopes.isEmpty, backend == nil || !scopes.contains(backend?.servers.settings.name ?? "") { return .denied }
        guard let backend else { return .wrong }
        let names = fields.filter { $0.name == "s" }.map(\.value)
        guard let action = fields.last(where: { $0.name == "action" })?.value, !action.isEmpty, !names.isEmpty else {
            return .none
        }
        guard let change = changes[action] else { return .wrong }
        var changed = 0
        for name in names {
            guard let server = backend.servers.server(named: name) else { continue }
            if change(server) { changed += 1 }
        }
        if changed == 0 { return .wrong }
        return changed == names.count ? .done : .some
    }

    /// What each action does; false when it does not fit the server's state.
    private static let changes: [String: @Sendable (SharedServer) -> Bool] = [
        "ready": { server in
            server.becomeReady()
            return true
        },
        "drain": { server in
            server.enterDrain()
            return true
        },
        "maint": { server in
            server.enterMaintenance()
            return true
        },
        "disable": { server in
            guard !server.admin.contains(.forcedMaintenance) else { return false }
            server.set(.forcedMaintenance, because: "'disable' on stats page")
            return true
        },
        "enable": { server in
            guard server.admin.contains(.forcedMaintenance) else { return false }
            server.clear(.forcedMaintenance)
            return true
        },
        "stop": { server in
            guard !server.admin.contains(.forcedDrain) else { return false }
            server.set(.forcedDrain, because: "'stop' on stats page")
            return true
        },
        "start": { server in
            guard server.admin.contains(.forcedDrain) else { return false }
            server.clear(.forcedDrain)
            return true
        },
        "dhlth": { setCheck($0, false) },
        "ehlth": { setCheck($0, true) },
        "hrunn": { force($0, .running) },
        "hnolb": { force($0, .stopping) },
        "hdown": { force($0, .stopped) },
        "dagent": { setAgent($0, false) },
        "eagent": { setAgent($0, true) },
        "arunn": { forceAgent($0, .running) },
        "adown": { forceAgent($0, .stopped) },
        "shutdown": { server in
            server.backend.events.tell(.shutdownSessions(server, .operatorAsked))
            return true
        },
    ]

    private nonisolated static let cause = "changed from Web interface"

    private nonisolated static func setCheck(_ server: SharedServer, _ isEnabled: Bool) -> Bool {
        let check = server.health.check
        guard check.isConfigured, check.isEnabled != isEnabled else { return false }
        server.changeHealth { check, _ in check.isEnabled = isEnabled }
        return true
    }

    private nonisolated static func setAgent(_ server: SharedServer, _ isEnabled: Bool) -> Bool {
        let agent = server.health.agent
        guard agent.isConfigured, agent.isEnabled != isEnabled else { return false }
        server.changeHealth { _, agent in agent.isEnabled = isEnabled }
        return true
    }

    private nonisolated static func force(_ server: SharedServer, _ state: OperationalState) -> Bool {
        guard server.tracked == nil else { return false }
        server.become(state, because: cause) { check, _ in
            check.health = state == .stopped ? 0 : check.rise + check.fall - 1
        }
        return true
    }

    private nonisolated static func forceAgent(_ server: SharedServer, _ state: OperationalState) -> Bool {
        guard server.tracked == nil, server.health.agent.isEnabled else { return false }
        server.become(state, because: cause) { _, agent in
            agent.health = state == .stopped ? 0 : agent.rise + agent.fall - 1
        }
        return true
    }

    // MARK: Fields

    private static func fields(_ bytes: [UInt8]) -> [(name: String, value: String)] {
        bytes.split(separator: UInt8(ascii: "&")).map { pair in
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            return (FormText.decoded(parts[0]), parts.count > 1 ? FormText.decoded(parts[1]) : "")
        }
    }
}

/// Text of forms and queries: `+` for a blank, `%` and two digits for any byte.
enum FormText {
    static func decoded(_ text: ArraySlice<UInt8>) -> String {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            if byte == UInt8(ascii: "%"), digits.count == 2,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
