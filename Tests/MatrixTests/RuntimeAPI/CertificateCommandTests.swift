import Foundation
import TestSupport
import Testing

/// `… ssl cert`, `… ssl ca-file`, `… ssl crt-list`, `show ssl sni`. The words are those of HAProxy 3.5-dev5 for the same
/// commands.
@Suite("Runtime API: certificates") struct CertificateCommandTests {
    /// Makes a certificate that trusts itself, and its key: both in one file.
    private static func make(_ name: String, for host: String, in folder: ListenerFolder) async throws -> String {
        let path = "\(folder.path)/\(name)"
        let result = try await ChildProcess.run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj",
                "/C=DE/CN=\(host)", "-addext", "subjectAltName=DNS:\(host)", "-keyout", "\(path).part", "-out", path,
            ])
        #expect(result.status == 0, "\(result.errors)")
        let key = try String(contentsOfFile: "\(path).part", encoding: .utf8)
        let certificate = try String(contentsOfFile: path, encoding: .utf8)
        try folder.write("\(name).leaf", certificate)
        try folder.write("\(name).secret", key)
        try FileManager.default.removeItem(atPath: "\(path).part")
        try folder.write(name, certificate + key)
        return path
    }

    /// A payload as scripts send it.
    private static func payload(_ command: String, _ file: String) throws -> String {
        "\(command) <<\n\(try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").joined(separator: "\n"))\n\n"
    }

    /// A certificate's fingerprint as OpenSSL's tool says it.
    private static func fingerprint(_ file: String) async throws -> String {
        let result = try await ChildProcess.run("openssl", ["x509", "-in", file, "-noout", "-fingerprint", "-sha1"])
        return result.output.split(separator: "=").last?.filter { $0 != ":" && !$0.isWhitespace } ?? ""
    }

    /// Whether all of 12 connections, on TCP or QUIC, get an answer from one whose certificate `file` is.
    private static func serves(_ file: String, _ port: Int, quic: Bool) async throws -> Bool {
        let result = try await ChildProcess.run(
            try Repository.program("portico-load"),
            [
                quic ? "--http3" : "--http1", "-c", "12", "-n", "12", "--timeout", "5", "--ca", file, "--json", "-",
                "https://localhost:\(port)/",
            ])
        return result.output.contains("\"completed\": 12,")
    }

    private static func process(_ folder: ListenerFolder, _ frontend: String = "", backend: String? = nil) async throws
        -> RuntimeProcess
    {
        try await RuntimeProcess(
            frontend: frontend + "\nhttp-request return status 200",
            backend: backend ?? "server s1 127.0.0.1:1", folder: folder)
    }

    @Test("A committed certificate serves new connections of all workers, on TCP and QUIC") func commit() async throws {
        let folder = try ListenerFolder()
        let old = try await Self.make("one.pem", for: "localhost", in: folder)
        let new = try await Self.make("two.pem", for: "localhost", in: folder)
        let port = try Ports.free()
        let process = try await Self.process(
            folder, "bind 127.0.0.1:\(port) ssl crt FOLDER/one.pem\nbind quic4@127.0.0.1:\(port) ssl crt FOLDER/one.pem"
        )
        for quic in [false, true] {
            #expect(try await Self.serves(old, port, quic: quic))
            #expect(try await !Self.serves(new, port, quic: quic))
        }
        #expect(
            try await process.ask(try Self.payload("set ssl cert \(old)", new))
                == "Transaction created for certificate \(old)!\n\n")
        // Not before it is committed.
        #expect(try await Self.serves(old, port, quic: false))
        #expect(try await process.ask("show ssl cert") == "# transaction\n*\(old)\n# filename\n\(old)\n\n")
        #expect(try await process.ask("commit ssl cert \(old)") == "Committing \(old)..\nSuccess!\n\n")
        for quic in [false, true] {
            #expect(try await Self.serves(new, port, quic: quic))
            #expect(try await !Self.serves(old, port, quic: quic))
        }
        let shown = try await process.ask("show ssl cert \(old)")
        #expect(shown.contains("Status: Used\n"))
        #expect(shown.contains("SHA1 FingerPrint: \(try await Self.fingerprint(new))\n"))
        #expect(shown.contains("Subject: /C=DE/CN=localhost\nIssuer: /C=DE/CN=localhost\n"))
        #expect(shown.contains("Subject Alternative Name: DNS:localhost\nAlgorithm: EC256\n"))
    }

    @Test("Each refusal in HAProxy's words") func refusals() async throws {
        let folder = try ListenerFolder()
        let one = try await Self.make("one.pem", for: "localhost", in: folder)
        let two = try await Self.make("two.pem", for: "localhost", in: folder)
        let port = try Ports.free()
        let process = try await Self.process(folder, "bind 127.0.0.1:\(port) ssl crt FOLDER/one.pem")
        func says(_ command: String, _ answer: String) async throws {
            #expect(try await process.ask(command) == answer + "\n", "\(command.prefix(60))")
        }
        try await says(
            "show ssl cert nope", "Can't display the certificate: Not found or the certificate is a bundle!\n")
        try await says("set ssl cert x", "'set ssl cert' expects a filename and a certificate as a payload\n")
        try await says(
            try Self.payload("set ssl cert nope", two),
            "Can't replace a certificate which is not referenced by the configuration!\nCan't update nope!\n")
        try await says("commit ssl cert", "'commit ssl cert' expects a filename\n")
        try await says("commit ssl cert \(one)", "No ongoing transaction! !\nCan't commit \(one)!\n")
        try await says("abort ssl cert \(one)", "No ongoing transaction!\n")
        try await says(
            "set ssl cert \(one) <<\nno PEM\n\n",
            "unable to load certificate from file '\(one)': no start line.\nCan't load the payload\nCan't update \(one)!\n"
        )
        // A certificate without its key.
        try await says(
            try Self.payload("set ssl cert \(one)", "\(two).leaf"), "Transaction created for certificate \(one)!\n")
        try await says(
            "commit ssl cert x",
            "The ongoing transaction is about '\(one)' but you are trying to set 'x'\nCan't commit x!\n")
        try await says(
            "abort ssl cert x",
            "The ongoing transaction is about '\(one)' but you are trying to abort a transaction for 'x'\n")
        try await says(
            "commit ssl cert \(one)",
            "Committing \(one)\nunable to load SSL private key into SSL Context '\(one)': passed a null parameter.\nFailed!\n"
        )
        try await says("commit ssl cert \(one)", "No ongoing transaction! !\nCan't commit \(one)!\n")
        // A key of another certificate, until the certificate follows.
        try await says(
            try Self.payload("set ssl cert \(one).key", "\(two).secret"),
            "Transaction created for certificate \(one)!\n")
        try await says(
            "commit ssl cert \(one)",
            "inconsistencies between private key and certificate loaded '\(one)'.\nCan't commit \(one)!\n")
        try await says(try Self.payload("set ssl cert \(one)", two), "Transaction updated for certificate \(one)!\n")
        try await says("abort ssl cert \(one)", "Transaction aborted for certificate '\(one)'!\n")
        #expect(try await Self.serves(one, port, quic: false))
        try await says("new ssl cert \(one)", "Certificate '\(one)' already exists!\n")
        try await says(
            "del ssl cert \(one)", "Can't remove the certificate: certificate '\(one)' in use, can't be deleted!\n")
        try await says("del ssl cert nope", "Can't remove the certificate: certificate 'nope' doesn't exist!\n")
        #expect(try await process.ask("set ssl cert x", "operator") == "Permission denied\n\n")
    }

    @Test("A new certificate comes into a directory's list, and goes") func lists() async throws {
        let folder = try ListenerFolder()
        try FileManager.default.createDirectory(atPath: "\(folder.path)/dir", withIntermediateDirectories: false)
        let one = try await Self.make("one.pem", for: "localhost", in: folder)
        try FileManager.default.copyItem(atPath: one, toPath: "\(folder.path)/dir/a.pem")
        let other = try await Self.make("other.pem", for: "other.test", in: folder)
        let port = try Ports.free()
        let process = try await Self.process(folder, "bind 127.0.0.1:\(port) ssl crt FOLDER/dir")
        let list = "\(folder.path)/dir"
        #expect(try await process.ask("show ssl crt-list") == "\(list)\n\n")
        #expect(try await process.ask("show ssl crt-list -n \(list)") == "# \(list)\n\(list)/a.pem:0\n\n")
        #expect(try await process.ask("new ssl cert n.pem") == "New empty certificate store 'n.pem'!\n\n")
        #expect(
            try await process.ask("add ssl crt-list \(list) n.pem")
                == "Can't edit the crt-list: certificate 'n.pem' is empty!\n\n")
        _ = try await process.ask(try Self.payload("set ssl cert n.pem", other))
        #expect(try await process.ask("commit ssl cert n.pem") == "Committing n.pem\nSuccess!\n\n")
        #expect(try await process.ask("show ssl cert n.pem").contains("Status: Unused\n"))
        #expect(
            try await process.ask("add ssl crt-list \(list) n.pem")
                == "Inserting certificate 'n.pem' in crt-list '\(list)'.\nSuccess!\n\n")
        #expect(
            try await process.ask("add ssl crt-list \(list) n.pem")
                == "Can't edit the crt-list: file already exists in this directory!\n\n")
        let names = try await process.ask("show ssl sni -f web")
        #expect(names.hasPrefix("# Frontend/Bind\tSNI\tNegative Filter\tType\tFilename\tNotAfter\tNotBefore\n"))
        let rows = names.split(separator: "\n").dropFirst().map { $0.split(separator: "\t").map(String.init)[1...4] }
        #expect(
            rows.map { $0.joined(separator: " ") } == [
                "localhost - ecdsa \(list)/a.pem", "other.test - ecdsa n.pem", "* - ecdsa \(list)/a.pem",
            ])
        // The name is served: the chain is checked against the new certificate.
        let client = try await ChildProcess.run(
            "curl",
            [
                "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", other, "--connect-to",
                "other.test:443:127.0.0.1:\(port)", "https://other.test/",
            ])
        #expect(client.output == "200")
        #expect(
            try await process.ask("del ssl crt-list \(list) \(list)/a.pem").hasPrefix(
                "Can't delete the entry: certificate '\(list)/a.pem' cannot be deleted, it is used as default certificate by"
                    + " the following frontends:\n\t- "))
        #expect(
            try await process.ask("del ssl crt-list \(list) n.pem")
                == "Entry 'n.pem' deleted in crtlist '\(list)'!\n\n")
        #expect(try await process.ask("del ssl cert n.pem") == "Certificate 'n.pem' deleted!\n\n")
        #expect(try await !process.ask("show ssl sni").contains("other.test"))
    }

    @Test("Authorities change for servers that are there, and for those that come") func authorities() async throws {
        let folder = try ListenerFolder()
        let one = try await Self.make("one.pem", for: "localhost", in: folder)
        let two = try await Self.make("two.pem", for: "localhost", in: folder)
        let origin = try Ports.free()
        let port = try Ports.free()
        let process = try await RuntimeProcess(
            frontend: "http-request return status 204 if { path /own }",
            backend: "server s1 127.0.0.1:\(origin) ssl verify required ca-file FOLDER/two.pem sni str(localhost)",
            rest: """
                frontend origin
                bind 127.0.0.1:\(origin) ssl crt FOLDER/one.pem
                http-request return status 200
                frontend second
                bind 127.0.0.1:\(port)
                default_backend late
                backend late
                """, folder: folder)
        func status(_ port: Int) async throws -> String {
            let socket = try RawSocket(connectingTo: port)
            return String(await socket.blocking { $0.exchange("/") }.prefix(12))
        }
        #expect(try await status(process.port) == "HTTP/1.1 503")
        #expect(try await process.ask("show ssl ca-file") == "# filename\n\(two) - 1 certificate(s)\n\n")
        #expect(
            try await process.ask(try Self.payload("set ssl ca-file \(two)", one))
                == "transaction created for CA \(two)!\n\n")
        #expect(
            try await process.ask(try Self.payload("add ssl ca-file \(two)", two))
                == "transaction updated for CA \(two)!\n\n")
        #expect(
            try await process.ask("show ssl ca-file")
                == "# transaction\n*\(two) - 2 certificate(s)\n# filename\n\(two) - 1 certificate(s)\n\n")
        #expect(try await process.ask("commit ssl ca-file \(two)") == "Committing \(two).\nSuccess!\n\n")
        #expect(try await status(process.port) == "HTTP/1.1 200")
        #expect(
            try await process.ask("show ssl ca-file \(two):1").contains(
                "Certificate #1:\nSerial: ") == true)
        // One that only memory has.
        #expect(try await process.ask("new ssl ca-file mine") == "New CA file created 'mine'!\n\n")
        _ = try await process.ask(try Self.payload("set ssl ca-file mine", one))
        #expect(try await process.ask("commit ssl ca-file mine") == "Committing mine\nSuccess!\n\n")
        #expect(
            try await process.ask(
                "add server late/n 127.0.0.1:\(origin) ssl verify required ca-file mine sni str(localhost)")
                == "New server registered.\n\n")
        _ = try await process.ask("enable server late/n")
        #expect(try await status(port) == "HTTP/1.1 200")
        #expect(
            try await process.ask("del ssl ca-file mine")
                == "Can't remove the CA file: CA file 'mine' in use, can't be deleted!\n\n")
        #expect(
            try await process.ask("set ssl ca-file mine <<\nno PEM\n\n") == "Invalid payload\nCan't update mine!\n\n")
        #expect(try await process.ask("commit ssl ca-file mine") == "No ongoing transaction! !\nCan't commit mine!\n\n")
        #expect(try await process.ask("show ssl ca-file nope") == "Can't display the CA file : Not found!\n\n")
    }
}
