import CGnuTLS

/// Settings of a line of a list of certificates as GnuTLS has them: what a session goes on with once it knows the name
/// that its client asks for.
@safe final class QUICProfile {
    let credentials: gnutls_certificate_credentials_t
    let priorities: gnutls_priority_t
    let verification: ClientVerification?
    let ticketKey: [UInt8]
    let otherTicketKey: [UInt8]

    init(_ variant: QUICTLSContext.Variant, _ keys: TicketKeyRing) throws(TLSError) {
        unsafe priorities = try QUICTLSContext.priorities(variant.cipherSuites, variant.groups, server: true)
        do throws(TLSError) {
            unsafe credentials = try QUICTLSContext.makeCredentials()
        } catch {
            unsafe gnutls_priority_deinit(priorities)
            throw error
        }
        verification = variant.verification
        ticketKey = QUICTLSContext.ticketKey(keys, verification)
        otherTicketKey = QUICTLSContext.otherTicketKey(ticketKey)
        unsafe gnutls_certificate_set_retrieve_function3(credentials, retrieveCertificate)
        if let verification { try unsafe QUICTLSContext.demand(verification, in: credentials) }
    }

    deinit {
        unsafe gnutls_priority_deinit(priorities)
        unsafe gnutls_certificate_free_credentials(credentials)
    }
}
