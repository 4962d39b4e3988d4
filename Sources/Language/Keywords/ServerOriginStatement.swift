import Configuration
import Words

/// `from <origin>` behind a server's address, or on a `default-server` line: what it starts from.
enum ServerOriginStatement {
    /// What the words say.
    enum Origin {
        /// They are not there.
        case usual
        /// `none`, or a backend whose `default-server` says nothing.
        case nothing
        case draft(ServerDraft)
    }

    /// Reads `from <origin>` if it is there.
    static func read(_ proxy: ProxyDraft, _ statement: inout Statement) throws(Complaint) -> Origin {
        guard let word = statement.peek, word.text == "from" else { return .usual }
        _ = statement.next()
        guard let value = statement.next() else { throw complaint("from: missing value.", word, statement) }
        let origin = try find(value, proxy, statement)
        if let again = statement.peek, again.text == "from" {
            throw complaint("'from' keyword can only be specified once.", again, statement)
        }
        return origin
    }

    private static func find(_ value: Word, _ proxy: ProxyDraft, _ statement: Statement) throws(Complaint) -> Origin {
        let origins = proxy.surroundings.origins
        if value.text == "none" { return .nothing }
        if value.text.hasPrefix("be:") {
            let name = String(value.text.dropFirst(3))
            if name.isEmpty || name == proxy.name {
                return proxy.hasDefaultServer ? .draft(proxy.defaultServer) : .nothing
            }
            guard origins.isKnown(name) else {
                throw complaint("from: unknown backend instance '\(name)'.", value, statement)
            }
            return origins.unnamed(of: name).map { .draft($0) } ?? .nothing
        }
        guard value.text.hasPrefix("srv:") else {
            throw complaint("invalid '\(value.text)' value for 'from' keyword.", value, statement)
        }
        let parts = value.text.dropFirst(4).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            .map(String.init)
        let (backend, name) = parts.count == 2 ? (parts[0], parts[1]) : (proxy.name, parts.first ?? "")
        if backend != proxy.name, !origins.isKnown(backend) {
            throw complaint("from: unable to find proxy '\(backend)'.", value, statement)
        }
        guard let found = origins.server(name, of: backend) else {
            throw complaint("from: unable to find server '\(backend)/\(name)'.", value, statement)
        }
        return .draft(found)
    }

    private static func complaint(_ message: String, _ word: Word, _ statement: Statement) -> Complaint {
        Complaint("'\(statement.name)' : \(message)", at: word)
    }
}

/// `default-server [name <name>] [from <origin>] …`.
enum DefaultServerStatement {
    static let keyword = Keyword<ProxyDraft>("default-server", in: .back) { (proxy, statement) throws(Complaint) in
        var name: String?
        if statement.skip("name") {
            guard let word = statement.next() else { throw Complaint("default-server name: missing value.") }
            if let other = proxy.servers.first(where: { $0.name == word.text }) {
                let line = other.mark?.location.line ?? 0
                throw Complaint(
                    "default-server name '\(word.text)' conflicts with server defined at line \(line).", at: word)
            }
            name = word.text
        }
        let clean = ServerDraft(surroundings: proxy.surroundings)
        // An instance goes on from line to line; one with a name begins with nothing.
        var draft = proxy.defaultServer
        if let name { draft = proxy.surroundings.origins.server(name, of: proxy.name) ?? clean }
        var isSet = name != nil || proxy.hasDefaultServer
        switch try ServerOriginStatement.read(proxy, &statement) {
        case .usual: break
        case .nothing:
            draft = clean
            isSet = name != nil
        case .draft(let origin):
            draft = origin.asOrigin
            isSet = true
        }
        if !statement.isAtEnd { isSet = true }
        try ServerOptions.table.apply(to: &draft, &statement)
        if name == nil {
            // A server that takes its settings from here is taken for healthy before it is checked, as is shown.
            draft.check.isInherited = isSet
            proxy.defaultServer = draft
            proxy.hasDefaultServer = isSet
        }
        if proxy.kind != .defaults {
            proxy.surroundings.origins.note(defaults: isSet ? draft : nil, named: name, of: proxy.name)
        }
    }
}

extension ServerDraft {
    /// What another server takes over: all but what is its own.
    var asOrigin: ServerDraft {
        var copy = self
        copy.id = nil
        copy.guid = nil
        copy.check.isInherited = true
        return copy
    }
}
