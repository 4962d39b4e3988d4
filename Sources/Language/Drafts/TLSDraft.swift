import Configuration
import Words

/// TLS settings as lines give them, before defaults are filled in.
struct TLSDraft: Sendable {
    var minVersion: TLSVersion?
    var maxVersion: TLSVersion?
    var disabledVersions: Set<TLSVersion> = []
    var ciphers: String?
    var ciphersuites: String?
    var curves: String?
    /// Counts when no curves are given.
    var fallbackCurves: String?
    var signatureAlgorithms: String?
    var usesTickets: Bool?
    var strictSNI: Bool?
    var prefersClientCiphers: Bool?

    /// The oldest version that is offered when no line says otherwise.
    static let oldestVersion = TLSVersion.tls12

    /// The settings with defaults filled in. Throws when no version is left, or when those left have a gap.
    func parameters() throws(Complaint) -> TLSParameters {
        let bounds = (minVersion ?? Self.oldestVersion, maxVersion ?? .tls13)
        let left = TLSVersion.allCases.filter { bounds.0 <= $0 && $0 <= bounds.1 && !disabledVersions.contains($0) }
        guard let first = left.first, let last = left.last else {
            throw Complaint(
                "all SSL/TLS versions are disabled: none is left from \(bounds.0.rawValue) to \(bounds.1.rawValue)")
        }
        if let gap = TLSVersion.allCases.first(where: { first < $0 && $0 < last && !left.contains($0) }) {
            throw Complaint(
                "SSL/TLS versions have a gap: \(gap.rawValue) is disabled between \(first.rawValue) and"
                    + " \(last.rawValue); use 'ssl-min-ver' or 'ssl-max-ver'")
        }
        return TLSParameters(
            minVersion: first, maxVersion: last == .tls13 ? nil : last, ciphers: ciphers,
            ciphersuites: ciphersuites, curves: curves ?? fallbackCurves, signatureAlgorithms: signatureAlgorithms,
            usesTickets: usesTickets ?? true)
    }
}
