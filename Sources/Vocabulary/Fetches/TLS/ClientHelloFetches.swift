import CXXHash
import Samples
import TLSTransport

/// Fetches of what the client said in its hello, which is kept when `tune.ssl.capture-buffer-size` asks for it.
enum ClientHelloFetches {
    static let all: [Fetch] =
        [
            list("ssl_fc_cipherlist_bin", "The cipher suites", .str) { $0.cipherSuites },
            list("ssl_fc_cipherlist_hex", "The cipher suites in hexadecimal", .bin) { capture in
                hexadecimal(capture.cipherSuites)
            },
            list("ssl_fc_cipherlist_str", "The names of the cipher suites", .str) { capture in
                Array(names(of: capture.cipherSuites).utf8)
            },
            list("ssl_fc_extlist_bin", "The numbers of the extensions", .str) { $0.extensions },
            list("ssl_fc_eclist_bin", "The groups", .str) { $0.groups },
            list("ssl_fc_supported_versions_bin", "The versions", .bin) { $0.supportedVersions },
            list("ssl_fc_sigalgs_bin", "The signature algorithms", .bin) { $0.signatureAlgorithms },
            Fetch(
                "ssl_fc_ecformats_bin", "The point formats of the client's hello (`tune.ssl.capture-buffer-size`).",
                gives: .str, from: .clientConnection
            ) { evaluation, _, sample in
                guard let capture = evaluation.clientTLS?.hello else { return false }
                return sample.setCopy(of: capture.pointFormats, evaluation.scratch, .bin)
            },
            Fetch(
                "ssl_fc_cipherlist_xxh",
                "A hash (XXH64) of the cipher suites of the client's hello (`tune.ssl.capture-buffer-size`).",
                gives: .sint, from: .clientConnection
            ) { evaluation, _, sample in
                guard let suites = evaluation.clientTLS?.hello?.allCipherSuites else { return false }
                sample.setInteger(Int64(bitPattern: unsafe XXH64(suites, suites.count, 0)))
                return true
            },
            Fetch(
                "ssl_fc_protocol_hello_id",
                "The version field of the client's hello (`tune.ssl.capture-buffer-size`).", gives: .sint,
                from: .clientConnection
            ) { evaluation, _, sample in
                guard let version = evaluation.clientTLS?.hello?.version else { return false }
                sample.setInteger(Int64(version))
                return true
            },
        ]

    /// A list; with the argument 1 without values of GREASE.
    private static func list(
        _ name: String, _ what: String, _ type: SampleType,
        _ read: @escaping @Sendable (FilteredHello) -> [UInt8]
    ) -> Fetch {
        Fetch(
            name, "\(what) of the client's hello (`tune.ssl.capture-buffer-size`).",
            takes: ArgumentSignature([.integer], required: 0), gives: type, from: .clientConnection
        ) { evaluation, arguments, sample in
            guard let capture = evaluation.clientTLS?.hello else { return false }
            let value = read(FilteredHello(capture: capture, isFiltered: arguments.integer(0, default: 0) != 0))
            return sample.setCopy(of: value, evaluation.scratch, name.hasSuffix("_str") ? .str : .bin)
        }
    }

    /// The lists of a hello with or without GREASE.
    private struct FilteredHello {
        let capture: ClientHelloCapture
        let isFiltered: Bool

        private func filtered(_ list: [UInt8]) -> [UInt8] {
            isFiltered ? ClientHelloCapture.withoutGrease(list) : list
        }

        var cipherSuites: [UInt8] { filtered(capture.cipherSuites) }
        var extensions: [UInt8] { filtered(capture.extensions) }
        var groups: [UInt8] { filtered(capture.groups) }
        var supportedVersions: [UInt8] { filtered(capture.supportedVersions) }
        var signatureAlgorithms: [UInt8] { filtered(capture.signatureAlgorithms) }
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    private static func names(of suites: [UInt8]) -> String {
        stride(from: 0, to: suites.count - 1, by: 2).map { index in
            CipherSuiteName.find(suites[index], suites[index + 1])
                ?? "UNKNOWN(\(String(UInt16(suites[index]) << 8 | UInt16(suites[index + 1]), radix: 16).padded))"
        }.joined(separator: ",")
    }
}

extension String {
    /// With zeros in front, four digits.
    fileprivate var padded: String { String(repeating: "0", count: max(0, 4 - count)) + self }
}
