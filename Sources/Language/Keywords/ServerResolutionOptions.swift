import Configuration
import Words

/// What a `server` or `default-server` line says about the resolution of its name.
enum ServerResolutionOptions {
    static let all: [LineOption<ServerDraft>] = [
        LineOption("resolvers") { (server, statement, option) throws(Complaint) in
            server.resolution.resolvers = try statement.value(of: option, "the name of a resolvers section").text
            server.resolversMark = statement.mark(option)
        },
        LineOption("resolve-prefer") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "either ipv4 or ipv6 as argument")
            switch word.text {
            case "ipv4": server.resolution.preferredFamily = .ipv4
            case "ipv6": server.resolution.preferredFamily = .ipv6
            default:
                throw Complaint(
                    "'\(statement.name)' : 'resolve-prefer' expects either ipv4 or ipv6 as argument.", at: word)
            }
        },
        LineOption("resolve-opts") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a list of options")
            for name in word.text.split(separator: ",") {
                switch name {
                case "allow-dup-ip": server.resolution.allowsDuplicates = true
                case "prevent-dup-ip": server.resolution.allowsDuplicates = false
                case "ignore-weight": server.resolution.ignoresWeight = true
                default:
                    throw Complaint(
                        "'\(statement.name)' : 'resolve-opts' : unknown resolve-opts option '\(name)', supported methods"
                            + " are 'allow-dup-ip', 'ignore-weight', and 'prevent-dup-ip'.", at: word)
                }
            }
        },
        LineOption("resolve-net") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a list of networks")
            for text in word.text.split(separator: ",") {
                guard server.resolution.preferredNetworks.count < ServerResolutionSettings.maxNetworks else {
                    throw Complaint(
                        "'\(statement.name)' : 'resolve-net' exceed \(ServerResolutionSettings.maxNetworks) networks.",
                        at: word)
                }
                guard let network = network(text) else {
                    throw Complaint("'\(statement.name)' : 'resolve-net' invalid network '\(text)'.", at: word)
                }
                server.resolution.preferredNetworks.append(network)
            }
        },
        LineOption("init-addr") { (server, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a list of methods")
            do throws(Complaint) {
                server.resolution.initial = try initial(word)
            } catch { throw Complaint("'\(statement.name)' : \(error.message)", at: word) }
        },
    ]

    private static func network(_ text: Substring) -> IPNetwork? {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ IPAddress(text: $0) }) else { return nil }
        let longest = address.isV4 ? 32 : 128
        guard parts.count > 1 else { return IPNetwork(address, prefixLength: longest) }
        if let length = Int(parts[1]), (0...longest).contains(length) {
            return IPNetwork(address, prefixLength: length)
        }
        // A netmask, its ones in front: 255.255.0.0.
        guard case .v4(let mask) = IPAddress(text: parts[1]), address.isV4,
            mask.leadingOnes + mask.trailingZeroBitCount >= 32
        else { return nil }
        return IPNetwork(address, prefixLength: mask.leadingOnes)
    }

    /// Most methods of `init-addr`: each of the four once, and some again.
    private static let maxMethods = 10

    private static func initial(_ word: Word) throws(Complaint) -> [InitialAddress] {
        var methods: [InitialAddress] = []
        for text in word.text.split(separator: ",") {
            switch text {
            case "last": methods.append(.last)
            case "libc": methods.append(.libc)
            case "none": methods.append(.none)
            default:
                guard let address = IPAddress(text: text) else {
                    throw Complaint(
                        "'init-addr' : unknown init-addr method '\(text)', supported methods are 'libc', 'last',"
                            + " 'none'.")
                }
                let hasOne = methods.contains { if case .fixed = $0 { true } else { false } }
                if hasOne {
                    throw Complaint("'init-addr' : initial address already specified, cannot add '\(text)'.")
                }
                methods.append(.fixed(address))
            }
            if methods.count > maxMethods {
                throw Complaint("'init-addr' : too many init-addr methods when trying to add '\(text)'")
            }
        }
        return methods
    }
}

extension UInt32 {
    /// Ones in front of the first zero.
    fileprivate var leadingOnes: Int { (~self).leadingZeroBitCount }
}

/// `server-template <prefix> <count | low-high> <name>[:<port>] …`: servers that differ in their names only.
enum ServerTemplateStatement {
    static let keyword = Keyword<ProxyDraft>("server-template", in: [.listen, .backend]) {
        (proxy, statement) throws(Complaint) in
        let usage = "<prefix> <nb | range> <addr>[:<port>] as arguments"
        let prefix = try statement.argument(usage)
        try checkName(prefix, of: "server")
        let count = try statement.argument(usage)
        guard let range = range(count.text) else {
            throw Complaint("'server-template' : Wrong number or range arg '\(count.text)'.", at: count)
        }
        guard range.count <= maxServers else {
            throw Complaint("'server-template' : more than \(maxServers) servers in '\(count.text)'.", at: count)
        }
        let template = try ServerStatement.server(of: proxy, named: prefix, &statement)
        for number in range {
            var server = template
            server.name = "\(prefix.text)\(number)"
            if number > range.lowerBound { server.id = nil }
            proxy.servers.append(server)
        }
    }

    /// Most servers of one line.
    private static let maxServers = 100_000

    private static func range(_ text: String) -> ClosedRange<Int>? {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first.flatMap({ Int($0) }), first >= 0 else { return nil }
        guard parts.count > 1 else { return first >= 1 ? 1...first : nil }
        guard let last = Int(parts[1]), last >= first else { return nil }
        return first...last
    }
}
