/// What a TLS session tells on demand, whichever library runs it: names and numbers are OpenSSL's. Nil or empty: the
/// session, or its library, has no such thing.
public protocol TLSSessionFacts: AnyObject {
    /// `TLSv1.3`.
    var versionText: String { get }
    /// The cipher suite's name.
    var cipherName: String? { get }
    /// Secret bits of the cipher in use, and those of its algorithm.
    var cipherBits: (used: Int, algorithm: Int)? { get }
    /// The key exchange group: `X25519`, `prime256v1`.
    var groupName: String? { get }
    /// The agreed ALPN identifier.
    var agreedProtocol: [UInt8]? { get }
    /// The server name that the client asked for.
    var requestedName: [UInt8]? { get }
    var isResumed: Bool { get }
    /// The server has taken early data.
    var hasEarlyData: Bool { get }
    var sessionIdentifier: [UInt8] { get }
    var clientRandom: [UInt8] { get }
    var serverRandom: [UInt8] { get }
    /// The master secret: it belongs into no log but one that decrypts captures.
    var masterSecret: [UInt8] { get }
    /// The first Finished message of the handshake (`tls-unique`, RFC 5929 section 3).
    var uniqueIdentifier: [UInt8] { get }
    /// Our own certificate, in DER.
    var localCertificate: [UInt8]? { get }
    /// The file that our own certificate came from.
    var localCertificateFile: String? { get }
    /// The peer's certificates as it sent them, in DER, its own first.
    var peerCertificates: [[UInt8]] { get }
    /// The last certificate of the chain that was verified, in DER.
    var verifiedRoot: [UInt8]? { get }
    /// The peer has shown a certificate in this handshake, not just in the one that is resumed, and it was verified.
    var isPeerVerified: Bool { get }
    /// OpenSSL's number of what verifying the peer gave, in this handshake or in the one that is resumed; 0 when it is
    /// good, and when there was nothing to verify.
    var verificationResult: Int { get }
    /// OpenSSL's number of the error of a client's own certificate in this handshake, ignored or not; 0 without one.
    var certificateError: Int { get }
    /// The same for the certificates above it, and how far above.
    var authorityError: Int { get }
    var authorityErrorDepth: Int { get }
    /// What the client said in its hello; nil when nobody asked to keep it.
    var hello: ClientHelloCapture? { get }
    /// OpenSSL's code of the error that ended the session; 0 without one.
    var failureCode: UInt { get }
}
