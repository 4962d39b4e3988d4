import Foundation
import TestSupport
import Testing

/// `crt-list` on TCP and QUIC: names, and settings for some of them.
@Suite("Lists of certificates", .serialized) struct CertificateListTests {
    private struct Site {
        let process: ListenerProcess
        let clients: ClientCertificates
        let port: Int

        init(strict: Bool = false) async throws {
            let folder = try ListenerFolder()
            clients = try await ClientCertificates(in: folder)
            for name in ["localhost", "example.test"] {
                for algorithm in ["ecdsa", "rsa"] {
                    let text = try String(
                        contentsOfFile: try await TestCertificates.file(name, algorithm), encoding: .utf8)
                    try folder.write("\(name.prefix(5)).\(algorithm)", text)
                }
            }
            try folder.write(
                "site.list",
                """
                # the first is for unknown names
                local.ecdsa

                local.rsa
                examp.ecdsa *.one.test !plain.one.test
                examp.rsa both.one.test
                examp.ecdsa [verify required ca-file root.pem] secure.test
                examp.ecdsa [alpn http/1.1 ssl-max-ver TLSv1.2] old.test

                """)
            port = try Ports.free()
            let options = "ssl crt-list FOLDER/site.list\(strict ? " strict-sni" : "")"
            process = try await ListenerProcess(
                ListenerProcess.sections(
                    global: """
                        nbthread 2
                        stats socket FOLDER/admin mode 600 level admin
                        crt-base FOLDER
                        ca-base FOLDER
                        """,
                    """
                    frontend web
                    bind 127.0.0.1:\(port) \(options)
                    bind quic4@127.0.0.1:\(port) \(options)
                    http-request return status 200 content-type text/plain lf-string "%[ssl_f_s_dn(CN)] %[ssl_f_key_alg] %[ssl_c_s_dn(CN)] %[ssl_fc_is_resumed]"
                    """), in: folder)
        }

        func ask(_ text: String) async throws -> String {
            let socket = try RawSocket(unix: "\(process.folder.path)/admin")
            return await socket.blocking { socket in
                socket.send(text + "\n")
                return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
            }
        }

        /// What a client with that server name is told; nil: it was refused.
        func overTCP(_ name: String, _ options: [String] = []) async throws -> String? {
            let result = try await ChildProcess.run(
                "curl",
                ["-sk", "https://\(name):\(port)/", "--resolve", "\(name):\(port):127.0.0.1"] + options)
            return result.status == 0 ? result.output : nil
        }

        func overQUIC(_ name: String, _ options: [String] = []) async throws -> String? {
            let report = try await Aioquic.get(
                "https://\(name):\(port)/", ["--show-body", "--connect-to", "127.0.0.1:\(port)"] + options)
            let body = report.responses?.first?.body
            return body?.isEmpty == true ? nil : body
        }

        /// What `openssl s_client` reports.
        func client(_ name: String, _ options: [String]) async throws -> String {
            let result = try await ChildProcess.run(
                "openssl", ["s_client", "-connect", "127.0.0.1:\(port)", "-servername", name] + options)
            return result.output + result.errors
        }
    }

    @Test("Filters choose the certificate; settings hold for their names alone") func filters()
        async throws
    {
        let site = try await Site()
        let shown = "id-ecPublicKey  0"
        for (name, answer) in [
            ("localhost", "localhost \(shown)"), ("unknown.test", "localhost \(shown)"),
            // A line with filters does not serve its certificate's own names.
            ("example.test", "localhost \(shown)"), ("a.one.test", "example.test \(shown)"),
            ("plain.one.test", "localhost \(shown)"), ("b.a.one.test", "localhost \(shown)"),
            // RSA by its exact name, ECDSA by the wildcard: the client takes both.
            ("both.one.test", "example.test \(shown)"), ("old.test", "example.test \(shown)"),
        ] {
            #expect(try await site.overTCP(name) == answer, "\(name)")
            #expect(try await site.overQUIC(name) == answer, "\(name)")
        }
        let report = try await site.client("both.one.test", ["-sigalgs", "RSA-PSS+SHA256", "-tls1_3"])
        #expect(
            report.contains("CN = example.test") && report.contains("Peer signature type: RSA-PSS"),
            "\(report)")
        // Versions and protocols are of TCP: QUIC has one of each.
        let old = try await site.client("old.test", ["-alpn", "h2,http/1.1"])
        #expect(
            old.contains("ALPN protocol: http/1.1") && old.contains("Protocol  : TLSv1.2"), "\(old)")
        let other = try await site.client("localhost", ["-alpn", "h2,http/1.1"])
        #expect(other.contains("ALPN protocol: h2") && other.contains("New, TLSv1.3"), "\(other)")
    }

    @Test("Certificates of clients are asked for by name") func clients() async throws {
        let site = try await Site()
        let good = ["--cert", site.clients.path("good")]
        #expect(try await site.overTCP("secure.test") == nil)
        #expect(try await site.overQUIC("secure.test") == nil)
        let answer = "example.test id-ecPublicKey good 0"
        #expect(try await site.overTCP("secure.test", good) == answer)
        #expect(try await site.overQUIC("secure.test", good) == answer)
        #expect(try await site.overTCP("localhost", good) == "localhost id-ecPublicKey  0")
        #expect(try await site.overQUIC("localhost", good) == "localhost id-ecPublicKey  0")
        #expect(try await site.client("secure.test", []).contains("CN = Root"))
        #expect(try await site.client("localhost", []).contains("No client certificate CA names sent"))
        // A session of a name that asks for none opens no other.
        for version in ["-tls1_2", "-tls1_3"] {
            let ticket = "\(site.process.folder.path)/ticket\(version)"
            let first =
                "printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n' | timeout 5 openssl s_client"
                + " -quiet -ign_eof \(version) -connect 127.0.0.1:\(site.port) "
            let outcome = try await ChildProcess.run(
                "bash", ["-c", first + "-servername localhost -sess_out \(ticket)"])
            #expect(outcome.output.contains("localhost id-ecPublicKey  0"))
            let again = try await ChildProcess.run(
                "bash", ["-c", first + "-servername localhost -sess_in \(ticket)"])
            #expect(
                again.output.contains("id-ecPublicKey  1") || again.output.contains("  1"),
                "\(again.output)")
            let other = try await ChildProcess.run(
                "bash", ["-c", first + "-servername secure.test -sess_in \(ticket)"])
            #expect(!other.output.contains("200 OK"), "\(other.output)")
        }
        for resumed in [[], ["--no-early-data"]] {
            let body = try await site.overQUIC("secure.test", good + ["--resume"] + resumed)
            #expect(body?.hasSuffix(" good 1") == true, "\(body ?? "")")
        }
    }

    @Test("strict-sni refuses names that no line has") func strict() async throws {
        let site = try await Site(strict: true)
        #expect(try await site.overTCP("example.test") == nil)
        #expect(try await site.overQUIC("example.test") == nil)
        #expect(try await site.overTCP("a.one.test") != nil)
        #expect(try await site.overQUIC("a.one.test") != nil)
    }

    @Test("add, del and show ssl crt-list, with settings and filters") func runtime() async throws {
        let site = try await Site()
        let folder = site.process.folder.path
        let list = "\(folder)/site.list"
        #expect(
            try await ask(site, "show ssl crt-list -n \(list)") == """
                # \(list)
                \(folder)/local.ecdsa:2
                \(folder)/local.rsa:4
                \(folder)/examp.ecdsa:5 *.one.test !plain.one.test
                \(folder)/examp.rsa:6 both.one.test
                \(folder)/examp.ecdsa:7 [verify required ca-file root.pem] secure.test
                \(folder)/examp.ecdsa:8 [alpn http/1.1 ssl-max-ver TLSv1.2] old.test


                """)
        let line = "examp.rsa [verify required ca-file root.pem] late.test"
        #expect(
            try await ask(site, "add ssl crt-list \(list) <<\n\(line)\n")
                == "Inserting certificate '\(folder)/examp.rsa' in crt-list '\(list)'..\nSuccess!\n\n")
        for over in [site.overTCP, site.overQUIC] {
            #expect(try await over("late.test", []) == nil)
            #expect(
                try await over("late.test", ["--cert", site.clients.path("good")])
                    == "example.test rsaEncryption good 0")
        }
        #expect(
            try await ask(site, "del ssl crt-list \(list) \(folder)/examp.ecdsa")
                .contains("in several entries, please specify a line number preceded by colons (5, 7, 8)!"))
        #expect(
            try await ask(site, "del ssl crt-list \(list) \(folder)/examp.ecdsa:7").contains(
                "deleted in crtlist"))
        for over in [site.overTCP, site.overQUIC] {
            #expect(try await over("secure.test", []) == "localhost id-ecPublicKey  0")
            #expect(try await over("a.one.test", []) == "example.test id-ecPublicKey  0")
        }
        // Another line names the file of the one that is gone.
        let authorities = "\(folder)/root.pem"
        #expect(
            try await ask(site, "del ssl ca-file \(authorities)")
                == "Can't remove the CA file: CA file '\(authorities)' in use, can't be deleted!\n\n")
        for certificate in ["examp.rsa:6", "examp.rsa"] {
            #expect(
                try await ask(site, "del ssl crt-list \(list) \(folder)/\(certificate)").contains("deleted in crtlist"))
        }
        #expect(
            try await ask(site, "del ssl ca-file \(authorities)") == "CA file '\(authorities)' deleted!\n\n")
        for over in [site.overTCP, site.overQUIC] {
            #expect(try await over("late.test", []) == "localhost id-ecPublicKey  0")
        }
        #expect(
            try await ask(site, "del ssl crt-list \(list) \(folder)/local.ecdsa")
                .contains("it is used as default certificate by the following frontends"))
    }

    private func ask(_ site: Site, _ text: String) async throws -> String { try await site.ask(text) }
}
