internal import CNgtcp2

/// The first packet of a connection that a server may accept: what its header says, and what its token proved.
public struct QUICInitial: Sendable {
    /// What the token in the packet says about the client's address (RFC 9000 section 8.1).
    public enum AddressValidation: Sendable, Equatable {
        /// No token, or one of another service: nothing is proved. The anti-amplification limit holds.
        case none
        /// The token is from our Retry packet: the client receives at its address.
        case retry
        /// The token is from an earlier connection's NEW_TOKEN: the client received there not long ago.
        case earlierConnection
        /// The token looks like one of a Retry, but is wrong or too old, and the packet is otherwise valid: refuse with
        /// `QUICEndpoint.writeRefusal`.
        case invalid
    }

    /// The client's first choice of version.
    public let version: UInt32
    /// The connection ID that the client calls us by for now.
    public let destination: ConnectionID
    /// The connection ID that the client wants to be called by.
    public let source: ConnectionID
    /// The connection ID of the client's very first packet: before a Retry, if there was one.
    public let originalDestination: ConnectionID
    public let addressValidation: AddressValidation
    /// The token, if it is valid.
    let token: [UInt8]

    var followsRetry: Bool { addressValidation == .retry }

    init(
        header: ngtcp2_pkt_hd, addressValidation: AddressValidation, originalDestination: ConnectionID?,
        token: [UInt8]
    ) {
        version = unsafe VersionTranslation.translated(header.version)
        destination = unsafe ConnectionID(header.dcid)
        source = unsafe ConnectionID(header.scid)
        self.originalDestination = unsafe originalDestination ?? ConnectionID(header.dcid)
        self.addressValidation = addressValidation
        self.token = token
    }

    /// Calls `body` with the token for the library's settings.
    func withToken(_ body: (ngtcp2_vec) -> Void) {
        var copy = token
        unsafe copy.withUnsafeMutableBufferPointer { unsafe body(ngtcp2_vec(base: $0.baseAddress, len: $0.count)) }
    }
}
