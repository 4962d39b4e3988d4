import Bytes
import COpenSSL
import Connections
import Samples
import TLSTransport
import Words

/// Fetches of certificates (configuration.txt section 7.3.4): the client's (`ssl_c_*`), the one that we showed
/// (`ssl_f_*`), and the server's (`ssl_s_*`).
enum CertificateFetches {
    static let all: [Fetch] = verification + client + own + server

    private static let verification: [Fetch] = [
        figure("ssl_c_verify", "OpenSSL's number of what verifying the client's certificate gave.") {
            $0.verificationResult
        },
        figure("ssl_c_err", "OpenSSL's number of the error of the client's own certificate.") { $0.certificateError },
        figure("ssl_c_ca_err", "OpenSSL's number of the error above the client's certificate.") { $0.authorityError },
        figure("ssl_c_ca_err_depth", "How far above the client's certificate the error was.") {
            $0.authorityErrorDepth
        },
        Fetch("ssl_c_used", "True when the client has shown a certificate.", gives: .bool, from: .clientConnection) {
            evaluation, _, sample in
            guard let tls = evaluation.clientTLS else { return false }
            sample.setBool(!tls.peerCertificates.isEmpty)
            return true
        },
    ]

    private static func figure(
        _ name: String, _ summary: String, _ read: @escaping @Sendable (any TLSSessionFacts) -> Int
    ) -> Fetch {
        Fetch(name, summary, gives: .sint, from: .clientConnection) { evaluation, _, sample in
            guard let tls = evaluation.clientTLS else { return false }
            sample.setInteger(Int64(read(tls)))
            return true
        }
    }

    private static let client: [Fetch] =
        rows("ssl_c", "the client's certificate") { $0.clientTLS?.peerCertificates.first } + [
            chain("ssl_c_chain_der", "The certificates that the client sent above its own, in DER.") {
                $0.clientTLS?.peerCertificates.dropFirst().map(\.self)
            },
            names("ssl_c_r_dn", "The name of the root that the client's certificate was verified by.", { $0.subject }) {
                $0.clientTLS?.verifiedRoot
            },
            Fetch(
                "ssl_c_san", "The alternative names of the client's certificate.", gives: .str, from: .clientConnection
            ) {
                evaluation, _, sample in
                guard let der = evaluation.clientTLS?.peerCertificates.first else { return false }
                guard let text = CertificateText(der)?.alternativeNames else { return false }
                return sample.setCopy(of: text, evaluation.scratch)
            },
            Fetch(
                "ssl_c_policies", "The policies of the client's certificate, or the one given if it is among them.",
                example: "ssl_c_policies(2.5.29.32.0)", takes: ArgumentSignature([.string], required: 0), gives: .str,
                from: .clientConnection
            ) { evaluation, arguments, sample in
                guard let der = evaluation.clientTLS?.peerCertificates.first else { return false }
                guard var policies = CertificateText(der)?.policies else { return false }
                let wanted = arguments.text(0)
                if !wanted.isEmpty { policies = policies.filter { $0 == wanted } }
                guard !policies.isEmpty else { return false }
                let text = wanted.isEmpty ? Array(policies.joined(separator: Array(", ".utf8))) : policies[0]
                return sample.setCopy(of: text, evaluation.scratch)
            },
        ]

    private static let own: [Fetch] = rows("ssl_f", "the certificate that we showed") {
        $0.clientTLS?.localCertificate
    }

    private static let server: [Fetch] =
        rows("ssl_s", "the server's certificate") {
            $0.facts?.serverConnection?.tlsSession?.peerCertificates.first
        } + [
            chain("ssl_s_chain_der", "The certificates that the server sent, in DER.") {
                $0.facts?.serverConnection?.tlsSession?.peerCertificates
            }
        ]

    // MARK: Rows

    private typealias Finder = @Sendable (Evaluation) -> [UInt8]?

    private static func rows(_ prefix: String, _ whose: String, _ find: @escaping Finder) -> [Fetch] {
        func text(
            _ name: String, _ what: String, _ type: SampleType,
            _ read: @escaping @Sendable (CertificateText) -> [UInt8]?
        ) -> Fetch {
            Fetch("\(prefix)_\(name)", "\(what) of \(whose).", gives: type, from: .clientConnection) {
                evaluation, _, sample in
                guard let der = find(evaluation), let value = CertificateText(der).flatMap(read) else { return false }
                return sample.setCopy(of: value, evaluation.scratch, type)
            }
        }
        return [
            Fetch("\(prefix)_der", "The whole of \(whose), in DER.", gives: .bin, from: .clientConnection) {
                evaluation, _, sample in
                guard let der = find(evaluation) else { return false }
                return sample.setCopy(of: der, evaluation.scratch, .bin)
            },
            Fetch("\(prefix)_version", "The version of \(whose).", gives: .sint, from: .clientConnection) {
                evaluation, _, sample in
                guard let der = find(evaluation), let version = CertificateText(der)?.version else { return false }
                sample.setInteger(Int64(version))
                return true
            },
            text("serial", "The serial number", .bin) { $0.serial },
            text("sha1", "The SHA-1 fingerprint", .bin) { $0.fingerprint },
            text("notbefore", "The start of validity, YYMMDDhhmmss[Z],", .str) { $0.notBefore },
            text("notafter", "The end of validity, YYMMDDhhmmss[Z],", .str) { $0.notAfter },
            text("key_alg", "The algorithm of the key", .str) { $0.keyAlgorithm },
            text("sig_alg", "The algorithm of the signature", .str) { $0.signatureAlgorithm },
            names("\(prefix)_s_dn", "The subject of \(whose), or one entry of it.", { $0.subject }, find),
            names("\(prefix)_i_dn", "The issuer of \(whose), or one entry of it.", { $0.issuer }, find),
        ]
    }

    private static func names(
        _ name: String, _ summary: String, _ path: @escaping @Sendable (CertificateText) -> DistinguishedName?,
        _ find: @escaping Finder
    ) -> Fetch {
        Fetch(
            name, summary, example: "\(name)(CN)", takes: ArgumentSignature([.string, .integer, .string], required: 0),
            gives: .str, from: .clientConnection,
            prepare: { values, _ throws(Complaint) in
                if values.count > 2, case .string(let format) = values[2], !format.isEmpty,
                    format != Array("rfc2253".utf8)
                {
                    throw Complaint("only rfc2253 or a blank value are currently supported as the format argument.")
                }
                return nil
            }
        ) { evaluation, arguments, sample in
            guard let der = find(evaluation), let certificate = CertificateText(der), let found = path(certificate)
            else {
                return false
            }
            let entry = arguments.text(0)
            let value: [UInt8]?
            if !entry.isEmpty {
                value = found.entry(entry, occurrence: Int(clamping: arguments.integer(1, default: 1)))
            } else if !arguments.text(2).isEmpty {
                value = found.rfc2253
            } else {
                value = found.oneLine
            }
            guard let value else { return false }
            return sample.setCopy(of: value, evaluation.scratch)
        }
    }

    private static func chain(
        _ name: String, _ summary: String, _ find: @escaping @Sendable (Evaluation) -> [[UInt8]]?
    ) -> Fetch {
        Fetch(name, summary, gives: .bin, from: .clientConnection) { evaluation, _, sample in
            guard let chain = find(evaluation), !chain.isEmpty else { return false }
            return sample.setCopy(of: Array(chain.joined()), evaluation.scratch, .bin)
        }
    }
}
