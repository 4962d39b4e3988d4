import TestSupport
import Testing

/// What exchanges cost the workers: `profiling.tasks`, `set profiling`, `show profiling`, `cpu_*` and `lat_*`.
@Suite("Profiling of exchanges") struct ProfilingTests {
    private static let rules = #"""
        http-after-response set-header x-costs "%[cpu_calls] %[cpu_ns_tot] %[cpu_ns_avg] %[lat_ns_tot] %[lat_ns_avg]"
        http-request return status 200 if { path /here }
        """#

    /// The five figures of an answer to `GET path`.
    private static func costs(_ process: RuntimeProcess, _ path: String) throws -> [Int] {
        let socket = try RawSocket(connectingTo: process.port)
        socket.send("GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let text = String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        let line = try #require(text.split(separator: "\r\n").first { $0.hasPrefix("x-costs: ") }, "\(text)")
        return line.dropFirst(9).split(separator: " ").compactMap { Int($0) }
    }

    @Test func figuresComeWithProfiling() async throws {
        let server = try ScriptedServer { connection, _, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }
        let process = try await RuntimeProcess(
            global: "profiling.tasks off lock", frontend: Self.rules, backend: "server s1 127.0.0.1:\(server.port)")
        #expect(try Self.costs(process, "/here") == [1, 0, 0, 0, 0])
        #expect(try Self.costs(process, "/server") == [2, 0, 0, 0, 0], "the request, and the response")
        #expect(try await process.ask("show profiling").hasPrefix("Per-task CPU profiling              : off "))

        #expect(try await process.ask("set profiling tasks on") == "\n")
        for (path, calls) in [("/here", 1), ("/server", 2)] {
            let costs = try Self.costs(process, path)
            try #require(costs.count == 5, "\(costs)")
            #expect(costs[0] == calls && costs[1] > 0, "\(costs)")
            // The call goes on between the two fetches.
            #expect(costs[2] >= costs[1] / calls, "\(costs)")
            #expect(costs[3] > 0 && costs[4] == costs[3] / calls, "\(costs)")
        }
        let lines = try await process.ask("show profiling").split(separator: "\n").map(String.init)
        #expect(
            lines.first == "Per-task CPU profiling              : on            # set profiling tasks {on|auto|off}")
        #expect(
            lines.dropFirst(3).first == "  function                      calls   cpu_tot   cpu_avg   lat_tot   lat_avg")
        let requests = try #require(lines.first { $0.hasPrefix("  requestReceived ") }).split(separator: " ")
        #expect(requests.count == 6 && requests[1] == "2", "\(requests)")
        #expect(lines.contains { $0.hasPrefix("  responseReceived                  1   ") }, "\(lines)")
        #expect(try await process.ask("show profiling tasks 1").split(separator: "\n").count == 3)
        #expect(try await process.ask("show profiling status").split(separator: "\n").count == 2)

        #expect(try await process.ask("set profiling tasks auto") == "\n")
        #expect(try await process.ask("show profiling status").contains(": auto-off "))
        #expect(try Self.costs(process, "/here") == [1, 0, 0, 0, 0])
        #expect(try await process.ask("show activity").contains("\navg_loop_us: "))
    }
}
