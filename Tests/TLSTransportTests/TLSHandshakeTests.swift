// Handshakes between two engines: certificates, names, protocols, versions.

import Bytes
import Glibc
import TLSTransport
import Testing

@Suite struct TLSHandshakeTests {
    let contexts = TestContexts()

    // MARK: Certificates and names

    @Test(arguments: [KeyKind.ecdsa, .rsa, .ed25519], [TLSProtocolVersion.tls12, .tls13])
    func verifiedHandshake(_ kind: KeyKind, _ version: TLSProtocolVersion) throws {
        let key: TestKey =
            switch kind {
            case .ecdsa: .p256()
            case .rsa: .rsa
            case .ed25519: .ed25519()
            }
        let serving = try contexts.server(contexts.store(.leaf("one.example", key: key)))
        let asking = try contexts.client {
            $0.alpn = "h2,http/1.1"
            $0.settings.maxVersion = version
        }
        let pair = try EnginePair(serving, asking)
        let (client, server) = pair.shakeHands()
        #expect(client.isDone && server.isDone)
        #expect(pair.server.serverName == "one.example")
        #expect(pair.server.version == version.rawValue)
        #expect(pair.client.version == version.rawValue)
        #expect(pair.client.alpn == .h2 && pair.server.alpn == .h2)
        #expect(pair.client.verificationFailure == nil)
        #expect(pair.server.cipher == pair.client.cipher)
        #expect(pair.server.isEstablished && !pair.server.isResumed)
    }

    @Test func serverNameChoosesTheCertificate() throws {
        let serving = try contexts.server(
            contexts.store(
                .leaf("one.example"), .leaf("*.two.example", key: .rsa), .leaf("www.two.example"),
                .leaf("three.example", key: .rsa)))
        for (name, curve) in [
            ("one.example", true), ("API.two.example", false), ("www.two.example", true), ("three.example", false),
        ] {
            let pair = try EnginePair(serving, contexts.client(), serverName: name)
            #expect(pair.shakeHands().client.isDone, "\(name)")
            #expect(pair.client.peerHasEllipticKey == curve, "\(name)")
        }
    }

    @Test func unknownNameGetsTheDefaultUnlessStrict() throws {
        let store = try contexts.store(.leaf("one.example"), .leaf("two.example"))
        let lenient = try contexts.server(store)
        var pair = try EnginePair(lenient, contexts.client(verifies: false), serverName: "other.example")
        #expect(pair.shakeHands().client.isDone)

        let strict = try contexts.server(store) { $0.strictSNI = true }
        for name in ["other.example", nil] {
            pair = try EnginePair(strict, contexts.client(verifies: false), serverName: name)
            let (client, server) = pair.shakeHands()
            #expect(server.error?.code == .unrecognizedName)
            #expect(client.error?.code == .alertReceived)
            #expect(client.error?.alert == .unrecognizedName)
        }
        pair = try EnginePair(strict, contexts.client(), serverName: "two.example")
        #expect(pair.shakeHands().server.isDone)
    }

    @Test(arguments: [TLSProtocolVersion.tls12, .tls13])
    func clientsSignatureAlgorithmsChooseTheKeyKind(_ version: TLSProtocolVersion) throws {
        let serving = try contexts.server(
            contexts.store(
                .leaf("default.example"), .leaf("one.example", key: .rsa), .leaf("one.example")))
        for (algorithms, isElliptic) in [(nil, true), ("rsa_pss_rsae_sha256", false)] {
            let asking = try contexts.client(verifies: false) {
                $0.settings.signatureAlgorithms = algorithms
                $0.settings.maxVersion = version
            }
            let pair = try EnginePair(serving, asking)
            #expect(pair.shakeHands().client.isDone)
            #expect(pair.client.peerHasEllipticKey == isElliptic)
        }
    }

    @Test func intermediatesAreSent() throws {
        let intermediate = TestCertificate(
            commonName: "Intermediate", names: [], key: .p256(), issuer: .authority, isCA: true)
        let leaf = TestCertificate(commonName: nil, names: ["one.example"], key: .p256(), issuer: intermediate)
        let file = contexts.directory.write("chain.pem", leaf, chain: [intermediate])
        let serving = try contexts.server(CertificateStore(loading: [file]))
        let pair = try EnginePair(serving, contexts.client())
        #expect(pair.shakeHands().client.isDone)
    }

    // MARK: Verification

    @Test func strangersCertificateIsRefused() throws {
        let stranger = TestCertificate(commonName: "one.example", names: ["one.example"], key: .p256(), issuer: nil)
        let pair = try EnginePair(contexts.server(contexts.store(stranger)), contexts.client())
        let (client, server) = pair.shakeHands()
        #expect(client.error?.code == .certificateVerification)
        #expect(client.error?.description.contains("self-signed certificate") == true)
        #expect(client.error?.alert == .unknownCA)
        #expect(server.error?.code == .alertReceived && server.error?.alert == .unknownCA)
        #expect(pair.client.verificationFailure != nil)
    }

    @Test func expiredCertificateIsRefused() throws {
        let expired = TestCertificate(
            commonName: nil, names: ["one.example"], key: .p256(), issuer: .authority, validDays: -2)
        let pair = try EnginePair(contexts.server(contexts.store(expired)), contexts.client())
        #expect(pair.shakeHands().client.error?.description.contains("certificate has expired") == true)
    }

    @Test func otherNameIsRefused() throws {
        let serving = try contexts.server(contexts.store(.leaf("one.example")))
        var pair = try EnginePair(serving, contexts.client(), serverName: "other.example")
        #expect(pair.shakeHands().client.error?.code == .certificateVerification)

        pair = try EnginePair(serving, contexts.client { $0.verifiedHost = "one.example" }, serverName: nil)
        #expect(pair.shakeHands().client.isDone)
        pair = try EnginePair(serving, contexts.client { $0.verifiedHost = "other.example" }, serverName: nil)
        #expect(pair.shakeHands().client.error?.code == .certificateVerification)
    }

    @Test func addressIsNotSentAsServerName() throws {
        let serving = try contexts.server(contexts.store(.leaf("one.example")))
        let pair = try EnginePair(serving, contexts.client(verifies: false), serverName: "192.0.2.1")
        #expect(pair.shakeHands().server.isDone)
        #expect(pair.server.serverName == nil)
    }

    @Test func systemTrustIsReadFromFileAndDirectories() throws {
        let other = TestCertificate(commonName: "Other CA", names: [], key: .p256(), issuer: nil, isCA: true)
        let directory = TemporaryDirectory()
        directory.write("a.pem", TestCertificate.authority.pem + other.pem)
        directory.write("b.pem", other.pem)
        directory.write("c.txt", "no certificate")
        let trust = try TrustStore.system(file: "/nonexistent", directories: "/nonexistent:" + directory.path)
        #expect(trust.count == 2)
        let file = directory.path + "/b.pem"
        #expect(try TrustStore.system(file: file, directories: "").count == 1)
        #expect(throws: CertificateError.self) { try TrustStore.system(file: "/nonexistent", directories: "") }
        let asking = try contexts.client(verifies: false) { $0.trust = trust }
        let pair = try EnginePair(contexts.server(contexts.store(.leaf("one.example"))), asking)
        #expect(pair.shakeHands().client.isDone)
    }

    @Test func badTrustFilesNameThemselves() {
        let empty = contexts.directory.write("empty.pem", "")
        #expect(throws: CertificateError(file: empty, .noCertificate)) { try TrustStore(path: empty) }
        let missing = contexts.directory.path + "/missing.pem"
        #expect(throws: CertificateError(file: missing, .unreadable(2))) { try TrustStore(path: missing) }
    }

    // MARK: ALPN

    @Test func serversOrderOfProtocolsDecides() throws {
        let serving = try contexts.server(contexts.store(.leaf("one.example"))) { $0.alpn = "http/1.1,h2" }
        let pair = try EnginePair(serving, contexts.client { $0.alpn = "h2,http/1.1" })
        pair.shakeHands()
        #expect(pair.client.alpn == .http11)
        #expect(pair.server.alpnIdentifier == "http/1.1")
    }

    @Test func clientWithoutCommonProtocolGoesOnWithoutOne() throws {
        let serving = try contexts.server(contexts.store(.leaf("one.example")))
        for list in ["http/1.0", ""] as [ALPNList] {
            let pair = try EnginePair(serving, contexts.client { $0.alpn = list })
            #expect(pair.shakeHands().client.isDone)
            #expect(pair.client.alpn == .none && pair.server.alpn == .none)
            #expect(pair.server.alpnIdentifier == nil)
        }
    }

    @Test func badProtocolListsAreRefused() {
        for list in ["h2,,http/1.1", String(repeating: "x", count: 32), "1,2,3,4,5,6,7,8,9"] {
            #expect(throws: TLSError.self) { try ALPNList(list) }
        }
    }

    // MARK: Versions and ciphers

    @Test func versionsBelowTheOldestAreRefused() throws {
        let serving = try contexts.server(contexts.store(.leaf("one.example"))) { $0.settings.minVersion = .tls13 }
        let pair = try EnginePair(serving, contexts.client { $0.settings.maxVersion = .tls12 })
        let (client, server) = pair.shakeHands()
        #expect(server.error?.code == .handshake)
        #expect(server.error?.alert == .protocolVersion)
        #expect(client.error?.code == .alertReceived && client.error?.alert == .protocolVersion)
    }

    @Test func versionsAboveTheNewestAreRefused() throws {
        let serving = try contexts.server(contexts.store(.leaf("one.example"))) { $0.settings.maxVersion = .tls12 }
        var pair = try EnginePair(serving, contexts.client { $0.settings.minVersion = .tls13 })
        #expect(pair.shakeHands().server.error?.alert == .protocolVersion)
        pair = try EnginePair(serving, contexts.client())
        pair.shakeHands()
        #expect(pair.server.version == "TLSv1.2")
    }

    @Test func ciphersAndCurvesAreObeyed() throws {
        let serving = try contexts.server(contexts.store(.leaf("one.example"))) {
            $0.settings.ciphersuites = "TLS_AES_256_GCM_SHA384"
            $0.settings.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384"
            $0.settings.curves = "P-384"
        }
        var pair = try EnginePair(serving, contexts.client())
        pair.shakeHands()
        #expect(pair.server.cipher == "TLS_AES_256_GCM_SHA384")
        pair = try EnginePair(serving, contexts.client { $0.settings.maxVersion = .tls12 })
        pair.shakeHands()
        #expect(pair.server.cipher == "ECDHE-ECDSA-AES256-GCM-SHA384")
        pair = try EnginePair(serving, contexts.client { $0.settings.curves = "X25519" })
        #expect(pair.shakeHands().server.error?.code == .handshake)
    }

    @Test func serversOrderOfCiphersDecidesUnlessTold() throws {
        let store = try contexts.store(.leaf("one.example"))
        let suites = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"
        let reversed = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"
        for (prefersClient, expected) in [
            (false, "TLS_AES_256_GCM_SHA384"), (true, "TLS_AES_128_GCM_SHA256"),
        ] {
            let serving = try contexts.server(store) {
                $0.settings.ciphersuites = suites
                $0.prefersClientCiphers = prefersClient
            }
            let pair = try EnginePair(serving, contexts.client { $0.settings.ciphersuites = reversed })
            pair.shakeHands()
            #expect(pair.server.cipher == expected)
        }
    }

    @Test func badSettingsNameThemselves() throws {
        let store = try contexts.store(.leaf("one.example"))
        func reason(_ configure: (inout TLSServerContext.Options) -> Void) -> String? {
            do {
                _ = try contexts.server(store, configure: configure)
                return nil
            } catch {
                let error = error as? TLSError
                return error?.code == .configuration ? error?.reason : nil
            }
        }
        #expect(reason { $0.settings.ciphers = "NOPE" }?.contains("ciphers 'NOPE'") == true)
        #expect(reason { $0.settings.ciphersuites = "NOPE" }?.contains("ciphersuites 'NOPE'") == true)
        #expect(reason { $0.settings.curves = "NOPE" }?.contains("curves 'NOPE'") == true)
        #expect(reason { $0.settings.signatureAlgorithms = "NOPE" }?.contains("sigalgs 'NOPE'") == true)
        #expect(
            reason {
                $0.settings.minVersion = .tls13
                $0.settings.maxVersion = .tls12
            } != nil)
    }

    // MARK: Bad peers

    @Test func plainTextIsAHandshakeError() throws {
        let sockets = SocketPair()
        let engine = try contexts.server(contexts.store(.leaf("one.example"))).makeEngine(descriptor: sockets.server)
        let text = "GET / HTTP/1.1\r\n\r\n"
        #expect(unsafe send(sockets.client, text, text.utf8.count, 0) == text.utf8.count)
        #expect(throws: TLSError(.handshake, "http request")) { try engine.handshake() }
        // It stays that way.
        #expect(throws: TLSError(.handshake, "http request")) { try engine.handshake() }
        #expect(engine.write([1]) == .failed(TLSError(.handshake, "http request")))
    }

    @Test func closeDuringTheHandshakeIsTruncation() throws {
        let serving = try contexts.server(contexts.store(.leaf("one.example")))
        let pair = try EnginePair(serving, contexts.client())
        #expect(try pair.client.handshake() == .wantsRead)
        #expect(try pair.server.handshake() == .wantsRead)
        shutdown(pair.sockets.client, Int32(SHUT_WR))
        do throws(TLSError) {
            _ = try pair.server.handshake()
            Issue.record("the handshake went on")
        } catch {
            #expect(error.code == .truncated)
        }
    }

    @Test func bytesReadBeforeAreFed() throws {
        let serving = try contexts.server(contexts.store(.leaf("one.example")))
        let pair = try EnginePair(serving, contexts.client())
        #expect(try pair.client.handshake() == .wantsRead)
        var hello = [UInt8](repeating: 0, count: 4096)
        let count = unsafe recv(pair.sockets.server, &hello, hello.count, 0)
        #expect(count > 100)
        unsafe hello[..<count].withUnsafeBytes { unsafe pair.server.feed(initialBytes: $0) }
        let (client, server) = pair.shakeHands()
        #expect(client.isDone && server.isDone)
    }
}
