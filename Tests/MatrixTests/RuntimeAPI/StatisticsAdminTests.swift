import Foundation
import TestSupport
import Testing

/// `stats admin`. Outcomes are HAProxy 3.5-dev5's for the same forms.
@Suite("The statistics page: changes") struct StatisticsAdminTests {
    private static func process(_ port: Int, _ admin: String) async throws -> ListenerProcess {
        try await ListenerProcess(
            ListenerProcess.sections(
                global: "stats socket FOLDER/admin level admin",
                """
                frontend web
                bind 127.0.0.1:\(port)
                stats uri /stats
                stats show-modules
                \(admin)
                default_backend back
                backend back
                server s1 127.0.0.1:1
                server s2 127.0.0.1:1
                backend other
                server s1 127.0.0.1:1
                """), in: try ListenerFolder())
    }

    private static func post(_ form: String, _ port: Int, _ fields: String = "", path: String = "/stats") async throws
        -> String
    {
        let socket = try RawSocket(connectingTo: port)
        return await socket.blocking { socket in
            socket.send(
                "POST \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\(fields)Content-Length: \(form.utf8.count)\r\n\r\n"
            )
            // The form comes later than its head.
            usleep(20_000)
            socket.send(form)
            return String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        }
    }

    private static func states(_ process: ListenerProcess) async throws -> [String: String] {
        let socket = try RawSocket(unix: "\(process.folder.path)/admin")
        socket.send("show servers state back\n")
        let text = await socket.blocking { String(decoding: $0.receiveAll().bytes, as: UTF8.self) }
        var result: [String: String] = [:]
        for line in text.split(separator: "\n").dropFirst(2) {
            let words = line.split(separator: " ")
            result[String(words[3])] = "\(words[5])/\(words[6])"
        }
        return result
    }

    @Test func forms() async throws {
        let port = try Ports.free()
        let process = try await Self.process(port, "stats admin if { src 127.0.0.1 }")
        let table: [(form: String, outcome: String, states: [String: String])] = [
            ("s=s1&b=back&action=maint", "DONE", ["s1": "0/1", "s2": "2/0"]),
            ("s=s1&s=s2&b=back&action=ready", "DONE", ["s1": "2/0", "s2": "2/0"]),
            ("b=back&s=s2&action=drain", "DONE", ["s1": "2/0", "s2": "2/8"]),
            ("s=s2&b=back&action=ready", "DONE", ["s1": "2/0", "s2": "2/0"]),
            ("s=s1&s=nope&b=back&action=hdown", "PART", ["s1": "0/0", "s2": "2/0"]),
            ("s=s1&b=%62ack&action=hrunn", "DONE", ["s1": "2/0", "s2": "2/0"]),
            ("s=s1&b=back&action=shutdown", "DONE", ["s1": "2/0", "s2": "2/0"]),
            ("s=s1&b=back&action=dhlth", "ERRP", ["s1": "2/0", "s2": "2/0"]),
            ("s=nope&b=back&action=maint", "ERRP", ["s1": "2/0", "s2": "2/0"]),
            ("s=s1&b=nope&action=maint", "ERRP", ["s1": "2/0", "s2": "2/0"]),
            ("s=s1&b=back&action=bogus", "ERRP", ["s1": "2/0", "s2": "2/0"]),
            ("b=back&action=maint", "NONE", ["s1": "2/0", "s2": "2/0"]),
            ("s=s1&b=back&action=", "NONE", ["s1": "2/0", "s2": "2/0"]),
        ]
        for (form, outcome, states) in table {
            let answer = try await Self.post(form, port)
            #expect(answer.hasPrefix("HTTP/1.1 303 See Other\r\n"), "\(form)")
            #expect(answer.contains("location: /stats;st=\(outcome)\r\n"), "\(form): \(answer)")
            #expect(try await Self.states(process) == states, "\(form)")
        }
        #expect(
            try await Self.post("s=s1&b=back&action=ready", port, path: "/stats;up;norefresh")
                .contains("location: /stats;st=DONE;up;norefresh\r\n"))
        #expect(
            try await Self.post(String(repeating: "x", count: 20_000), port).contains("location: /stats;st=EXCD\r\n"))
        let socket = try RawSocket(connectingTo: port)
        let page = await socket.blocking { $0.exchange("/stats;st=DONE") }
        #expect(page.contains("name=\"s\" value=\"s2\""))
        #expect(page.contains("<option value=\"drain\">Set state to DRAIN</option>"))
        #expect(page.contains("The change is made."))
        #expect(page.contains("<summary>Extra modules</summary>"))
    }

    @Test func onlyAdministrators() async throws {
        let port = try Ports.free()
        let process = try await Self.process(
            port, "stats admin unless { req.hdr(x-user) -m str guest }\nstats auth ann:secret\nstats scope back")
        let ann = "Authorization: Basic \(Data("ann:secret".utf8).base64EncodedString())\r\n"
        let form = "s=s1&b=back&action=maint"
        #expect(try await Self.post(form, port).hasPrefix("HTTP/1.1 401 "))
        #expect(try await Self.post(form, port, ann + "X-User: guest\r\n").contains("location: /stats;st=DENY\r\n"))
        #expect(try await Self.states(process)["s1"] == "2/0")
        // Outside of the scope nothing is said of what is there.
        for backend in ["other", "nope"] {
            #expect(
                try await Self.post("s=s1&b=\(backend)&action=maint", port, ann).contains(
                    "location: /stats;st=DENY\r\n"))
        }
        #expect(try await Self.post(form, port, ann).contains("location: /stats;st=DONE\r\n"))
        #expect(try await Self.states(process)["s1"] == "0/1")
    }

    @Test func withoutAdminNobodyMay() async throws {
        let port = try Ports.free()
        let process = try await Self.process(port, "")
        #expect(try await Self.post("s=s1&b=back&action=maint", port).contains("location: /stats;st=DENY\r\n"))
        #expect(try await Self.states(process)["s1"] == "2/0")
        let socket = try RawSocket(connectingTo: port)
        #expect(await socket.blocking { $0.exchange("/stats") }.contains("name=\"s\"") == false)
    }
}
