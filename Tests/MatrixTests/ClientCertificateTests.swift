import Foundation
import TestSupport
import Testing

/// Certificates of clients. What the tables expect is what HAProxy 3.5-dev5 (OpenSSL 3.0; QuicTLS for QUIC) says to the
/// same clients with the same lines.
@Suite("Certificates of clients", .serialized) struct ClientCertificateTests {
    /// Ways to ask for them; `CC` stands for the folder.
    private static let demands = [
        "any": "verify optional ca-file CC/authorities.pem crl-file CC/lists.pem crt-ignore-err all ca-ignore-err all",
        "strict": "verify required ca-file CC/authorities.pem crl-file CC/lists.pem",
        "parted": "verify required ca-file CC/issuer.pem ca-verify-file CC/root.pem",
        "rootless": "verify required ca-file CC/issuer.pem",
        "named": "verify optional ca-file CC/root.pem no-ca-names crt-ignore-err X509_V_ERR_CERT_HAS_EXPIRED,23",
        "none": "verify none ca-file CC/root.pem",
    ]

    private static let report =
        "used=%[ssl_c_used] has=%[ssl_fc_has_crt] verify=%[ssl_c_verify] err=%[ssl_c_err]"
        + " ca=%[ssl_c_ca_err]/%[ssl_c_ca_err_depth] resumed=%[ssl_fc_is_resumed] s=%[ssl_c_s_dn] i=%[ssl_c_i_dn]"
        + " r=%[ssl_c_r_dn] cn=%[ssl_c_s_dn(CN)] chain=%[ssl_c_chain_der,sha1,hex] der=%[ssl_c_der,sha1,hex]"
        + " alg=%[ssl_c_key_alg]/%[ssl_c_sig_alg] v=%[ssl_c_version]"

    /// A process that asks for certificates in each way, on TCP and QUIC, and tells what it knows of the client.
    private struct Site {
        let process: ListenerProcess
        let certificates: ClientCertificates
        let ports: [String: Int]

        init(_ demands: [String: String] = ClientCertificateTests.demands, rest: String = "") async throws {
            let folder = try ListenerFolder()
            certificates = try await ClientCertificates(in: folder)
            let file = try await TestCertificates.file()
            var ports: [String: Int] = [:]
            var lines = ""
            for (name, words) in demands {
                let port = try Ports.free()
                ports[name] = port
                for address in ["", "quic4@"] {
                    lines += "bind \(address)127.0.0.1:\(port) name \(name) ssl crt \(file) \(words)\n"
                }
            }
            self.ports = ports
            process = try await ListenerProcess(
                ListenerProcess.sections(
                    global: "nbthread 2\nstats socket CC/admin mode 600 level admin",
                    """
                    frontend web
                    \(lines)
                    http-request return status 200 content-type text/plain lf-string "\(ClientCertificateTests.report)"
                    \(rest.replacing("STRICT", with: "\(ports["strict"] ?? 0)"))
                    """
                ).replacing("CC", with: folder.path), in: folder)
        }

        /// What a client is told over TCP; nil: it was refused.
        func overTCP(_ demand: String, _ client: String, _ options: [String] = []) async throws -> String? {
            var arguments = ["-sk", "https://localhost:\(ports[demand] ?? 0)/"] + options
            if client != "nobody" { arguments += ["--cert", certificates.path(client)] }
            let result = try await ChildProcess.run("curl", arguments)
            return result.status == 0 ? result.output : nil
        }

        /// The same over QUIC, or the code that the connection was closed with.
        func overQUIC(
            _ demand: String, _ client: String, _ options: [String] = []
        ) async throws -> (body: String?, code: Int?) {
            let chosen = client == "nobody" ? [] : ["--cert", certificates.path(client)]
            let report = try await Aioquic.get(
                "https://localhost:\(ports[demand] ?? 0)/", ["--show-body"] + chosen + options)
            let body = report.responses?.first?.body
            return (body?.isEmpty == true ? nil : body, report.closed?.errorCode)
        }

        /// SHA-1 of the certificate in a file, in DER.
        func fingerprint(_ name: String) async throws -> String {
            let result = try await ChildProcess.run(
                "openssl", ["x509", "-in", "\(certificates.folder.path)/\(name)", "-noout", "-fingerprint", "-sha1"])
            return result.output.split(separator: "=").last?.filter { $0 != ":" && !$0.isWhitespace } ?? ""
        }
    }

    /// A way to ask, a client, and what it is told; or what it is refused with: the log's words and the QUIC error code.
    private enum Answer {
        case told(String)
        case refused(String, Int)
    }

    private static let untrusted = "SSL client certificate not trusted"
    private static let unknown = "SSL client CA chain cannot be verified"
    private static let nobody = "used=0 has=0 verify=0 err=0 ca=0/0 resumed=0 s= i= r= cn="

    private static func told(_ name: String, _ error: Int) -> Answer {
        .told(
            "used=1 has=1 verify=\(error) err=\(error) ca=0/0 resumed=0 s=/O=Portico/CN=\(name)"
                + " i=/O=Portico/CN=Issuer r=/O=Portico/CN=Root cn=\(name)")
    }

    private static let answers: [(String, String, Answer)] = [
        ("any", "nobody", .told(nobody)), ("any", "good", told("good", 0)), ("any", "expired", told("expired", 10)),
        ("any", "revoked", told("revoked", 23)),
        (
            "any", "stranger",
            .told(
                "used=1 has=1 verify=3 err=18 ca=0/0 resumed=0 s=/O=Portico/CN=stranger i=/O=Portico/CN=stranger"
                    + " r=/O=Portico/CN=stranger cn=stranger")
        ),
        ("strict", "nobody", .refused("SSL handshake failure (", 372)), ("strict", "good", told("good", 0)),
        ("strict", "expired", .refused(untrusted, 301)), ("strict", "revoked", .refused(untrusted, 300)),
        ("strict", "stranger", .refused(untrusted, 304)),
        ("parted", "good", told("good", 0)), ("parted", "expired", .refused(untrusted, 301)),
        ("parted", "revoked", told("revoked", 0)), ("parted", "stranger", .refused(untrusted, 304)),
        ("rootless", "nobody", .refused("SSL handshake failure (", 372)),
        ("rootless", "good", .refused(unknown, 304)), ("rootless", "expired", .refused(unknown, 304)),
        ("rootless", "stranger", .refused(untrusted, 304)),
        ("named", "nobody", .told(nobody)), ("named", "good", told("good", 0)),
        ("named", "expired", told("expired", 10)), ("named", "revoked", told("revoked", 0)),
        ("named", "stranger", .refused(untrusted, 304)), ("none", "good", .told(nobody)),
    ]

    @Test("What rules and logs know of a client is the same on TCP and QUIC, and HAProxy's") func values() async throws
    {
        let site = try await Site()
        let issuer = try await site.fingerprint("issuer.pem")
        for (demand, client, answer) in Self.answers {
            let tcp = try await site.overTCP(demand, client)
            let quic = try await site.overQUIC(demand, client)
            switch answer {
            case .told(let text):
                var whole = text
                if text != Self.nobody {
                    let chain = client == "stranger" ? "" : issuer
                    whole += " chain=\(chain) der=\(try await site.fingerprint("\(client).crt"))"
                    whole += " alg=id-ecPublicKey/ecdsa-with-SHA256 v=3"
                } else {
                    whole += " chain= der= alg=/ v="
                }
                #expect(tcp == whole, "\(client) at \(demand) over TCP")
                #expect(quic.body == whole, "\(client) at \(demand) over QUIC")
            case .refused(let words, let code):
                #expect(tcp == nil, "\(client) at \(demand) over TCP")
                #expect(quic.body == nil && quic.code == code, "\(client) at \(demand) over QUIC: \(quic)")
                // One line for each transport.
                let line = "web/\(demand): \(words)"
                try await eventually("two lines '\(line)' in \(site.process.log)") {
                    site.process.log.count { $0.contains(line) } >= 2
                }
            }
        }
    }

    @Test("The names of ca-file's authorities are told, those of ca-verify-file and with no-ca-names are not")
    func names() async throws {
        let site = try await Site()
        for (demand, isTold) in [("strict", true), ("parted", false), ("named", false)] {
            let result = try await ChildProcess.run(
                "openssl", ["s_client", "-connect", "127.0.0.1:\(site.ports[demand] ?? 0)"])
            #expect(result.output.contains("CN = Root") == isTold, "\(demand): \(result.output)")
            #expect(result.output.contains("CN = Issuer") == (demand != "named"), "\(demand): \(result.output)")
        }
    }

    /// HAProxy: a resumed session has the certificate, and what verifying it gave; nothing is verified again.
    @Test("A resumed session remembers the certificate; another listener does not take it") func resumption()
        async throws
    {
        let site = try await Site()
        func connect(_ demand: String, _ version: String, _ options: [String]) async throws -> String {
            let port = site.ports[demand] ?? 0
            let request = "GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n"
            let command =
                "printf '\(request)' | timeout 5 openssl s_client -quiet -ign_eof \(version)"
                + " -connect 127.0.0.1:\(port) " + options.joined(separator: " ")
            return try await ChildProcess.run("bash", ["-c", command]).output
        }
        for version in ["-tls1_2", "-tls1_3"] {
            for client in ["good", "expired"] {
                let ticket = "\(site.certificates.folder.path)/\(client)\(version)"
                let error = client == "good" ? 0 : 10
                let file = site.certificates.path(client)
                let first = try await connect(
                    "any", version, ["-cert", file, "-key", file, "-sess_out", ticket])
                #expect(first.contains("used=1 has=1 verify=\(error) err=\(error) ca=0/0 resumed=0"), "\(first)")
                let second = try await connect("any", version, ["-sess_in", ticket])
                #expect(second.contains("used=1 has=0 verify=\(error) err=0 ca=0/0 resumed=1"), "\(second)")
                #expect(second.contains(" cn=\(client) chain= der="), "\(second)")
                // The demands are others: a full handshake, in which nobody shows a certificate.
                #expect(try await connect("strict", version, ["-sess_in", ticket]).contains("used=1") == false)
                #expect(try await connect("none", version, ["-sess_in", ticket]).contains("used=0 has=0 verify=0"))
            }
        }
        for client in ["good", "expired"] {
            let error = client == "good" ? 0 : 10
            for early in [[], ["--no-early-data"]] {
                let report = try await site.overQUIC("any", client, ["--resume"] + early)
                let body = report.body ?? ""
                #expect(body.contains("used=1 has=0 verify=\(error) err=0 ca=0/0 resumed=1"), "\(body)")
                #expect(body.contains(" cn=\(client) chain= der="), "\(body)")
            }
        }
    }

    @Test("commit ssl ca-file and crl-file change whom listeners trust, on TCP and QUIC") func updates() async throws {
        let site = try await Site()
        func ask(_ text: String) async throws -> String {
            let socket = try RawSocket(unix: "\(site.certificates.folder.path)/admin")
            return await socket.blocking { socket in
                socket.send(text + "\n")
                return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
            }
        }
        func replace(_ kind: String, _ name: String, with other: String) async throws {
            let path = site.certificates.path(name)
            let text = try String(contentsOfFile: site.certificates.path(other), encoding: .utf8)
            let word = kind == "ca-file" ? "CA" : "CRL"
            #expect(
                try await ask("set ssl \(kind) \(path) <<\n\(text)\n") == "transaction created for \(word) \(path)!\n\n"
            )
            #expect(try await ask("commit ssl \(kind) \(path)").contains("Success!"))
        }
        func isTaken(_ client: String) async throws -> [Bool] {
            [try await site.overTCP("strict", client) != nil, try await site.overQUIC("strict", client).body != nil]
        }
        #expect(try await isTaken("good") == [true, true])
        #expect(try await isTaken("revoked") == [false, false])
        try await replace("crl-file", "lists", with: "empty")
        #expect(try await isTaken("revoked") == [true, true])
        let shown = try await ask("show ssl crl-file \(site.certificates.path("lists")):2")
        #expect(shown.contains("Status: Used\n \nCertificate Revocation List #2:\nVersion "), "\(shown)")
        #expect(
            shown.contains("Issuer: /O=Portico/CN=Issuer\n") && shown.contains("No Revoked Certificates."), "\(shown)")
        try await replace("ca-file", "authorities", with: "stranger")
        #expect(try await isTaken("good") == [false, false])
        #expect(try await ask("show ssl ca-file").contains("authorities.pem - 1 certificate(s)\n"))
    }

    @Test("Servers over QUIC and TCP are shown our certificate") func servers() async throws {
        let ports = [try Ports.free(), try Ports.free()]
        let site = try await Site(
            rest: zip(ports, ["", "quic4@"]).map { port, transport in
                """
                listen to\(port)
                bind 127.0.0.1:\(port)
                server s1 \(transport)127.0.0.1:STRICT ssl verify none crt CC/good.pem
                """
            }.joined(separator: "\n"))
        for port in ports {
            let answer = try await ChildProcess.run("curl", ["-s", "http://127.0.0.1:\(port)/"]).output
            #expect(answer.contains("used=1 has=1 verify=0 err=0") && answer.contains("cn=good"), "\(answer)")
        }
        #expect(site.process.process.exitStatus == nil)
    }

    @Test("PROXY headers tell of the client's certificate") func proxyHeaders() async throws {
        let inner = try Ports.free()
        let file = try await TestCertificates.file()
        let folder = try ListenerFolder()
        let certificates = try await ClientCertificates(in: folder)
        let ports = [try Ports.free(), try Ports.free()]
        let options = ["send-proxy-v2-ssl-cn", "send-proxy-v2 proxy-v2-options cert-key,cert-sig,cert-cn"]
        var sections = ""
        for (port, words) in zip(ports, options) {
            sections += """
                listen l\(port)
                bind 127.0.0.1:\(port) ssl crt \(file) verify optional ca-file FOLDER/root.pem crt-ignore-err all
                server s1 127.0.0.1:\(inner) \(words)

                """
        }
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                """
                \(sections)
                frontend inside
                bind 127.0.0.1:\(inner) accept-proxy
                http-request return status 200 content-type text/plain lf-string "%[fc_pp_tlv(0x20),hex]"
                """), in: folder)
        func value(_ port: Int, _ client: String?) async throws -> String {
            var arguments = ["-sk", "--tlsv1.3", "https://localhost:\(port)/"]
            if let client { arguments += ["--cert", certificates.path(client)] }
            return try await ChildProcess.run("curl", arguments).output
        }
        func hex(_ text: String) -> String { text.utf8.map { String(format: "%02X", $0) }.joined() }
        let version = "210007" + hex("TLSv1.3")
        // PP2_CLIENT_SSL, PP2_CLIENT_CERT_CONN and PP2_CLIENT_CERT_SESS, then the result of verifying.
        #expect(try await value(ports[0], nil) == "0100000000" + version)
        #expect(try await value(ports[0], "good") == "0700000000" + version + "220004" + hex("good"))
        #expect(try await value(ports[0], "expired") == "070000000A" + version + "220007" + hex("expired"))
        #expect(
            try await value(ports[1], "good") == "0700000000" + version + "220004" + hex("good") + "250005"
                + hex("EC256") + "240011" + hex("ecdsa-with-SHA256"))
        #expect(process.process.exitStatus == nil)
    }
}
