import Configuration
import Words

/// What `global` says of the process as a whole: how many new connections it takes, what it may do, and who is refused.
enum ProcessKeywords {
    static let keywords: [Keyword<GlobalDraft>] = [
        GlobalKeywords.keyword("default-path") { (global, statement) throws(Complaint) in
            let word = statement.next()
            let system = global.surroundings.system
            switch word?.text {
            case "current": system.follow(.current)
            case "config": system.follow(.config)
            case "parent": system.follow(.parent)
            case "origin":
                guard let path = statement.next() else {
                    throw Complaint("'default-path origin' expects a directory as an argument.", at: word?.column)
                }
                system.follow(.current)
                guard (try? system.entries(of: path.text)) != nil else {
                    throw Complaint(
                        "couldn't set 'default-path' to origin '\(path.text)': it is no directory that can be read",
                        at: path)
                }
                system.follow(.origin(path.text))
            default:
                throw Complaint(
                    "\(word == nil ? "missing" : "unsupported") default-path mode '\(word?.text ?? "")' for"
                        + " 'default-path', supported modes include 'current', 'config', 'parent', and 'origin'.",
                    at: word?.column)
            }
        },
        GlobalKeywords.integer("maxconnrate", zeroIsNil: true, \.rates.connections),
        GlobalKeywords.integer("maxsessrate", zeroIsNil: true, \.rates.sessions),
        GlobalKeywords.integer("maxsslrate", zeroIsNil: true, \.rates.tls),
        GlobalKeywords.integer("maxsslconn", zeroIsNil: true, \.rates.tlsAtOnce),
        GlobalKeywords.integer("maxpipes", \.maxPipes), GlobalKeywords.flag("nosplice", \.forbidsSplicing),
        GlobalKeywords.keyword("thread-hard-limit") { (global, statement) throws(Complaint) in
            let found = statement.next()
            guard let word = found, let limit = Int(word.text) else {
                throw Complaint(
                    "'thread-hard-limit' passed a missing or unparsable integer value in '\(found?.text ?? "")'",
                    at: found?.column)
            }
            guard limit >= 1 else {
                throw Complaint("'thread-hard-limit' value must be at least 1 (was \(limit))", at: word)
            }
            global.settings.threadLimit = limit
        },
        GlobalKeywords.keyword("set-dumpable", takesModifiers: true) { (global, statement) throws(Complaint) in
            guard statement.modifier == .none else {
                global.settings.isDumpable = false
                return
            }
            guard let word = statement.next() else {
                global.settings.isDumpable = true
                return
            }
            guard ["on", "off", "libs"].contains(word.text) else {
                throw Complaint(
                    "'set-dumpable' only supports 'on' and 'off' as an argument, found '\(word.text)'.", at: word)
            }
            // The libraries are in the file anyhow.
            global.settings.isDumpable = word.text != "off"
        },
        GlobalKeywords.keyword("setcap") { (global, statement) throws(Complaint) in
            let known = "cap_net_raw, cap_net_admin, cap_net_bind_service and cap_sys_admin"
            guard let word = statement.next() else {
                throw Complaint("'setcap' : missing capability name(s).  Supported ones are: \(known).")
            }
            for name in word.text.split(separator: ",") {
                guard capabilities.contains(String(name)) else {
                    throw Complaint(
                        "'setcap' : unsupported capability '\(name)'.  Supported ones are: \(known).", at: word)
                }
                if !global.settings.capabilities.contains(String(name)) {
                    global.settings.capabilities.append(String(name))
                }
            }
        },
        GlobalKeywords.keyword("harden.reject-privileged-ports.tcp") { (global, statement) throws(Complaint) in
            global.settings.refusesPrivilegedPorts = try statement.onOff()
        },
        GlobalKeywords.keyword("harden.reject-privileged-ports.quic") { (global, statement) throws(Complaint) in
            global.settings.refusesPrivilegedQUICPorts = try statement.onOff()
        },
        buffer("tune.rcvbuf.backend", \.backendReceive), buffer("tune.sndbuf.backend", \.backendSend),
        unsent("tune.notsent-lowat.client", \.clientUnsent), unsent("tune.notsent-lowat.server", \.serverUnsent),
    ]

    private static let capabilities = ["cap_net_raw", "cap_net_admin", "cap_net_bind_service", "cap_sys_admin"]

    private typealias BufferPath = any WritableKeyPath<SocketBufferSettings, Int?> & Sendable

    private static func buffer(_ name: String, _ path: BufferPath) -> Keyword<GlobalDraft> {
        GlobalKeywords.once(name) { (global, statement) throws(Complaint) in
            global.settings.tune.socketBuffers[keyPath: path] = try statement.size(in: 1...Int(Int32.max))
        }
    }

    private static func unsent(_ name: String, _ path: BufferPath) -> Keyword<GlobalDraft> {
        GlobalKeywords.keyword(name) { (global, statement) throws(Complaint) in
            let size = try statement.size(in: 0...Int(Int32.max))
            global.settings.tune.socketBuffers[keyPath: path] = size == 0 ? nil : size
        }
    }
}
