import Configuration
import Words

/// What `bind` lines say of their sockets, beside addresses: what the kernel is told, and what concerns HAProxy's threads.
enum BindSocketOptions {
    static let all = kernel + ofCommands + hints()

    /// The names of those that only `bind` takes.
    static var kernelNames: [String] { kernel.map(\.name) }

    private static let kernel: [LineOption<BindDraft>] = [
        LineOption("id") { (bind, statement, option) throws(Complaint) in
            let title = "'\(statement.name)' : 'id'"
            guard let word = statement.next() else {
                throw Complaint("\(title) : expects an integer argument", at: option)
            }
            guard let id = Int(word.text) else {
                throw Complaint("\(title) : expects an integer argument, found '\(word.text)'", at: word)
            }
            guard id > 0, id <= Int(Int32.max) else { throw Complaint("\(title) : custom id has to be > 0", at: word) }
            bind.id = id
        },
        LineOption("interface") { (bind, statement, option) throws(Complaint) in
            bind.sockets.interface = try statement.word(of: option, "missing interface name").text
        },
        LineOption("mss") { (bind, statement, option) throws(Complaint) in
            let word = try statement.word(of: option, "missing MSS value")
            guard let size = Int(word.text), (1...65_535).contains(size.magnitude) else {
                throw Complaint(
                    "'\(statement.name)' : 'mss' : expects an MSS with and absolute value between 1 and 65535", at: word
                )
            }
            bind.sockets.maxSegment = size
        },
        LineOption("tcp-ut") { (bind, statement, option) throws(Complaint) in
            bind.sockets.userTimeout = try statement.userTimeout(of: option)
        },
        LineOption("tcp-ss") { (bind, statement, option) throws(Complaint) in
            let found = statement.next()
            guard let word = found, let value = Int(word.text), (0...2).contains(value) else {
                throw Complaint(
                    "'\(statement.name)' : 'tcp-ss' : TCP Save SYN option expects an integer argument from 0 to 2",
                    at: found ?? option)
            }
            bind.sockets.keepsSYN = value
        },
        LineOption("cc") { (bind, statement, option) throws(Complaint) in
            bind.sockets.congestionControl =
                try statement.word(of: option, "missing TCP congestion control algorithm").text
        },
        LineOption("defer-accept") { (bind, _, _) in bind.sockets.defersAccept = true },
        LineOption("transparent") { (bind, _, _) in bind.sockets.isTransparent = true },
    ]

    /// Words for `stats socket`, which change nothing here.
    private static let ofCommands: [LineOption<BindDraft>] = [
        LineOption("level") { (_, statement, option) throws(Complaint) in
            let word = try statement.word(of: option, "missing level")
            guard AccessLevel(word: word.text) != nil else {
                throw Complaint(
                    "'\(statement.name)' : 'level' only supports 'user', 'operator', and 'admin' (got '\(word.text)')",
                    at: word)
            }
        },
        LineOption("severity-output") { (_, statement, option) throws(Complaint) in
            let word = try statement.word(of: option, "missing severity format")
            guard SeverityOutput(rawValue: word.text) != nil else {
                throw Complaint(
                    "'\(statement.name)' : 'severity-output' only supports 'none', 'number', and 'string' (got"
                        + " '\(word.text)')", at: word)
            }
        },
        LineOption("expose-fd") { (_, statement, option) throws(Complaint) in
            let word = try statement.word(of: option, "missing fd type")
            guard word.text == "listeners" else {
                throw Complaint(
                    "'\(statement.name)' : 'expose-fd' only supports 'listeners' (got '\(word.text)')", at: word)
            }
        },
    ]

    /// Words that are checked, and change nothing.
    static func hints<Owner>() -> [LineOption<Owner>] {
        [
            // Nothing has a priority before others in a worker's turn.
            LineOption("nice") { (_, statement, option) throws(Complaint) in
                let word = try statement.word(of: option, "missing value")
                guard let value = Int(word.text), (-1024...1024).contains(value) else {
                    throw Complaint(
                        "'\(statement.name)' : 'nice' : invalid value \(word.text), allowed range is -1024..1024",
                        at: word)
                }
            },
            // Every worker has a socket of its own.
            LineOption("shards") { (_, statement, option) throws(Complaint) in
                let word = try statement.word(of: option, "missing value")
                if ["by-thread", "by-group"].contains(word.text) { return }
                guard let count = Int(word.text), (1...1024).contains(count) else {
                    throw Complaint(
                        "'\(statement.name)' : 'shards' : invalid value \(Int(word.text) ?? 0), allowed range is 1..1024 or"
                            + " 'by-thread'", at: word)
                }
            },
            LineOption("thread") { (_, statement, _) throws(Complaint) in
                if let word = statement.next() { try checkThreads(word, statement) }
            },
            // A name that only other HAProxy processes would ask for.
            LineOption("label") { (_, statement, option) throws(Complaint) in
                _ = try statement.word(of: option, "missing label")
            },
            // Each connection's datagrams come to its worker by the listener's own socket, which the kernel steers.
            LineOption("quic-socket") { (_, statement, option) throws(Complaint) in
                let word = try statement.word(of: option, "missing argument, use either connection or listener.")
                guard ["connection", "listener"].contains(word.text) else {
                    throw Complaint(
                        "'\(statement.name)' : 'quic-socket' : unknown argument, use either connection or listener.",
                        at: word)
                }
            },
            // ALPN has taken its place; no client has asked for it for years.
            LineOption("npn") { (_, statement, option) throws(Complaint) in
                _ = try statement.word(of: option, "missing the comma-delimited NPN protocol suite")
            },
        ]
    }

    /// `all`, `odd`, `even`, numbers and ranges, a group before a slash, with commas between.
    private static func checkThreads(_ word: Word, _ statement: Statement) throws(Complaint) {
        for part in word.text.split(separator: ",", omittingEmptySubsequences: false) {
            var threads = part[...]
            if let slash = part.firstIndex(of: "/"), Int(part[..<slash]) != nil {
                threads = part[part.index(after: slash)...]
            }
            if ["all", "odd", "even"].contains(threads) { continue }
            let first = threads.prefix { $0 != "-" }
            guard let number = Int(first), (1...1024).contains(number) else {
                throw Complaint(
                    "'\(statement.name)' : invalid first thread number '\(threads)', permitted range is 1..1024, or"
                        + " 'all', 'odd', 'even'.", at: word)
            }
        }
    }
}

extension Statement {
    /// The value of the setting `option`; `missing` is said of one without.
    mutating func word(of option: Word, _ missing: String) throws(Complaint) -> Word {
        guard let word = next() else { throw Complaint("'\(name)' : '\(option.text)' : \(missing)", at: option) }
        return word
    }

    /// The time of `tcp-ut`, milliseconds; nil: as the system has it.
    mutating func userTimeout(of option: Word) throws(Complaint) -> Int? {
        let word = try word(of: option, "missing TCP User Timeout value.")
        do {
            let time = try Scalars.time(word.text, in: .milliseconds)
            return time == 0 ? nil : time
        } catch .overflow {
            throw Complaint(
                "timer overflow in argument '\(word.text)' to 'tcp-ut' (maximum value is 2147483647 ms or ~24.8 days)",
                at: word)
        } catch {
            throw Complaint("'\(name)' : 'tcp-ut' : expects a positive delay in milliseconds", at: word)
        }
    }
}
