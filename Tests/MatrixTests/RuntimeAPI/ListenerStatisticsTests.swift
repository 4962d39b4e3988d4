import Foundation
import TestSupport
import Testing

/// `option socket-stats`. Names, columns and their order are those of HAProxy 3.5-dev5 with the same configuration.
@Suite("Statistics of listening addresses") struct ListenerStatisticsTests {
    private static func process() async throws -> (RuntimeProcess, [Int]) {
        let first = try Ports.free()
        let second = try Ports.free()
        let secure = try Ports.free()
        let metrics = try Ports.free()
        let certificates = try await TestCertificates.directory()
        let process = try await RuntimeProcess(
            frontend: """
                option socket-stats
                bind 127.0.0.1:\(first),127.0.0.1:\(second) maxconn 50
                bind FOLDER/sock
                bind 127.0.0.1:\(secure) ssl crt \(certificates)
                tcp-request connection reject if { dst_port \(second) }
                http-request return status 200 content-type text/plain lf-string "%[so_id]/%[so_name]"
                """,
            rest: """
                frontend quiet
                bind 127.0.0.1:\(metrics)
                http-request use-service prometheus-exporter
                """)
        return (process, [first, second, secure, metrics])
    }

    private static func get(_ port: Int, _ path: String = "/") async throws -> String {
        let socket = try RawSocket(connectingTo: port)
        return await socket.blocking { $0.exchange(path) }
    }

    /// The lines of `show stat` as values by column.
    private static func rows(_ csv: String) -> [[String: String]] {
        let lines = csv.split(separator: "\n").map(String.init)
        let names = lines[0].dropFirst(2).split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        return lines.dropFirst().map { line in
            let values = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            return Dictionary(zip(names, values)) { first, _ in first }
        }
    }

    @Test("Each address has its own line and its own counts") func lines() async throws {
        let (process, ports) = try await Self.process()
        #expect(try await Self.get(process.port).hasSuffix("1/public"))
        #expect(try await Self.get(process.port).hasSuffix("1/public"))
        #expect(try await Self.get(ports[0]).hasSuffix("2/sock-2"))
        #expect(try await Self.get(ports[1]).isEmpty)
        let rows = Self.rows(try await process.ask("show stat"))
        let names = rows.map { "\($0["pxname"] ?? "")/\($0["svname"] ?? "")" }
        #expect(
            names == [
                "web/FRONTEND", "web/public", "web/sock-2", "web/sock-3", "web/sock-4", "web/sock-5", "back/s1",
                "back/BACKEND", "quiet/FRONTEND",
            ])
        func value(_ row: Int, _ column: String) -> String { rows[row][column] ?? "?" }
        #expect((1...5).map { value($0, "conn_tot") } == ["2", "1", "1", "0", "0"])
        #expect((1...5).map { value($0, "stot") } == ["2", "1", "0", "0", "0"])
        #expect((1...5).map { value($0, "dcon") } == ["0", "0", "1", "0", "0"])
        #expect((1...5).map { value($0, "slim") } == ["0", "50", "50", "0", "0"])
        #expect((1...5).map { value($0, "proto") } == ["tcpv4", "tcpv4", "tcpv4", "unix_stream", "tcpv4"])
        #expect((1...5).map { value($0, "sid") } == ["1", "2", "3", "4", "5"])
        #expect(
            (1...5).map { value($0, "addr") } == [
                "127.0.0.1:\(process.port)", "127.0.0.1:\(ports[0])", "127.0.0.1:\(ports[1])", "unix",
                "127.0.0.1:\(ports[2])",
            ])
        #expect((1...5).allSatisfy { value($0, "status") == "OPEN" && value($0, "type") == "3" })
        let frontend = Int(value(0, "bout")) ?? 0
        #expect((1...5).reduce(0) { $0 + (Int(value($1, "bout")) ?? 0) } == frontend)
        #expect(frontend > 0)
        // Only what a listener has.
        let filled = rows[1].filter { !$0.value.isEmpty && $0.key != "-" }.keys.sorted()
        #expect(
            filled == [
                "addr", "bin", "bout", "conn_tot", "dcon", "dreq", "dresp", "dses", "eint", "ereq", "iid", "mode",
                "pid", "proto", "pxname", "reqbin", "reqbout", "resbin", "resbout", "scur", "sid", "slim", "smax",
                "ssl_failed_handshake", "ssl_reused_sess", "ssl_sess", "status", "stot", "svname", "type", "wrew",
            ])
        // By kind and number.
        #expect(Self.rows(try await process.ask("show stat web 8 3")).map { $0["svname"] } == ["sock-3"])
        #expect(
            try await process.ask("show stat web 8 3 typed").hasPrefix("L.2.3.0.pxname.1:KNSV:str:web\n"))
        _ = try await process.ask("clear counters all")
        #expect(Self.rows(try await process.ask("show stat web 8 1")).map { $0["conn_tot"] } == ["0"])
    }

    @Test("Prometheus has HAProxy's metrics of listeners") func metrics() async throws {
        let (process, ports) = try await Self.process()
        _ = try await Self.get(process.port)
        let answer = try await Self.get(ports[3], "/?scope=listener")
        let lines = answer.split(separator: "\n").map(String.init)
        let names = lines.filter { $0.hasPrefix("# TYPE ") }.map { String($0.dropFirst(7)) }
        #expect(
            names == [
                "haproxy_listener_current_sessions gauge", "haproxy_listener_max_sessions gauge",
                "haproxy_listener_limit_sessions gauge", "haproxy_listener_sessions_total counter",
                "haproxy_listener_bytes_in_total counter", "haproxy_listener_bytes_out_total counter",
                "haproxy_listener_requests_denied_total counter", "haproxy_listener_responses_denied_total counter",
                "haproxy_listener_request_errors_total counter", "haproxy_listener_status gauge",
                "haproxy_listener_connections_total counter", "haproxy_listener_denied_connections_total counter",
                "haproxy_listener_denied_sessions_total counter",
                "haproxy_listener_failed_header_rewriting_total counter",
                "haproxy_listener_internal_errors_total counter", "haproxy_listener_req_bytes_in_total counter",
                "haproxy_listener_req_bytes_out_total counter", "haproxy_listener_res_bytes_in_total counter",
                "haproxy_listener_res_bytes_out_total counter",
            ])
        #expect(lines.contains("haproxy_listener_sessions_total{proxy=\"web\",listener=\"public\"} 1"))
        let states = lines.filter { $0.hasPrefix("haproxy_listener_status{proxy=\"web\",listener=\"sock-2\"") }
        #expect(
            states == [
                "haproxy_listener_status{proxy=\"web\",listener=\"sock-2\",state=\"WAITING\"} 0",
                "haproxy_listener_status{proxy=\"web\",listener=\"sock-2\",state=\"OPEN\"} 1",
                "haproxy_listener_status{proxy=\"web\",listener=\"sock-2\",state=\"FULL\"} 0",
            ])
        #expect(!answer.contains("proxy=\"quiet\""))
        #expect(
            try await Self.get(ports[3], "/?scope=listener&extra-counters").contains(
                "haproxy_listener_ssl_sess{proxy=\"web\",listener=\"sock-5\",mod=\"ssl\"} 0\n"))
    }
}
