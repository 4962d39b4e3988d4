import Bytes
import Configuration
import Proxying
import QUICTransport

/// `show quic` (management.txt, section 9.3).
enum QUICCommand {
    static let all = [
        Command(
            "show quic", usage: "show quic [help|<format>] [<filter>]    : display quic connections status",
            level: .operator, run: show)
    ]

    private enum Part: String, CaseIterable {
        case tp, sock, pktns, cc, mux
    }

    private enum Format {
        case oneLine
        case streams
        case parts(Set<Part>)
    }

    private enum Filter {
        case active, all, closing, servers
        case one(UInt)
    }

    private static let help = """
        Usage: show quic [help|<format>] [<filter>]
        Dumps information about QUIC connections. Available output formats:
          oneline    dump a single, netstat-like line per connection (default)
          stream     dump a list of streams, one per line, sorted by connection
          full       dump all known information about each connection
          <levels>*  only dump certain information, defined by a comma-delimited list
                     of levels among 'tp', 'sock', 'pktns', 'cc', or 'mux'
          help       display this help
        Available output filters:
          all        dump all connections
          clo        dump frontend closing connections
          be         dump backend connections
          <id>       dump only the connection matching this identifier (0x...)
        Without any argument, active frontend connections are dumped using the oneline format.
        """

    @ControlActor private static func show(_ call: CommandCall) async throws(CommandFailure) {
        if call[2] == "help" { throw .refused(help) }
        var next = 2
        var format = try format(call[2])
        if format != nil { next += 1 }
        let filter = try filter(call[next])
        if case .one = filter, format == nil { format = .parts(Set(Part.allCases)) }
        let wanted = format ?? .oneLine
        if case .oneLine = wanted { try await call.write(header) }
        for worker in 0..<call.api.workers.mailboxes.count {
            for connection in await call.api.askWorker(worker, { $0.inspectQUIC() }) ?? [] {
                guard matches(connection, filter) else { continue }
                switch wanted {
                case .oneLine: try await call.write(line(connection, worker))
                case .streams: try await call.write(streams(connection))
                case .parts(let parts): try await call.write(full(connection, worker, parts))
                }
            }
        }
    }

    private static func format(_ word: String) throws(CommandFailure) -> Format? {
        switch word {
        case "oneline": return .oneLine
        case "stream": return .streams
        case "full": return .parts(Set(Part.allCases))
        default: break
        }
        var parts: Set<Part> = []
        for name in word.split(separator: ",") {
            if let part = Part(rawValue: String(name)) {
                parts.insert(part)
            } else if !parts.isEmpty || word.contains(",") {
                throw .refused("Invalid field, use 'help' for more options.")
            }
        }
        return parts.isEmpty ? nil : .parts(parts)
    }

    private static func filter(_ word: String) throws(CommandFailure) -> Filter {
        switch word {
        case "": return .active
        case "all": return .all
        case "clo": return .closing
        case "be": return .servers
        default:
            guard word.lowercased().hasPrefix("0x") else {
                throw .refused("Invalid argument, use 'help' for more options.")
            }
            guard let identity = UInt(word.dropFirst(2), radix: 16) else {
                throw .refused("Invalid quic_conn pointer.")
            }
            return .one(identity)
        }
    }

    private static func matches(_ connection: QUICInspection, _ filter: Filter) -> Bool {
        switch filter {
        case .all: true
        case .active: !connection.isServerSide && !connection.isClosing
        case .closing: !connection.isServerSide && connection.isClosing
        case .servers: connection.isServerSide
        case .one(let identity): connection.identity == identity
        }
    }

    // MARK: Lines

    private static let header =
        "# conn/frontend                     state   in_flight infl_p lost_p         Local Address           Foreign"
        + " Address      local & remote CIDs\n"

    private static func title(_ connection: QUICInspection, _ worker: Int) -> String {
        let number = worker + 1 < 10 ? "0\(worker + 1)" : "\(worker + 1)"
        return "0x\(String(connection.identity, radix: 16))[\(number)]\(connection.isServerSide ? "(B)" : "")"
    }

    /// Packets in flight and lost ones are not counted: they show as a dash, like connection IDs.
    private static func line(_ connection: QUICInspection, _ worker: Int) -> String {
        let state =
            switch connection.phase {
            case .handshaking: "HDSHK"
            case .established: "ESTAB"
            case .closing, .closed: "CLOSE"
            case .draining: "DRAIN"
            }
        let name = "\(title(connection, worker))/\(connection.owner.prefix(12)) "
        return pad(name, 36) + pad(state, 8) + right("\(connection.statistics.bytesInFlight)", 9) + " " + right("-", 6)
            + " " + right("-", 6) + "   " + right(connection.local.host, 15) + ":" + pad("\(connection.local.port)", 5)
            + "   " + right(connection.remote.host, 15) + ":" + pad("\(connection.remote.port)", 5) + " - -\n"
    }

    private static func streams(_ connection: QUICInspection) -> String {
        "0x\(String(connection.identity, radix: 16)): open=\(connection.streams)\n"
    }

    private static func full(_ connection: QUICInspection, _ worker: Int, _ parts: Set<Part>) -> String {
        let state =
            switch connection.phase {
            case .handshaking: "handshake"
            case .established: "opened"
            case .closing, .closed: "closing"
            case .draining: "draining"
            }
        let mux = connection.hasMux ? "ready" : connection.phase == .handshaking ? "null" : "released"
        var text = "* \(title(connection, worker)): owner=\(connection.owner)\n"
        if parts.contains(.tp) { text += "  version=0x\(String(connection.version, radix: 16))\n" }
        text += "  st=\(pad(state, 18))mux=\(mux)\n"
        if parts.contains(.sock) {
            text += "  local_addr=\(connection.local.host):\(connection.local.port)"
            text += " foreign_addr=\(connection.remote.host):\(connection.remote.port)\n"
        }
        let statistics = connection.statistics
        if parts.contains(.pktns) {
            let share =
                statistics.congestionWindow > 0 ? statistics.bytesInFlight * 100 / statistics.congestionWindow : 0
            text += "  [01rtt] tx.inflight=\(statistics.bytesInFlight)(\(share)%)\n"
        }
        if parts.contains(.cc) {
            text += "  srtt=\(statistics.smoothedRTT / 1_000_000) rttvar=\(statistics.rttVariation / 1_000_000)"
            text += " rttmin=\(statistics.minimumRTT / 1_000_000) ptoc=\(statistics.probeTimeouts)"
            text += " cwnd=\(statistics.congestionWindow)\n"
            text += "  sentbytes=\(connection.counters.bytesSent) sentdgrams=\(connection.counters.datagramsSent)"
            text +=
                " rcvdbytes=\(connection.counters.bytesReceived) rcvddgrams=\(connection.counters.datagramsReceived)\n"
        }
        if parts.contains(.mux) { text += "  streams=\(connection.streams)\n" }
        return text
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.utf8.count))
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.utf8.count)) + text
    }
}
