import TestSupport
import Testing

/// HAProxy 3.5-dev5 gives the same for the same requests, but counts a connection's first SETTINGS twice.
@Suite("Runtime API: statistics of HTTP versions") struct VersionStatisticsTests {
    /// The columns of HTTP/1 and HTTP/2 that are not zero, by proxy.
    private func columns(_ process: RuntimeProcess) async throws -> [String: [String: Int]] {
        let lines = try await process.ask("show stat -1 3 -1").split(separator: "\n").map(String.init)
        let names = lines[0].dropFirst(2).split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        var result: [String: [String: Int]] = [:]
        for line in lines.dropFirst() {
            let values = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            let pairs = zip(names, values).filter { $0.0.hasPrefix("h1_") || $0.0.hasPrefix("h2_") }
            result[values[0]] = Dictionary(uniqueKeysWithValues: pairs.map { ($0.0, Int($0.1) ?? -1) }).filter {
                $0.value != 0
            }
        }
        return result
    }

    @Test("show stat counts connections, streams, frames and bytes by version") func counts() async throws {
        let ports = try (0..<4).map { _ in try Ports.free() }
        let process = try await RuntimeProcess(
            rest: """
                frontend f
                bind 127.0.0.1:\(ports[0])
                bind 127.0.0.1:\(ports[1]) proto h2
                default_backend b
                backend b
                server s 127.0.0.1:\(ports[3])
                frontend g
                bind 127.0.0.1:\(ports[2])
                default_backend c
                backend c
                server s 127.0.0.1:\(ports[1]) proto h2
                frontend o
                bind 127.0.0.1:\(ports[3])
                http-request return status 200 content-type text/plain string hello
                """)
        let one = try RawSocket(connectingTo: ports[0])
        let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        var received = 0
        for _ in 0..<2 {
            one.send(request)
            received += try #require(await one.blocking { $0.receive(through: "hello") }).utf8.count
        }
        let two = try RawSocket(connectingTo: ports[2])
        for _ in 0..<2 {
            two.send(request)
            _ = try #require(await two.blocking { $0.receive(through: "hello") })
        }
        let h2 = try await ChildProcess.run(
            "curl", ["-s", "--http2-prior-knowledge", "-d", "hello", "http://127.0.0.1:\(ports[1])/"])
        #expect(h2.output == "hello")
        let front = [
            "h1_total_connections": 1, "h1_total_streams": 2, "h1_open_connections": 1,
            "h1_bytes_in": request.utf8.count * 2, "h1_bytes_out": received,
            "h2_headers_rcvd": 3, "h2_data_rcvd": 1, "h2_settings_rcvd": 4, "h2_total_connections": 2,
            "h2_backend_total_streams": 3, "h2_open_connections": 1,
        ]
        try await eventually("curl's connection is over") { try await columns(process)["f"] == front }
        let all = try await columns(process)
        #expect(
            all["c"] == [
                "h2_headers_rcvd": 2, "h2_data_rcvd": 2, "h2_settings_rcvd": 2, "h2_total_connections": 1,
                "h2_backend_total_streams": 2, "h2_open_connections": 1,
            ])
        let (b, o) = (try #require(all["b"]), try #require(all["o"]))
        #expect(b["h1_total_streams"] == 5 && o["h1_total_streams"] == 5)
        #expect(b["h1_bytes_in"] == o["h1_bytes_out"] && b["h1_bytes_out"] == o["h1_bytes_in"])
        #expect(b["h1_total_connections"] == o["h1_total_connections"])
        #expect(all["g"]?["h1_total_streams"] == 2)
        // What is open stays open, and counts from there on.
        _ = try await process.ask("clear counters all")
        #expect(try await columns(process)["c"] == ["h2_open_connections": 1])
        two.send(request)
        _ = try #require(await two.blocking { $0.receive(through: "hello") })
        #expect(
            try await columns(process)["c"] == [
                "h2_headers_rcvd": 1, "h2_data_rcvd": 1, "h2_backend_total_streams": 1, "h2_open_connections": 1,
            ])
    }
}
