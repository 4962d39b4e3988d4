import Bytes
import Connections
import Samples
import Streams
import TLSTransport

/// Fetches of TLS sessions with the client (`ssl_fc_*`) and with the server (`ssl_bc_*`), whichever library runs them
/// (configuration.txt section 7.3.4).
enum TLSFetches {
    static let all: [Fetch] = hot + front + back + capturing + ClientHelloFetches.all

    // MARK: The client's, from what the session keeps

    private static let hot: [Fetch] = [
        Fetch("ssl_fc", "True when the client's connection has TLS.", gives: .bool, from: .clientConnection) {
            evaluation, _, sample in
            guard let session = evaluation.session else { return false }
            sample.setBool(session.tls != nil)
            return true
        },
        Fetch("ssl_fc_sni", "The server name that the client asked for.", gives: .str, from: .clientConnection) {
            evaluation, _, sample in
            guard let name = evaluation.session?.tls?.serverName, !name.isEmpty else { return false }
            return sample.setText(of: name, evaluation.scratch)
        },
        Fetch("ssl_fc_has_sni", "True when the client asked for a server name.", gives: .bool, from: .clientConnection)
        {
            evaluation, _, sample in
            guard let tls = evaluation.session?.tls else { return false }
            sample.setBool(!tls.serverName.isEmpty)
            return true
        },
        Fetch("ssl_fc_protocol", "The TLS version with the client: TLSv1.3.", gives: .str, from: .clientConnection) {
            evaluation, _, sample in
            guard let version = evaluation.session?.tls?.version else { return false }
            return sample.setText(of: version, evaluation.scratch)
        },
        Fetch("ssl_fc_cipher", "The cipher suite with the client.", gives: .str, from: .clientConnection) {
            evaluation, _, sample in
            guard let cipher = evaluation.session?.tls?.cipher, !cipher.isEmpty else { return false }
            return sample.setText(of: cipher, evaluation.scratch)
        },
        Fetch(
            "ssl_fc_is_resumed", "True when the client's TLS session was resumed.", gives: .bool,
            from: .clientConnection
        ) {
            evaluation, _, sample in
            guard let tls = evaluation.session?.tls else { return false }
            sample.setBool(tls.isResumed)
            return true
        },
        Fetch(
            "ssl_fc_has_early", "True when the request came in early data and the handshake is not complete.",
            gives: .bool, from: .clientConnection
        ) { evaluation, _, sample in
            guard evaluation.session?.tls != nil else { return false }
            let isEarly = evaluation.exchange?.isEarlyData == true
            sample.setBool(isEarly && evaluation.session?.connection?.isHandshaking == true)
            return true
        },
        Fetch(
            "ssl_fc_early_rcvd", "True when the client's early data was taken.", gives: .bool, from: .clientConnection
        ) {
            evaluation, _, sample in
            guard let tls = evaluation.clientTLS else { return false }
            sample.setBool(tls.hasEarlyData)
            return true
        },
        Fetch(
            "ssl_fc_has_crt", "True when the client showed a certificate on this connection.", gives: .bool,
            from: .clientConnection
        ) {
            evaluation, _, sample in
            guard let tls = evaluation.clientTLS else { return false }
            sample.setBool(tls.isPeerVerified)
            return true
        },
        Fetch(
            "ssl_fc_err", "The TLS library's number of the client's error; 0 without one.", gives: .sint,
            from: .clientConnection
        ) {
            evaluation, _, sample in
            guard let tls = evaluation.clientTLS else { return false }
            sample.setInteger(Int64(truncatingIfNeeded: tls.failureCode))
            return true
        },
        Fetch("ssl_fc_err_str", "The TLS library's words for the client's error.", gives: .str, from: .clientConnection)
        {
            evaluation, _, sample in
            guard let code = evaluation.clientTLS?.failureCode, code != 0 else { return false }
            return sample.setText(of: TLSEngine.text(ofError: code), evaluation.scratch)
        },
    ]

    // MARK: From the session itself

    private static let front: [Fetch] = rows("ssl_fc", .clientConnection) { $0.clientTLS }

    private static let back: [Fetch] =
        rows("ssl_bc", .serverConnection) { $0.facts?.serverConnection?.tlsSession }
        .filter { $0.name != "ssl_bc_crtname" } + [
            Fetch("ssl_bc", "True when the server's connection has TLS.", gives: .bool, from: .serverConnection) {
                evaluation, _, sample in
                guard let connection = evaluation.facts?.serverConnection else { return false }
                sample.setBool(connection.tlsSession != nil)
                return true
            },
            back("ssl_bc_sni", "The server name that the server was asked for.", .str) { tls, sample, scratch in
                guard let name = tls.requestedName else { return false }
                return sample.setCopy(of: name, scratch)
            },
            back("ssl_bc_protocol", "The TLS version with the server: TLSv1.3.", .str) { tls, sample, scratch in
                sample.setText(of: tls.versionText, scratch)
            },
            back("ssl_bc_cipher", "The cipher suite with the server.", .str) { tls, sample, scratch in
                guard let name = tls.cipherName else { return false }
                return sample.setText(of: name, scratch)
            },
            back("ssl_bc_is_resumed", "True when the server's TLS session was resumed.", .bool) { tls, sample, _ in
                sample.setBool(tls.isResumed)
                return true
            },
            back("ssl_bc_err", "The TLS library's number of the server's error; 0 without one.", .sint) {
                _, sample, _ in
                sample.setInteger(0)
                return true
            },
            Fetch(
                "ssl_bc_err_str", "The TLS library's words for the server's error.", gives: .str,
                from: .serverConnection
            ) {
                _, _, _ in
                // A session that rules see has had no error.
                false
            },
        ]

    private typealias Reader = @Sendable (any TLSSessionFacts, inout Sample, ScratchArena) -> Bool

    private static func back(_ name: String, _ summary: String, _ type: SampleType, _ read: @escaping Reader) -> Fetch {
        Fetch(name, summary, gives: type, from: .serverConnection) { evaluation, _, sample in
            guard let tls = evaluation.facts?.serverConnection?.tlsSession else { return false }
            return read(tls, &sample, evaluation.scratch)
        }
    }

    private static func rows(
        _ prefix: String, _ source: SampleSource,
        _ session: @escaping @Sendable (Evaluation) -> (any TLSSessionFacts)?
    ) -> [Fetch] {
        func row(_ name: String, _ summary: String, _ type: SampleType, _ read: @escaping Reader) -> Fetch {
            Fetch("\(prefix)_\(name)", summary, gives: type, from: source) { evaluation, _, sample in
                guard let tls = session(evaluation) else { return false }
                return read(tls, &sample, evaluation.scratch)
            }
        }
        func bytes(
            _ name: String, _ summary: String, _ read: @escaping @Sendable (any TLSSessionFacts) -> [UInt8]
        ) -> Fetch {
            row(name, summary, .bin) { tls, sample, scratch in
                let value = read(tls)
                return !value.isEmpty && sample.setCopy(of: value, scratch, .bin)
            }
        }
        return [
            row("alpn", "The protocol that ALPN agreed on.", .str) { tls, sample, scratch in
                guard let name = tls.agreedProtocol else { return false }
                return sample.setCopy(of: name, scratch)
            },
            row("npn", "The protocol that NPN agreed on: nothing, since TLS libraries no longer have it.", .str) {
                _, _, _ in
                false
            },
            row("alg_keysize", "Key bits of the cipher's algorithm.", .sint) { tls, sample, _ in
                guard let bits = tls.cipherBits, bits.used != 0 else { return false }
                sample.setInteger(Int64(bits.algorithm))
                return true
            },
            row("use_keysize", "Key bits that the cipher uses.", .sint) { tls, sample, _ in
                guard let bits = tls.cipherBits, bits.used != 0 else { return false }
                sample.setInteger(Int64(bits.used))
                return true
            },
            row("curve", "The group of the key exchange.", .str) { tls, sample, scratch in
                guard let name = tls.groupName else { return false }
                return sample.setText(of: name, scratch)
            },
            row("crtname", "The file of the certificate that we showed.", .str) { tls, sample, scratch in
                guard let file = tls.localCertificateFile else { return false }
                return sample.setText(of: file, scratch)
            },
            bytes("session_id", "The TLS session's identifier.") { $0.sessionIdentifier },
            bytes("client_random", "The client's random bytes of the handshake.") { $0.clientRandom },
            bytes("server_random", "The server's random bytes of the handshake.") { $0.serverRandom },
            bytes("session_key", "The session's master secret, for tools that decrypt captures.") { $0.masterSecret },
            bytes("unique_id", "The first Finished message of the handshake (tls-unique).") { $0.uniqueIdentifier },
        ]
    }

    // MARK: What is only kept on demand

    /// Fetches of what HAProxy keeps when `tune.ssl.keylog` asks for it. Nobody can ask here, so that they have no value, as
    /// without this keyword there.
    private static let capturing: [Fetch] =
        ["fc", "bc"].flatMap { side in
            [
                "client_early_traffic_secret", "client_handshake_traffic_secret", "server_handshake_traffic_secret",
                "client_traffic_secret_0", "server_traffic_secret_0", "exporter_secret", "early_exporter_secret",
            ].map { name in
                Fetch(
                    "ssl_\(side)_\(name)", "A TLS 1.3 secret, when `tune.ssl.keylog` keeps it.", gives: .str,
                    from: .clientConnection
                ) { _, _, _ in false }
            }
        }
}

extension Evaluation {
    /// The client's TLS session; also one whose handshake has failed, for the log.
    var clientTLS: (any TLSSessionFacts)? { client?.tlsSession ?? session?.failedTLS }
}

extension Sample {
    /// Shows a copy of a text in the worker's scratch; false when it does not fit.
    mutating func setText(of string: String, _ scratch: ScratchArena) -> Bool {
        var text = scratch.text()
        for byte in string.utf8 { text.append(byte) }
        return text.give(&self)
    }
}
