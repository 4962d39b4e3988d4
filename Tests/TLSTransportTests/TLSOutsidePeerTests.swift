// Engines against the openssl program, over TCP on the loopback.

import Bytes
import Glibc
import TLSTransport
import Testing

@Suite struct TLSOutsidePeerTests {
    let contexts = TestContexts()

    /// Goes on with an engine until its handshake ends, waiting on its descriptor.
    private func shakeHands(_ engine: TLSEngine, _ descriptor: Int32) throws {
        while true {
            let events: Int32
            switch try engine.handshake() {
            case .done: return
            case .wantsRead: events = POLLIN
            case .wantsWrite: events = POLLOUT
            }
            var wanted = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            try #require(unsafe poll(&wanted, 1, 10_000) == 1)
        }
    }

    /// Reads until the bytes end with `suffix` or the stream ends.
    private func read(_ engine: TLSEngine, _ descriptor: Int32, until suffix: String) throws -> (
        String, TLSEngine.Outcome
    ) {
        var text = ""
        while true {
            let (bytes, end) = engine.readAll()
            text += String(decoding: bytes, as: UTF8.self)
            guard end == .wouldBlock(.read), !text.utf8.reversed().starts(with: suffix.utf8.reversed()) else {
                return (text, end)
            }
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            try #require(unsafe poll(&wanted, 1, 10_000) == 1)
        }
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"])
    func outsideClientTalksToOurServer(_ version: String) throws {
        let serving = try contexts.server(contexts.store(.leaf("other.example"), .leaf("one.example")))
        let authority = contexts.directory.write("ca.pem", TestCertificate.authority.pem)
        let listener = LoopbackListener()
        let client = OutsideProgram([
            "openssl", "s_client", version, "-connect", "127.0.0.1:\(listener.port)", "-servername", "one.example",
            "-verify_hostname", "one.example", "-CAfile", authority, "-verify_return_error", "-alpn", "h2,http/1.1",
            "-crlf",
        ])
        let descriptor = listener.accept()
        defer { close(descriptor) }
        let engine = try serving.makeEngine(descriptor: descriptor)
        try shakeHands(engine, descriptor)
        #expect(engine.serverName == "one.example")
        #expect(engine.alpn == .h2)
        #expect(client.wait { $0.contains("Verify return code: 0 (ok)") })
        #expect(client.text.contains("ALPN protocol: h2"))

        client.send("ping\n")
        #expect(try read(engine, descriptor, until: "\n").0 == "ping\r\n")
        #expect(engine.write(Array("pong\n".utf8)) == .bytes(5))
        #expect(client.wait { $0.contains("pong") })
        // "Q" makes the program close with close_notify.
        client.send("Q\n")
        #expect(try read(engine, descriptor, until: "never").1 == .endOfStream)
    }

    @Test func outsideClientResumesOnAnotherWorker() throws {
        let ring = try TicketKeyRing()
        let store = try contexts.store(.leaf("one.example"))
        let session = contexts.directory.path + "/session.pem"
        let listener = LoopbackListener()
        for (option, resumed) in [("-sess_out", false), ("-sess_in", true)] {
            let serving = try contexts.server(store, ticketKeys: ring)
            let client = OutsideProgram([
                "openssl", "s_client", "-connect", "127.0.0.1:\(listener.port)", option, session,
            ])
            let descriptor = listener.accept()
            defer { close(descriptor) }
            let engine = try serving.makeEngine(descriptor: descriptor)
            try shakeHands(engine, descriptor)
            #expect(engine.isResumed == resumed)
            // The program writes its session file when a ticket comes.
            #expect(client.wait { _ in unsafe access(session, R_OK) == 0 })
            client.send("Q\n")
            _ = try read(engine, descriptor, until: "never")
        }
    }

    @Test func ourClientTalksToAnOutsideServerAndShowsItsCertificate() throws {
        let leaf = contexts.directory.write("server.pem", .leaf("one.example"))
        let authority = contexts.directory.write("ca.pem", TestCertificate.authority.pem)
        // The program prints the port that the kernel chose.
        let server = OutsideProgram([
            "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", leaf, "-key", leaf, "-CAfile", authority,
            "-Verify", "1", "-verify_return_error", "-alpn", "http/1.1", "-rev",
        ])
        var port: UInt16?
        _ = server.wait(until: { text in
            guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("ACCEPT ") }) else { return false }
            port = line.split(separator: ":").last.flatMap { UInt16($0) }
            return port != nil
        })
        let own = try CertificateStore(loading: [contexts.directory.write("client.pem", .leaf("client.example"))])
        let asking = try contexts.client {
            $0.certificate = own.certificates[0]
            $0.alpn = "h2,http/1.1"
        }
        let descriptor = LoopbackListener.connect(to: try #require(port))
        defer { close(descriptor) }
        let engine = try asking.makeEngine(descriptor: descriptor, serverName: "one.example")
        try shakeHands(engine, descriptor)
        #expect(engine.alpn == .http11)
        // -rev sends each line back, reversed.
        #expect(engine.write(Array("hello\n".utf8)) == .bytes(6))
        #expect(try read(engine, descriptor, until: "\n").0 == "olleh\n")
    }
}
