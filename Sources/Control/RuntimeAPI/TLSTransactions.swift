import TLSTransport

/// What operators are changing about certificates and authorities, and have not committed yet: one of each kind for the
/// whole process, whoever began it.
@ControlActor
final class TLSTransactions {
    /// The new contents, under the name of the old ones.
    var certificate: CertificateParts?
    var authorities: TrustStore?
}
