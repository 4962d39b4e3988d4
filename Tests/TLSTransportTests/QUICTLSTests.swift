// GnuTLS sessions as QUIC uses them: handshake messages without records, in memory.

import CGnuTLS
import COpenSSL
import TLSTransport
import Testing

/// One side of a handshake in memory: collects what its session wants to send, by encryption level.
@safe final class QUICTestPeer {
    let session: QUICTLSSession
    fileprivate(set) var outgoing: [(level: gnutls_record_encryption_level_t, bytes: [UInt8])] = []
    fileprivate(set) var alertSent: UInt8?
    private(set) var isComplete = false
    private(set) var failure: Int32?

    init(_ session: QUICTLSSession) {
        self.session = session
        unsafe gnutls_session_set_ptr(session.handle, Unmanaged.passUnretained(self).toOpaque())
        unsafe gnutls_handshake_set_read_function(session.handle) { handle, level, kind, data, count in
            guard kind != GNUTLS_HANDSHAKE_CHANGE_CIPHER_SPEC else { return 0 }
            let peer = unsafe QUICTestPeer.of(handle)
            peer.outgoing.append((level, unsafe [UInt8](UnsafeRawBufferPointer(start: data, count: count))))
            return 0
        }
        unsafe gnutls_alert_set_read_function(session.handle) { handle, _, _, alert in
            unsafe QUICTestPeer.of(handle).alertSent = UInt8(truncatingIfNeeded: alert.rawValue)
            return 0
        }
    }

    private static func of(_ handle: gnutls_session_t?) -> QUICTestPeer {
        unsafe Unmanaged<QUICTestPeer>.fromOpaque(gnutls_session_get_ptr(handle)!).takeUnretainedValue()
    }

    func receive(_ messages: [(level: gnutls_record_encryption_level_t, bytes: [UInt8])]) {
        for message in messages where failure == nil {
            let status = unsafe message.bytes.withUnsafeBytes { bytes in
                unsafe gnutls_handshake_write(session.handle, message.level, bytes.baseAddress, bytes.count)
            }
            note(status)
            advance()
        }
    }

    func advance() {
        guard failure == nil, !isComplete else { return }
        let status = unsafe gnutls_handshake(session.handle)
        if status == 0 { isComplete = true } else { note(status) }
    }

    private func note(_ status: Int32) {
        guard status < 0, gnutls_error_is_fatal(status) != 0 else { return }
        failure = status
        unsafe gnutls_alert_send_appropriate(session.handle, status)
    }

    func takeOutgoing() -> [(level: gnutls_record_encryption_level_t, bytes: [UInt8])] {
        defer { outgoing = [] }
        return outgoing
    }

    /// Runs two peers against each other until neither has anything to say.
    static func connect(_ client: QUICTestPeer, _ server: QUICTestPeer) {
        client.advance()
        while true {
            let toServer = client.takeOutgoing()
            server.receive(toServer)
            let toClient = server.takeOutgoing()
            client.receive(toClient)
            if toServer.isEmpty && toClient.isEmpty { return }
        }
    }
}

@Suite struct QUICTLSTests {
    let directory = TemporaryDirectory()

    private func store(_ certificates: TestCertificate...) throws -> CertificateStore {
        var files: [String] = []
        for (index, certificate) in certificates.enumerated() {
            files.append(directory.write("\(index).pem", certificate))
        }
        return try CertificateStore(loading: files)
    }

    private func server(
        _ store: CertificateStore, ticketKeys: TicketKeyRing? = nil,
        configure: (inout QUICTLSContext.ServerOptions) -> Void = { _ in }
    ) throws -> QUICTLSContext {
        var options = QUICTLSContext.ServerOptions(certificates: store, ticketKeys: try ticketKeys ?? TicketKeyRing())
        configure(&options)
        return try QUICTLSContext(server: options)
    }

    private func verifyingClient() throws -> QUICTLSContext {
        let authority = directory.write("ca.pem", TestCertificate.authority.pem)
        return try QUICTLSContext(client: .init(trust: TrustStore(path: authority)))
    }

    @Test(arguments: [KeyKind.ecdsa, .rsa, .ed25519])
    func verifiedHandshakeWithEachKeyKind(_ kind: KeyKind) throws {
        let key: TestKey =
            switch kind {
            case .ecdsa: .p256()
            case .rsa: .rsa
            case .ed25519: .ed25519()
            }
        let serving = try server(store(.leaf("one.example", key: key)))
        let client = QUICTestPeer(try verifyingClient().makeClientSession(serverName: "one.example"))
        let server = QUICTestPeer(try serving.makeServerSession())
        QUICTestPeer.connect(client, server)
        #expect(client.isComplete && server.isComplete)
        #expect(client.session.verificationFailure == nil)
        #expect(server.session.serverName == "one.example")
        #expect(server.session.applicationProtocol == .h3)
        #expect(client.session.alpn == "h3")
        #expect(server.session.cipherSuite == "TLS_AES_128_GCM_SHA256")
        #expect(!server.session.isResumed)
    }

    @Test(arguments: [NID_secp384r1, NID_secp521r1])
    func largerCurvesSign(_ curve: Int32) throws {
        let serving = try server(store(.leaf("one.example", key: .ec(curve: curve))))
        let client = QUICTestPeer(try verifyingClient().makeClientSession(serverName: "one.example"))
        QUICTestPeer.connect(client, QUICTestPeer(try serving.makeServerSession()))
        #expect(client.isComplete)
    }

    @Test func wrongNameDoesNotVerify() throws {
        let serving = try server(store(.leaf("one.example")))
        let client = QUICTestPeer(try verifyingClient().makeClientSession(serverName: "other.example"))
        QUICTestPeer.connect(client, QUICTestPeer(try serving.makeServerSession()))
        #expect(client.failure == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR)
        #expect(client.session.verificationFailure?.contains("name in the certificate does not match") == true)
    }

    @Test func serverNameChoosesTheCertificate() throws {
        let serving = try server(store(.leaf("one.example"), .leaf("*.two.example")))
        for name in ["one.example", "www.two.example"] {
            let client = QUICTestPeer(try verifyingClient().makeClientSession(serverName: name))
            QUICTestPeer.connect(client, QUICTestPeer(try serving.makeServerSession()))
            #expect(client.isComplete, "\(name)")
        }
    }

    @Test func clientThatVerifiesOnlyRSAGetsRSA() throws {
        let serving = try server(store(.leaf("one.example"), .leaf("one.example", key: .rsa)))
        let context = try QUICTLSContext(client: .init())
        let session = try context.makeClientSession(serverName: "one.example")
        #expect(
            unsafe gnutls_priority_set_direct(
                session.handle, "NORMAL:-VERS-ALL:+VERS-TLS1.3:-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256", nil) == 0)
        let server = QUICTestPeer(try serving.makeServerSession())
        QUICTestPeer.connect(QUICTestPeer(session), server)
        #expect(server.isComplete)
        #expect(
            unsafe gnutls_sign_algorithm_get(server.session.handle) == Int32(GNUTLS_SIGN_RSA_PSS_RSAE_SHA256.rawValue))
    }

    @Test func curveThatTheClientDoesNotVerifyFallsBackToRSA() throws {
        let certificates = try store(
            .leaf("one.example", key: .ec(curve: NID_secp384r1)), .leaf("one.example", key: .rsa))
        let serving = try server(certificates)
        let session = try QUICTLSContext(client: .init()).makeClientSession(serverName: "one.example")
        let algorithms = "+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-RSA-PSS-RSAE-SHA256"
        #expect(
            unsafe gnutls_priority_set_direct(
                session.handle, "NORMAL:-VERS-ALL:+VERS-TLS1.3:-SIGN-ALL:" + algorithms, nil) == 0)
        let server = QUICTestPeer(try serving.makeServerSession())
        QUICTestPeer.connect(QUICTestPeer(session), server)
        #expect(
            unsafe gnutls_sign_algorithm_get(server.session.handle)
                == Int32(GNUTLS_SIGN_RSA_PSS_RSAE_SHA256.rawValue))
    }

    @Test func clientThatVerifiesNoneOfTheKeysIsRefused() throws {
        let serving = try server(store(.leaf("one.example")))
        let session = try QUICTLSContext(client: .init()).makeClientSession(serverName: "one.example")
        #expect(
            unsafe gnutls_priority_set_direct(
                session.handle, "NORMAL:-VERS-ALL:+VERS-TLS1.3:-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256", nil) == 0)
        let server = QUICTestPeer(try serving.makeServerSession())
        QUICTestPeer.connect(QUICTestPeer(session), server)
        #expect(server.alertSent == TLSAlert.handshakeFailure.rawValue)
        #expect(server.session.refusal?.code == .handshake)
    }

    @Test func keyThatOnlyTCPCanUseIsNamed() throws {
        let certificates = try store(.leaf("one.example", key: .ec(curve: NID_secp256k1)))
        do {
            _ = try server(certificates)
            Issue.record("QUIC took a curve that TLS 1.3 does not have")
        } catch let error as TLSError {
            #expect(error.code == .configuration)
            #expect(error.reason.contains(directory.path + "/0.pem"))
        }
    }

    @Test func ecdsaIsPreferred() throws {
        let serving = try server(store(.leaf("one.example", key: .rsa), .leaf("one.example")))
        let server = QUICTestPeer(try serving.makeServerSession())
        QUICTestPeer.connect(QUICTestPeer(try verifyingClient().makeClientSession(serverName: "one.example")), server)
        #expect(
            unsafe gnutls_sign_algorithm_get(server.session.handle)
                == Int32(GNUTLS_SIGN_ECDSA_SECP256R1_SHA256.rawValue))
    }

    @Test func strictSNIRefusesUnknownNames() throws {
        let serving = try server(store(.leaf("one.example"))) { $0.strictSNI = true }
        let context = try QUICTLSContext(client: .init())
        for name in ["other.example", nil] {
            let server = QUICTestPeer(try serving.makeServerSession())
            QUICTestPeer.connect(QUICTestPeer(try context.makeClientSession(serverName: name)), server)
            #expect(server.session.refusal?.code == .unrecognizedName)
            #expect(server.alertSent == TLSAlert.unrecognizedName.rawValue)
        }
        let server = QUICTestPeer(try serving.makeServerSession())
        QUICTestPeer.connect(QUICTestPeer(try context.makeClientSession(serverName: "one.example")), server)
        #expect(server.isComplete)
    }

    @Test func applicationProtocolIsMandatory() throws {
        let serving = try server(store(.leaf("one.example")))
        var options = QUICTLSContext.ClientOptions()
        options.alpn = "hq-interop"
        let stranger = QUICTestPeer(
            try QUICTLSContext(client: options).makeClientSession(serverName: "one.example"))
        var server = QUICTestPeer(try serving.makeServerSession())
        QUICTestPeer.connect(stranger, server)
        #expect(server.failure == GNUTLS_E_NO_APPLICATION_PROTOCOL)
        #expect(server.alertSent == TLSAlert.noApplicationProtocol.rawValue)

        // A client without the extension at all.
        var bare: gnutls_session_t?
        var credentials: gnutls_certificate_credentials_t?
        unsafe gnutls_certificate_allocate_credentials(&credentials)
        unsafe gnutls_init(&bare, GNUTLS_CLIENT.rawValue)
        unsafe gnutls_priority_set_direct(bare, "NORMAL:-VERS-ALL:+VERS-TLS1.3:%DISABLE_TLS13_COMPAT_MODE", nil)
        unsafe gnutls_credentials_set(bare, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(credentials))
        defer {
            unsafe gnutls_deinit(bare)
            unsafe gnutls_certificate_free_credentials(credentials)
        }
        let hello = HelloCatcher()
        unsafe gnutls_session_set_ptr(bare, Unmanaged.passUnretained(hello).toOpaque())
        unsafe gnutls_handshake_set_read_function(bare) { handle, _, _, data, count in
            unsafe Unmanaged<HelloCatcher>.fromOpaque(gnutls_session_get_ptr(handle)!).takeUnretainedValue().bytes +=
                unsafe [UInt8](UnsafeRawBufferPointer(start: data, count: count))
            return 0
        }
        unsafe gnutls_handshake(bare)
        server = QUICTestPeer(try serving.makeServerSession())
        server.receive([(GNUTLS_ENCRYPTION_LEVEL_INITIAL, hello.bytes)])
        #expect(server.session.refusal?.code == .noApplicationProtocol)
        #expect(server.alertSent == TLSAlert.noApplicationProtocol.rawValue)
    }

    @Test func serverPreferenceDecidesTheProtocol() throws {
        let serving = try server(store(.leaf("one.example"))) { $0.alpn = "hq-interop,h3" }
        var options = QUICTLSContext.ClientOptions()
        options.alpn = "h3,hq-interop"
        let client = QUICTestPeer(try QUICTLSContext(client: options).makeClientSession(serverName: nil))
        QUICTestPeer.connect(client, QUICTestPeer(try serving.makeServerSession()))
        #expect(client.session.alpn == "hq-interop")
        #expect(client.session.applicationProtocol == .other)
    }

    @Test func ticketOfOneWorkerResumesOnAnother() throws {
        let ring = try TicketKeyRing()
        let certificates = try store(.leaf("one.example"))
        let first = try server(certificates, ticketKeys: ring)
        let second = try server(certificates, ticketKeys: ring)
        let stranger = try server(certificates)
        let context = try verifyingClient()

        let client = QUICTestPeer(try context.makeClientSession(serverName: "one.example"))
        let server = QUICTestPeer(try first.makeServerSession())
        QUICTestPeer.connect(client, server)
        #expect(client.session.resumptionData() == nil)
        try server.session.sendTicket()
        client.receive(server.takeOutgoing())
        let ticket = try #require(client.session.resumptionData())

        let again = QUICTestPeer(try context.makeClientSession(serverName: "one.example", resuming: ticket))
        let other = QUICTestPeer(try second.makeServerSession())
        QUICTestPeer.connect(again, other)
        #expect(again.isComplete && again.session.isResumed && other.session.isResumed)

        let elsewhere = QUICTestPeer(try context.makeClientSession(serverName: "one.example", resuming: ticket))
        QUICTestPeer.connect(elsewhere, QUICTestPeer(try stranger.makeServerSession()))
        #expect(elsewhere.isComplete && !elsewhere.session.isResumed)
    }

    // MARK: Early data

    @Test func earlyDataIsAcceptedOnceOnAllWorkersTogether() throws {
        let ring = try TicketKeyRing()
        let guardian = ReplayGuard()
        let certificates = try store(.leaf("one.example"))
        let first = try server(certificates, ticketKeys: ring) { $0.replayGuard = guardian }
        let second = try server(certificates, ticketKeys: ring) { $0.replayGuard = guardian }
        let without = try server(certificates, ticketKeys: ring)
        var options = QUICTLSContext.ClientOptions()
        options.offersEarlyData = true
        let context = try QUICTLSContext(client: options)
        let ticket = try ticket(from: first, to: context)

        let client = QUICTestPeer(try context.makeClientSession(serverName: "one.example", resuming: ticket))
        client.advance()
        let hello = client.takeOutgoing()
        let server = QUICTestPeer(try first.makeServerSession())
        server.receive(hello)
        #expect(server.session.isEarlyDataAccepted && server.session.isResumed)
        client.receive(server.takeOutgoing())
        server.receive(client.takeOutgoing())
        #expect(client.isComplete && server.isComplete && client.session.isEarlyDataAccepted)

        // The same hello again, here and on another worker: the handshake goes on, the early data is refused.
        for context in [first, second] {
            let replayed = QUICTestPeer(try context.makeServerSession())
            replayed.receive(hello)
            #expect(replayed.failure == nil)
            #expect(!replayed.session.isEarlyDataAccepted && replayed.session.isResumed)
        }

        // A new hello with the same ticket is no replay of the old one.
        let next = QUICTestPeer(try context.makeClientSession(serverName: "one.example", resuming: ticket))
        let other = QUICTestPeer(try second.makeServerSession())
        QUICTestPeer.connect(next, other)
        #expect(next.session.isEarlyDataAccepted && other.session.isEarlyDataAccepted)

        // A server that admits none.
        let late = QUICTestPeer(try context.makeClientSession(serverName: "one.example", resuming: ticket))
        let refusing = QUICTestPeer(try without.makeServerSession())
        QUICTestPeer.connect(late, refusing)
        #expect(late.isComplete && late.session.isResumed && !late.session.isEarlyDataAccepted)
    }

    /// Connects once and takes the ticket.
    private func ticket(from serving: QUICTLSContext, to asking: QUICTLSContext) throws -> [UInt8] {
        let client = QUICTestPeer(try asking.makeClientSession(serverName: "one.example"))
        let server = QUICTestPeer(try serving.makeServerSession())
        QUICTestPeer.connect(client, server)
        try server.session.sendTicket()
        client.receive(server.takeOutgoing())
        return try #require(client.session.resumptionData())
    }

    @Test func replayGuardForgetsAfterTwoLifetimesAndIsBounded() {
        let guardian = ReplayGuard(capacity: 3, lifetime: 100)
        func admit(_ number: UInt8, _ now: Int) -> Bool {
            let binder = [UInt8](repeating: number, count: 32)
            return unsafe binder.withUnsafeBytes { unsafe guardian.admit(binder: $0, now: now) }
        }
        #expect(admit(1, 0) && admit(2, 10))
        #expect(!admit(1, 99) && !admit(2, 99))
        // The next lifetime still knows them.
        #expect(!admit(1, 150))
        #expect(admit(3, 150) && admit(4, 150) && admit(5, 150))
        #expect(!admit(6, 150), "full")
        #expect(admit(1, 260))
        // After a pause nothing is known.
        #expect(admit(3, 1000))
        let short = [UInt8](repeating: 0, count: 15)
        #expect(unsafe !short.withUnsafeBytes { unsafe guardian.admit(binder: $0, now: 1000) })
    }

    @Test func earlyDataNeedsMemoryForAllTickets() throws {
        let certificates = try store(.leaf("one.example"))
        #expect(throws: TLSError.self) {
            try server(certificates) { $0.replayGuard = ReplayGuard(lifetime: 60) }
        }
        #expect(throws: TLSError.self) {
            try server(certificates) {
                $0.replayGuard = ReplayGuard()
                $0.alpn = "h3,hq-interop"
            }
        }
    }

    @Test func suitesAndGroupsAreObeyed() throws {
        let serving = try server(store(.leaf("one.example"))) {
            $0.cipherSuites = [.chaCha20Poly1305]
            $0.groups = [.p384]
        }
        let server = QUICTestPeer(try serving.makeServerSession())
        QUICTestPeer.connect(QUICTestPeer(try verifyingClient().makeClientSession(serverName: "one.example")), server)
        #expect(server.isComplete)
        #expect(server.session.cipherSuite == "TLS_CHACHA20_POLY1305_SHA256")
        #expect(unsafe gnutls_group_get(server.session.handle) == GNUTLS_GROUP_SECP384R1)
        #expect(throws: TLSError.self) { try QUICCipherSuite.list("TLS_AES_128_CCM_SHA256") }
        #expect(try QUICCipherSuite.list("TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256") == [.aes256GCM, .aes128GCM])
        #expect(try KeyExchangeGroup.list("X25519:prime256v1") == [.x25519, .p256])
        #expect(throws: TLSError.self) { try KeyExchangeGroup.list("P-192") }
    }
}

private final class HelloCatcher {
    var bytes: [UInt8] = []
}
