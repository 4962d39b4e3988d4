import Bytes
import Configuration
import Proxying
import Servers

/// `show sess` and `shutdown session`: what is open now.
enum ExchangeCommands {
    static let all = [
        Command(
            "show sess",
            usage:
                "show sess [help|<id>|all] [opts...]     : report the list of current streams or dump this exact stream",
            level: .operator, run: show),
        Command(
            "shutdown session", usage: "shutdown session [id]                   : kill a specific session",
            level: .admin,
            run: shutdown),
    ]

    private static let usage = """
        Usage: show sess [<id> | all | help] [<options>*]
        Dumps active streams (formerly called 'sessions'). Available selectors:
           <id>         dump only this stream identifier (0x...)
           all          dump all matching streams in large format
           help         show this message
           susp         report streams considered suspicious
        Available options: 
           show-uri     also display the transaction URI, if available
           older <age>  only display streams older than <age> seconds
           server <b/s> only show streams attached to this backend+server
           backend <b>  only show streams attached to this backend
           frontend <f> only show streams attached to this frontend
        Without any argument, all streams are dumped in a shorter format.
        """

    /// Exchanges that one worker is asked for at once.
    private static let slice = 200

    /// What the words of `show sess` choose.
    private struct Choice {
        var id: UInt?
        var isLong = false
        var isSuspicious = false
        var showsURI = false
        var minimumAge = 0
        var frontend: String?
        var backend: String?
        var server: String?

        func wants(_ facts: ExchangeFacts) -> Bool {
            if let id, facts.id != id { return false }
            if let frontend, facts.frontend != frontend { return false }
            if let backend, facts.backend != backend { return false }
            if let server, facts.server != server { return false }
            if isSuspicious, facts.expires != nil || facts.stage == "data" { return false }
            return facts.age >= minimumAge
        }
    }

    @ControlActor private static func show(_ call: CommandCall) async throws(CommandFailure) {
        guard let choice = try await read(call) else { return }
        var wasFound = false
        for worker in 0..<call.api.workers.blueprint.workerCount {
            var start = 0
            while true {
                let from = start
                let facts = await call.api.askWorker(worker) { $0.exchanges(from: from, limit: slice) } ?? []
                for one in facts where choice.wants(one) {
                    wasFound = true
                    try await call.write(choice.isLong ? long(one) : short(one, showsURI: choice.showsURI))
                }
                if facts.count < slice { break }
                start += slice
            }
        }
        if choice.id != nil, !wasFound { try await call.write("Session not found.\n") }
    }

    @ControlActor private static func read(_ call: CommandCall) async throws(CommandFailure) -> Choice? {
        var choice = Choice()
        var index = 2
        func value(_ complaint: String) throws(CommandFailure) -> String {
            index += 1
            guard !call[index].isEmpty else { throw .refused(complaint + "\n") }
            return call[index]
        }
        func proxy(_ complaint: String) throws(CommandFailure) -> String {
            if choice.frontend != nil || choice.backend != nil {
                throw .refused("Only one of backend, frontend or server may be set.\n")
            }
            return try value(complaint)
        }
        while !call[index].isEmpty {
            let word = call[index]
            switch word {
            case "help":
                try await call.say(usage)
                return nil
            case "all": choice.isLong = true
            case "susp": choice.isSuspicious = true
            case "show-uri": choice.showsURI = true
            case "older":
                let age = try value("Expects a minimum age (in seconds by default).")
                guard let time = CommandArgument.milliseconds(age, defaultUnit: .seconds) else {
                    throw .refused("Invalid age.\n")
                }
                choice.minimumAge = (time + 999) / 1000
            case "frontend":
                let name = try proxy("Missing frontend name.")
                guard call.api.configuration.frontends.contains(where: { $0.name == name }) else {
                    throw .refused("No such frontend.\n")
                }
                choice.frontend = name
            case "backend":
                let name = try proxy("Missing backend name.")
                guard call.api.backends.backend(named: name) != nil else { throw .refused("No such backend.\n") }
                choice.backend = name
            case "server":
                let server = try call.api.server(proxy("Missing server name (<backend>/<server>)."))
                choice.backend = server.backend.settings.name
                choice.server = server.facts.name
            case _ where word.hasPrefix("0x"):
                choice.id = UInt(word.dropFirst(2), radix: 16) ?? 0
                choice.isLong = true
            default: throw .refused("Unsupported option '\(word)', try 'help' for more info.\n")
            }
            index += 1
        }
        return choice
    }

    private static func hexadecimal(_ id: UInt) -> String { "0x" + String(id, radix: 16) }

    private static func short(_ facts: ExchangeFacts, showsURI: Bool) -> String {
        var text = "\(hexadecimal(facts.id)): proto=\(facts.transport) src=\(facts.source) fe=\(facts.frontend)"
        text += " be=\(facts.backend ?? "<NONE>") srv=\(facts.server ?? "<none>") tid=\(facts.worker + 1)"
        text += " age=\(HumanTime.text(facts.age)) st=\(facts.stage)"
        text +=
            " rq[i=\(facts.requestWaiting),tot=\(facts.bytesIn)] rp[i=\(facts.responseWaiting),tot=\(facts.bytesOut)]"
        text += " exp=\(facts.expires.map { HumanTime.text(($0 + 999) / 1000) } ?? "") rc=\(facts.retries)"
        if showsURI, let uri = facts.uri { text += " uri=\"\(facts.method ?? "") \(StatisticsText.escaped(uri))\"" }
        return text + "\n"
    }

    private static func long(_ facts: ExchangeFacts) -> String {
        var date = LogDate()
        var stamp = LogText()
        date.appendPrecise(facts.acceptedWall, to: &stamp)
        let started = String(decoding: stamp.bytes, as: UTF8.self)
        let mode = facts.isHTTP ? "http" : "tcp"
        let expiry = facts.expires.map { HumanTime.text(($0 + 999) / 1000) } ?? "<NEVER>"
        let backend = facts.backend.map { "\($0) (id=\(facts.backendID ?? 0) mode=\(mode))" } ?? "<NONE> (id=-1 mode=-)"
        let server = facts.server.map { "\($0) (id=\(facts.serverID ?? 0))" } ?? "<NONE> (id=-1)"
        var text = """
            \(hexadecimal(facts.id)): [\(started)] id=\(facts.number) proto=\(facts.transport) source=\(facts.source)
              conn_retries=\(facts.retries), conn_exp=\(expiry)
              frontend=\(facts.frontend) (id=\(facts.frontendID) mode=\(mode)), listener=\(facts.listener)
              backend=\(backend)
              server=\(server)
              worker=\(facts.worker + 1) state=\(facts.stage) age=\(HumanTime.text(facts.age))
              req=buffered=\(facts.requestWaiting) total=\(facts.bytesIn)
              res=buffered=\(facts.responseWaiting) total=\(facts.bytesOut)

            """
        if let method = facts.method, let uri = facts.uri {
            text += "  txn=uri=\"\(method) \(StatisticsText.escaped(uri))\"\n"
        }
        return text
    }

    @ControlActor private static func shutdown(_ call: CommandCall) async throws(CommandFailure) {
        guard !call[2].isEmpty else { throw .refused("Session pointer expected (use 'show sess').\n") }
        let isHexadecimal = call[2].hasPrefix("0x")
        let digits = (isHexadecimal ? call[2].dropFirst(2) : call[2][...]).prefix {
            $0.isASCII && (isHexadecimal ? $0.isHexDigit : $0.isNumber)
        }
        let id = UInt(digits, radix: isHexadecimal ? 16 : 10) ?? 0
        if id == 0 { throw .refused("Session pointer expected (use 'show sess').\n") }
        let ended = await call.api.askWorkers { $0.endExchange(id) }
        guard ended.contains(true) else { throw .refused("No such session (use 'show sess').\n") }
    }
}

/// Spans of time as HAProxy writes them for humans: the two largest units.
enum HumanTime {
    static func text(_ seconds: Int) -> String {
        let units = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")]
        guard let first = units.firstIndex(where: { seconds >= $0.0 }) else { return "0s" }
        var text = ""
        var left = seconds
        for (size, name) in units[first...].prefix(2) where left / size > 0 {
            text += "\(left / size)\(name)"
            left %= size
        }
        return text
    }
}
