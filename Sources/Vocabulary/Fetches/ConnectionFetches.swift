import Bytes
import Connections
import Glibc
import Samples
import Words

/// Fetches of the connections to the client and to the server (configuration.txt section 7.3.3): addresses, the kernel's
/// figures, the PROXY header, the HTTP version.
enum ConnectionFetches {
    static let all: [Fetch] = addresses + localities + kernel + header + http + quic

    // MARK: Addresses

    private static let addresses: [Fetch] = [
        Fetch("src", "The client's address.", gives: .addr, from: .clientAddress) { evaluation, _, sample in
            address(evaluation.source, &sample)
        },
        Fetch("src_port", "The client's port.", gives: .sint, from: .clientAddress) { evaluation, _, sample in
            port(evaluation.source, &sample)
        },
        Fetch("dst", "The address that the client connected to.", gives: .addr, from: .clientAddress) {
            evaluation, _, sample in
            address(evaluation.destination, &sample)
        },
        Fetch("dst_port", "The port that the client connected to.", gives: .sint, from: .clientAddress) {
            evaluation, _, sample in
            port(evaluation.destination, &sample)
        },
        Fetch("fc_src", "The address of the client's socket.", gives: .addr, from: .clientAddress) {
            evaluation, _, sample in
            address(evaluation.socketSource, &sample)
        },
        Fetch("fc_src_port", "The port of the client's socket.", gives: .sint, from: .clientAddress) {
            evaluation, _, sample in
            port(evaluation.socketSource, &sample)
        },
        Fetch("fc_dst", "Our address on the client's socket.", gives: .addr, from: .clientAddress) {
            evaluation, _, sample in
            address(evaluation.socketDestination, &sample)
        },
        Fetch("fc_dst_port", "Our port on the client's socket.", gives: .sint, from: .clientAddress) {
            evaluation, _, sample in
            port(evaluation.socketDestination, &sample)
        },
        Fetch("bc_src", "Our address on the connection to the server.", gives: .addr, from: .serverAddress) {
            evaluation, _, sample in
            address(evaluation.facts?.serverConnection?.socketSource, &sample)
        },
        Fetch("bc_src_port", "Our port on the connection to the server.", gives: .sint, from: .serverAddress) {
            evaluation, _, sample in
            port(evaluation.facts?.serverConnection?.socketSource, &sample)
        },
        Fetch("bc_dst", "The server's address.", gives: .addr, from: .serverAddress) { evaluation, _, sample in
            address(evaluation.facts?.serverConnection?.socketDestination, &sample)
        },
        Fetch("bc_dst_port", "The server's port.", gives: .sint, from: .serverAddress) { evaluation, _, sample in
            port(evaluation.facts?.serverConnection?.socketDestination, &sample)
        },
    ]

    private static func address(_ address: SocketAddress?, _ sample: inout Sample) -> Bool {
        guard let address else { return false }
        return sample.setAddress(address)
    }

    private static func port(_ address: SocketAddress?, _ sample: inout Sample) -> Bool {
        guard let address, address.port != 0 else { return false }
        sample.setInteger(Int64(address.port))
        return true
    }

    private static let localities: [Fetch] =
        ["src_is_local", "fc_src_is_local"].map { name in
            Fetch(name, "True when the client's address is one of this machine.", gives: .bool, from: .clientAddress) {
                evaluation, _, sample in
                local(name == "src_is_local" ? evaluation.source : evaluation.socketSource, &sample)
            }
        }
        + ["dst_is_local", "fc_dst_is_local"].map { name in
            Fetch(
                name, "True when the address that the client connected to is one of this machine.", gives: .bool,
                from: .clientAddress
            ) { evaluation, _, sample in
                local(name == "dst_is_local" ? evaluation.destination : evaluation.socketDestination, &sample)
            }
        }

    /// An address is local when a socket can be bound to it.
    private static func local(_ address: SocketAddress?, _ sample: inout Sample) -> Bool {
        guard var address, address.isIP else { return false }
        address.port = 0
        let family = address.family == .ipv4 ? AF_INET : AF_INET6
        let probe = socket(family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), Int32(IPPROTO_UDP))
        guard probe >= 0 else { return false }
        defer { close(probe) }
        let isBound = unsafe address.withSockaddr { pointer, length in
            guard let pointer = unsafe pointer else { return false }
            return unsafe bind(probe, pointer, length) == 0
        }
        sample.setBool(isBound)
        return true
    }

    // MARK: What the kernel knows

    private static let kernel: [Fetch] =
        [
            rtt("fc_rtt", "The round-trip time to the client in milliseconds, or us.") { $0.client?.rtt },
            rtt("fc_rttvar", "The variation of the round-trip time to the client.") { $0.client?.rttVariation },
            rtt("bc_rtt", "The round-trip time to the server in milliseconds, or us.") {
                $0.facts?.serverConnection?.rtt
            },
            rtt("bc_rttvar", "The variation of the round-trip time to the server.") {
                $0.facts?.serverConnection?.rttVariation
            },
            counter("fc_unacked", "Segments to the client that are not acknowledged.") { $0.unacknowledged },
            counter("fc_sacked", "Segments to the client that are acknowledged selectively.") {
                $0.selectivelyAcknowledged
            },
            counter("fc_lost", "Segments to the client that were lost.") { $0.lost },
            counter("fc_retrans", "Segments to the client that were sent again.") { $0.retransmitted },
            counter("fc_fackets", "Segments to the client that are acknowledged ahead.") { $0.forwardAcknowledged },
            counter("fc_reordering", "How far segments to the client came out of order.") { $0.reordering },
        ] + [
            Fetch(
                "fc_saved_syn", "The client's SYN packet, when the listener keeps it.", gives: .bin,
                from: .clientAddress
            ) {
                evaluation, _, sample in
                guard let packet = evaluation.client?.savedSYN else { return false }
                return sample.setCopy(of: packet, evaluation.scratch, .bin)
            }
        ]

    private static func rtt(
        _ name: String, _ summary: String, _ read: @escaping @Sendable (Evaluation) -> Int?
    ) -> Fetch {
        Fetch(
            name, summary, example: "\(name)(us)", takes: ArgumentSignature([.string], required: 0), gives: .sint,
            from: .clientAddress,
            prepare: { values, _ throws(Complaint) in
                guard case .string(let unit) = values.first else { return nil }
                let text = String(decoding: unit, as: UTF8.self)
                guard text == "us" || text == "ms" else { throw Complaint("expects 'us' or 'ms', got '\(text)'") }
                return nil
            }
        ) { evaluation, arguments, sample in
            guard let microseconds = read(evaluation) else { return false }
            let isFine = arguments.text(0).first == 0x75
            sample.setInteger(Int64(isFine ? microseconds : (microseconds + 500) / 1000))
            return true
        }
    }

    private static func counter(
        _ name: String, _ summary: String, _ read: @escaping @Sendable (TCPStatistics) -> Int
    ) -> Fetch {
        Fetch(
            name, summary, takes: ArgumentSignature([.string], required: 0), gives: .sint, from: .clientAddress,
            prepare: { values, context in
                if !values.isEmpty {
                    context.warnings.append(
                        Complaint("no argument supported for 'fc_*' sample expressions returning counters."))
                }
                return nil
            }
        ) { evaluation, _, sample in
            guard let statistics = evaluation.client?.tcpStatistics else { return false }
            sample.setInteger(Int64(read(statistics)))
            return true
        }
    }

    // MARK: The PROXY header

    private static let header: [Fetch] = [
        Fetch(
            "fc_rcvd_proxy", "True when the connection began with a PROXY header.", gives: .bool, from: .clientAddress
        ) {
            evaluation, _, sample in
            guard let client = evaluation.client else { return false }
            sample.setBool(client.proxyHeader != nil)
            return true
        },
        Fetch(
            "fc_pp_tlv", "A field of the PROXY header by its type.", example: "fc_pp_tlv(0xE1)",
            takes: ArgumentSignature([.string], required: 1), gives: .str, from: .clientConnection,
            prepare: { values, _ throws(Complaint) in try TLVType(values) }
        ) { evaluation, arguments, sample in
            field(evaluation, arguments.object(TLVType.self).number, &sample, iterates: evaluation.iterates)
        },
        Fetch("fc_pp_authority", "The server name in the PROXY header.", gives: .str, from: .clientAddress) {
            evaluation, _, sample in
            field(evaluation, TLVType.authority, &sample, iterates: false)
        },
        Fetch("fc_pp_unique_id", "The unique identifier in the PROXY header.", gives: .str, from: .clientAddress) {
            evaluation, _, sample in
            field(evaluation, TLVType.uniqueID, &sample, iterates: false)
        },
    ]

    private static func field(_ evaluation: Evaluation, _ type: UInt8, _ sample: inout Sample, iterates: Bool) -> Bool {
        guard let header = evaluation.client?.proxyHeader else { return false }
        var index = iterates ? sample.cursor : 0
        while index < header.fields.count {
            let field = header.fields[index]
            index += 1
            guard field.type == type else { continue }
            if iterates {
                sample.cursor = index
                sample.flags.insert(.notLast)
            }
            return sample.setCopy(of: field.value, evaluation.scratch)
        }
        return false
    }

    // MARK: HTTP and errors

    private static let http: [Fetch] = [
        figure("fc_http_major", "The major version of HTTP with the client.", .clientAddress) { $0.client?.httpMajor },
        figure("bc_http_major", "The major version of HTTP with the server.", .serverAddress) {
            $0.facts?.serverConnection?.httpMajor
        },
        figure("fc_nb_streams", "Requests that are open on the client's connection.", .clientAddress) {
            $0.client?.openStreams
        },
        figure("bc_nb_streams", "Requests that are open on the server's connection.", .serverConnection) {
            $0.facts?.serverConnection?.openStreams
        },
        figure("fc_settings_streams_limit", "Requests that may be open on the client's connection.", .clientConnection)
        {
            $0.client?.streamLimit
        },
        figure("bc_settings_streams_limit", "Requests that may be open on the server's connection.", .serverConnection)
        {
            $0.facts?.serverConnection?.streamLimit
        },
        figure("fc_err", "The number of the error on the client's connection; 0 without one.", .clientAddress) {
            $0.session?.errorCode
        },
        figure("bc_err", "The number of the error on the server's connection; 0 without one.", .serverAddress) {
            $0.facts?.serverConnection?.errorCode
        },
        error("fc_err_str", "The error on the client's connection in words.", .clientAddress) { $0.session?.errorCode },
        error("bc_err_str", "The error on the server's connection in words.", .serverAddress) {
            $0.facts?.serverConnection?.errorCode
        },
        errorName("fc_err_name", "The name of the error on the client's connection.", .clientAddress) {
            $0.session?.errorCode
        },
        errorName("bc_err_name", "The name of the error on the server's connection.", .serverAddress) {
            $0.facts?.serverConnection?.errorCode
        },
    ]

    // MARK: QUIC

    /// Ours, beside `quic_enabled`.
    private static let quic: [Fetch] = [
        figure("quic_rtt", "The smoothed round-trip time of a QUIC client in microseconds.", .clientConnection) {
            $0.client?.quicStatistics?.rtt
        },
        figure("quic_version", "The QUIC version in use, as a number.", .clientConnection) {
            ($0.client?.quicStatistics?.version).map { Int($0) }
        },
        Fetch(
            "quic_early_data", "True when the QUIC client's early data (0-RTT) was taken.", gives: .bool,
            from: .clientConnection
        ) { evaluation, _, sample in
            guard let statistics = evaluation.client?.quicStatistics else { return false }
            sample.setBool(statistics.hasEarlyData)
            return true
        },
    ]

    private static func figure(
        _ name: String, _ summary: String, _ source: SampleSource, _ read: @escaping @Sendable (Evaluation) -> Int?
    ) -> Fetch {
        Fetch(name, summary, gives: .sint, from: source) { evaluation, _, sample in
            guard let value = read(evaluation) else { return false }
            sample.setInteger(Int64(value))
            return true
        }
    }

    private static func error(
        _ name: String, _ summary: String, _ source: SampleSource, _ read: @escaping @Sendable (Evaluation) -> Int?
    ) -> Fetch {
        Fetch(name, summary, gives: .str, from: source) { evaluation, _, sample in
            guard let code = read(evaluation), let error = ConnectionErrorNames.find(code) else { return false }
            sample.setText(error.text)
            return true
        }
    }

    private static func errorName(
        _ name: String, _ summary: String, _ source: SampleSource, _ read: @escaping @Sendable (Evaluation) -> Int?
    ) -> Fetch {
        Fetch(name, summary, gives: .str, from: source) { evaluation, _, sample in
            guard let code = read(evaluation), let error = ConnectionErrorNames.find(code) else { return false }
            sample.setText(error.name)
            return true
        }
    }
}

extension Evaluation {
    /// The client's connection; nil when it is closed, or there is none.
    var client: (any ConnectionFacts)? { session?.connection }
    /// The addresses of the client's socket, or what rules of `tcp-request connection` have put in their place.
    var socketSource: SocketAddress? { session?.changedSocketSource ?? client?.socketSource ?? session?.source }
    var socketDestination: SocketAddress? {
        session?.changedSocketDestination ?? client?.socketDestination ?? session?.destination
    }
}

extension ConnectionFacts {
    fileprivate var rtt: Int? { tcpStatistics?.rtt ?? quicStatistics?.rtt }
    fileprivate var rttVariation: Int? { tcpStatistics?.rttVariation ?? quicStatistics?.rttVariation }
}

/// The argument of `fc_pp_tlv`: a type by its name or number (proxy-protocol.txt section 2.2).
private final class TLVType: Sendable {
    static let authority: UInt8 = 0x02
    static let uniqueID: UInt8 = 0x05
    let number: UInt8

    private static let names: [String: UInt8] = [
        "ALPN": 0x01, "AUTHORITY": authority, "CRC32C": 0x03, "NOOP": 0x04, "UNIQUE_ID": uniqueID, "SSL": 0x20,
        "SSL_VERSION": 0x21, "SSL_CN": 0x22, "SSL_CIPHER": 0x23, "SSL_SIG_ALG": 0x24, "SSL_KEY_ALG": 0x25,
        "NETNS": 0x30,
    ]

    init(_ values: [Argument]) throws(Complaint) {
        guard case .string(let bytes) = values.first else { throw Complaint("a TLV type is missing") }
        let text = String(decoding: bytes, as: UTF8.self)
        if let known = Self.names[text.uppercased()] {
            number = known
            return
        }
        let value: Int?
        if text.hasPrefix("0x") || text.hasPrefix("0X") {
            value = Int(text.dropFirst(2), radix: 16)
        } else if text.hasPrefix("0"), text.count > 1 {
            value = Int(text, radix: 8)
        } else {
            value = Int(text)
        }
        guard let value else { throw Complaint("Could not convert type '\(text)'") }
        guard let type = UInt8(exactly: value) else { throw Complaint("Invalid TLV Type '\(text)'") }
        number = type
    }
}
