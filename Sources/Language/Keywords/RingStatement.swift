import Configuration
import Words

/// The keywords of `ring` sections (configuration.txt section 12.5).
enum RingStatement {
    static let keywords: [Keyword<RingDraft>] = [
        Keyword("description", in: .ring) { (ring, statement) throws(Complaint) in
            ring.settings.summary = try statement.argument("a text").text
        },
        Keyword("format", in: .ring) { (ring, statement) throws(Complaint) in
            let name = try statement.argument("a log format")
            guard let framing = LogFraming(rawValue: name.text) else {
                throw Complaint("unknown format '\(name.text)'.", at: name)
            }
            ring.settings.framing = framing
        },
        Keyword("maxlen", in: .ring) { (ring, statement) throws(Complaint) in
            ring.settings.maxLength = try statement.integer(in: 1...Int(Int32.max))
        },
        Keyword("size", in: .ring) { (ring, statement) throws(Complaint) in
            guard ring.settings.backingFile == nil else {
                throw Complaint("cannot resize an already mapped file, please specify 'size' before 'backing-file'.")
            }
            ring.settings.size = try statement.size(in: 1...1 << 40)
        },
        Keyword("backing-file", in: .ring) { (ring, statement) throws(Complaint) in
            let path = try statement.argument("a path")
            if let known = ring.settings.backingFile {
                throw Complaint(
                    "'backing-file' already specified for ring '\(ring.settings.name)' (was '\(known)').", at: path)
            }
            ring.settings.backingFile = path.text
        },
        Keyword("timeout", in: .ring) { (ring, statement) throws(Complaint) in
            let name = try statement.argument("'connect' or 'server'")
            switch name.text {
            case "connect": ring.settings.timeouts.connect = try statement.time()
            case "server": ring.settings.timeouts.server = try statement.time()
            default: throw Complaint("'timeout' : unknown timeout '\(name.text)' in a ring section", at: name)
            }
        },
        Keyword("server", in: .ring) { (ring, statement) throws(Complaint) in
            // `log-proto` is of rings and logs only; the rest is what any server takes.
            var words = statement.remaining
            statement.advance(by: words.count)
            var framing = RingServer.Framing.legacy
            if let place = words.firstIndex(where: { $0.text == "log-proto" }) {
                guard place + 1 < words.count, let known = RingServer.Framing(rawValue: words[place + 1].text) else {
                    let expected = "'legacy' or 'octet-count'"
                    throw Complaint("'log-proto' expects one of \(expected) as argument", at: words[place])
                }
                framing = known
                words.removeSubrange(place...place + 1)
            }
            var line = Statement(
                line: statement.line, words: [Word(text: "server", column: 0)] + words, start: 0, keywordLength: 1,
                modifier: .none, context: statement.context)
            let server = try ServerStatement.server(of: ring.proxy, &line)
            ring.servers.append((server, framing))
        },
    ]
}

/// A `ring` section as it is written.
struct RingDraft: Sendable {
    var settings: RingSettings
    /// What its servers are read with.
    var proxy: ProxyDraft
    var servers: [(draft: ServerDraft, framing: RingServer.Framing)] = []
    var mark: Mark
}
