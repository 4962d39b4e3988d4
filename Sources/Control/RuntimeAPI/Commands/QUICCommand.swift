import Bytes
import Configuration
import MuxHTTP3
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

    /// The library tells bytes in flight: packets are made of them by the size of the path's datagrams. Lost packets are
    /// those with data of streams.
    private static func line(_ connection: QUICInspection, _ worker: Int) -> String {
        let state =
            switch connection.phase {
            case .handshaking: "HDSHK"
            case .established: "ESTAB"
            case .closing, .closed: "CLOSE"
            case .draining: "DRAIN"
            }
        let name = "\(title(connection, worker))/\(connection.owner.prefix(12)) "
        let bytes = connection.statistics.bytesInFlight
        let size = UInt64(max(1, connection.statistics.datagramSize))
        return pad(name, 36) + pad(state, 8) + right("\(bytes)", 9) + " " + right("\((bytes + size - 1) / size)", 6)
            + " " + right("\(connection.lostPackets)", 6) + "   " + address(connection.local) + "   "
            + address(connection.remote) + " \(connection.localID) \(connection.remoteID)\n"
    }

    private static func address(_ address: SocketAddress) -> String {
        right(address.host, 15) + ":" + pad("\(address.port)", 5)
    }

    private static func streams(_ connection: QUICInspection) -> String {
        var text = ""
        for stream in connection.streamList {
            let number = String(stream.id)
            let age = stream.openedAt.map { connection.now.milliseconds(since: $0) / 1000 } ?? 0
            text += "0x\(String(connection.identity, radix: 16))."
            text += String(repeating: "0", count: max(0, 4 - number.utf8.count)) + number
            text += ": 0x\(stream.isBlocked ? "01" : "00") age=\(HumanTime.text(Int(clamping: age)))"
            text += " tx=[\(stream.buffered),\(stream.sent)]"
            if stream.hasExchange {
                text += " rxb=\(stream.waiting)/\(stream.received)"
            } else {
                text += " rxb=-/- -- released --"
            }
            text += "\n"
        }
        return text
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
        var text = "* \(title(connection, worker)): scid=\(dotted(connection.localID))"
        text += " dcid=\(dotted(connection.remoteID))\n"
        if parts.contains(.tp) {
            text += "  loc. TPs:\(parameters(connection.localParameters))\n"
            text += "  rem. TPs:\(parameters(connection.remoteParameters))\n"
            text += "  version=0x\(String(connection.version, radix: 16)) owner=\(connection.owner)\n"
        }
        text += "  st=\(pad(state, 17))mux=\(pad(mux, 42))\n"
        if parts.contains(.sock) {
            text += "  fd=\(connection.descriptor)"
            text += "               local_addr=\(connection.local.host):\(connection.local.port)"
            text += " foreign_addr=\(connection.remote.host):\(connection.remote.port)\n"
        }
        let statistics = connection.statistics
        if parts.contains(.pktns) {
            let share =
                statistics.congestionWindow > 0 ? statistics.bytesInFlight * 100 / statistics.congestionWindow : 0
            text += "  [01rtt] rx.ackrng=-      tx.inflight=\(pad("\(statistics.bytesInFlight)", 6))(\(share)%)\n"
        }
        if parts.contains(.cc) { text += congestion(connection) }
        if connection.counters.migrations > 0 {
            text += " migrdone=\(pad("\(connection.counters.migrations)", 6))\n"
        }
        if parts.contains(.mux), connection.hasMux { text += multiplexer(connection) }
        return text + "\n"
    }

    /// A connection ID, filled up to the longest.
    private static func dotted(_ id: String) -> String {
        id + String(repeating: "..", count: max(0, 20 - id.utf8.count / 2))
    }

    /// Dashes stand for what the library does not tell.
    private static func congestion(_ connection: QUICInspection) -> String {
        let statistics = connection.statistics
        func time(_ nanoseconds: UInt64) -> String { pad("\(nanoseconds / 1_000_000)", 4) }
        let counters = connection.counters
        return "  srtt=\(time(statistics.smoothedRTT))  rttvar=\(time(statistics.rttVariation))"
            + " rttmin=\(time(statistics.minimumRTT)) ptoc=\(pad("\(statistics.probeTimeouts)", 4))\n"
            + "  cwnd=\(pad("\(statistics.congestionWindow)", 6))            cwnd_last_max=-     \n"
            + "  sentbytes=\(pad("\(counters.bytesSent)", 12)) sentbytesgso=-            sentpkts="
            + pad("\(counters.datagramsSent)", 6) + "\n"
            + "  lostpkts=\(pad("\(connection.lostPackets)", 6))        reorderedpkts=-     \n"
    }

    private static func multiplexer(_ connection: QUICInspection) -> String {
        let waiting = connection.streamList.reduce(0) { $0 + $1.buffered }
        var text = "  qcc=0x\(String(connection.identity, radix: 16)) flags=0x0 sc=\(connection.streams)"
        text += " hreq=\(connection.streamList.count) bwnd=\(waiting)/\(connection.statistics.congestionWindow)\n"
        for stream in connection.streamList {
            text += "    qcs=0x\(String(connection.identity, radix: 16)) id=\(stream.id) flags=0x0"
            text += " st=\(stream.hasExchange ? "OPEN" : "CLO") rxb=\(stream.waiting) rxoff=\(stream.received)"
            text += " txb=\(stream.buffered) txoff=\(stream.sent)\n"
        }
        return text
    }

    private static func parameters(_ from: QUICTransportParameters?) -> String {
        guard let from else { return " -" }
        var text = from.originalDestination.map { " odcid=\($0)" } ?? ""
        text += " iscid=\(from.initialSource)"
        if let id = from.retrySource { text += "  rscid=\(id)" }
        text += "\n    midle_timeout=\(from.maxIdleTimeout)ms mudp_payload_sz=\(from.maxDatagramSize)"
        text += " ack_delay_exp=\(from.acknowledgementDelayExponent) mack_delay=\(from.maxAcknowledgementDelay)ms"
        text += " act_cid_limit=\(from.activeConnectionIDLimit)\n"
        text += "    md=\(from.connectionWindow) msd_bidi_l=\(from.localBidirectionalWindow)"
        text += " msd_bidi_r=\(from.remoteBidirectionalWindow) msd_uni=\(from.unidirectionalWindow)"
        text += " ms_bidi=\(from.bidirectionalStreams) ms_uni=\(from.unidirectionalStreams)\n"
        var flags: [String] = []
        if from.disablesActiveMigration { flags.append("no_act_migr") }
        if from.hasStatelessResetToken { flags.append("stless_rst_tok") }
        return flags.isEmpty ? text : text + "    (\(flags.joined(separator: ",")))"
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.utf8.count))
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.utf8.count)) + text
    }
}
