import Foundation
import TestSupport
import Testing

/// `http-request use-service prometheus-exporter`.
@Suite("Prometheus") struct PrometheusTests {
    private static func process(_ more: String = "", servers: String = "") async throws -> (ListenerProcess, Int) {
        let port = try Ports.free()
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                """
                frontend web
                bind 127.0.0.1:\(port)
                http-request use-service prometheus-exporter if { path /metrics }
                default_backend back
                backend back
                server s1 127.0.0.1:1
                server s2 127.0.0.1:1 disabled
                server "s3" 127.0.0.1:1 backup
                \(servers)
                resolvers dns
                nameserver ns1 127.0.0.1:1
                \(more)
                """), in: try ListenerFolder())
        return (process, port)
    }

    private static func get(_ path: String, _ port: Int) async throws -> String {
        let socket = try RawSocket(connectingTo: port)
        return await socket.blocking { $0.exchange(path) }
    }

    /// A scrape's metrics by their names: type, and lines.
    private static func scrape(_ path: String, _ port: Int) async throws -> [String: (type: String, lines: [String])] {
        let answer = try await get(path, port)
        let body = answer.split(separator: "\r\n\r\n", maxSplits: 1).dropFirst().first ?? ""
        var result: [String: (type: String, lines: [String])] = [:]
        for line in body.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 3)
            if words[0] == "#" {
                if words[1] == "TYPE" { result[String(words[2])] = (String(words[3]), []) }
                continue
            }
            let name = String(line.prefix { $0 != "{" && $0 != " " })
            #expect(result[name] != nil, "a line before its type: \(line)")
            result[name]?.lines.append(String(line))
        }
        return result
    }

    @Test func names() async throws {
        let (process, port) = try await Self.process()
        let answer = try await Self.get("/metrics", port)
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.contains("content-type: text/plain; version=0.0.4\r\n"))
        let metrics = try await Self.scrape("/metrics", port)
        for (name, metric) in metrics where name.hasPrefix("haproxy_") {
            #expect(HAProxyMetrics.types[name] == metric.type, "\(name)")
            #expect(!metric.lines.isEmpty, "\(name)")
        }
        // What HAProxy has and Portico does not count: zlib, caches of TLS sessions, pipes, checks that are not configured.
        let missing = Set(HAProxyMetrics.types.keys).subtracting(metrics.keys)
        #expect(missing.count < 30, "\(missing.sorted())")
        func line(_ name: String, _ start: String) -> String? { metrics[name]?.lines.first { $0.hasPrefix(start) } }
        #expect(
            line("haproxy_server_status", "haproxy_server_status{proxy=\"back\",server=\"s2\",state=\"MAINT\"}")?
                .hasSuffix(" 1") == true)
        #expect(
            line("haproxy_server_status", "haproxy_server_status{proxy=\"back\",server=\"s1\",state=\"UP\"}")?
                .hasSuffix(" 1") == true)
        #expect(metrics["haproxy_server_status"]?.lines.count == 15)
        #expect(
            metrics["haproxy_frontend_status"]?.lines == [
                "haproxy_frontend_status{proxy=\"web\",state=\"DOWN\"} 0",
                "haproxy_frontend_status{proxy=\"web\",state=\"UP\"} 1",
            ])
        #expect(
            metrics["haproxy_backend_agg_server_status"]?.lines.contains(
                "haproxy_backend_agg_server_status{proxy=\"back\",state=\"MAINT\"} 1") == true)
        #expect(
            metrics["haproxy_server_limit_sessions"]?.lines.first
                == "haproxy_server_limit_sessions{proxy=\"back\",server=\"s1\"} NaN")
        #expect(metrics["haproxy_server_active"]?.lines.last == "haproxy_server_active{proxy=\"back\",server=\"s3\"} 0")
        #expect(
            metrics["haproxy_backend_queue_time_average_seconds"]?.lines == [
                "haproxy_backend_queue_time_average_seconds{proxy=\"back\"} 0.000000"
            ])
        #expect(metrics["haproxy_frontend_http_responses_total"]?.lines.count == 6)
        #expect(
            metrics["haproxy_frontend_http_responses_total"]?.lines.first
                == "haproxy_frontend_http_responses_total{proxy=\"web\",code=\"1xx\"} 0")
        #expect(
            metrics["haproxy_process_build_info"]?.lines.first?.hasPrefix("haproxy_process_build_info{version=\"")
                == true)
        #expect(metrics["haproxy_process_nbthread"]?.lines == ["haproxy_process_nbthread 2"])
        #expect(
            metrics["haproxy_resolver_sent"]?.lines.first
                == "haproxy_resolver_sent{resolver=\"dns\",nameserver=\"ns1\"} 0")
        #expect(metrics["portico_quic_connections"]?.lines == ["portico_quic_connections 0"])
        #expect(metrics["portico_quic_dropped_datagrams_total"]?.lines.count == 6)
        #expect(
            metrics["portico_quic_handed_over_datagrams_total"]?.lines
                == ["given", "taken", "lost"].map { "portico_quic_handed_over_datagrams_total{kind=\"\($0)\"} 0" })
        #expect(
            metrics["portico_quic_overflowed_datagrams_total"]?.lines == ["portico_quic_overflowed_datagrams_total 0"])
        #expect(
            metrics["portico_quic_tokens_total"]?.lines.prefix(2) == [
                "portico_quic_tokens_total{proxy=\"web\",kind=\"retry\"} 0",
                "portico_quic_tokens_total{proxy=\"web\",kind=\"earlier\"} 0",
            ])
        #expect(
            metrics["portico_quic_migrations_total"]?.lines.first == "portico_quic_migrations_total{proxy=\"web\"} 0")
        _ = process
    }

    @Test func parameters() async throws {
        let (process, port) = try await Self.process()
        func names(_ query: String) async throws -> Set<String> {
            Set(try await Self.scrape("/metrics?\(query)", port).keys)
        }
        #expect(try await names("scope=server").allSatisfy { $0.hasPrefix("haproxy_server_") })
        #expect(
            try await names("scope=global&scope=frontend").allSatisfy {
                $0.contains("_process_") || $0.contains("_frontend_") || $0.hasPrefix("portico_")
            })
        #expect(try await names("scope=") == [])
        #expect(try await names("scope=*&scope=") == [])
        #expect(try await names("scope=&scope=resolver").count == 15)
        #expect(try await names("scope=sticktable") == [])
        #expect(
            try await names("metrics=haproxy_server_status,haproxy_frontend_status") == [
                "haproxy_server_status", "haproxy_frontend_status",
            ])
        #expect(
            try await names("metrics=-haproxy_server_status&scope=server").contains("haproxy_server_status") == false)
        #expect(try await names("scope=server&metrics=server_status") == [])
        #expect(try await Self.scrape("/metrics?no-maint", port)["haproxy_server_status"]?.lines.count == 10)
        let extra = try await names("extra-counters&scope=frontend").subtracting(names("scope=frontend"))
        #expect(extra.contains("haproxy_frontend_ssl_sess"))
        #expect(
            try await Self.get("/metrics?extra-counters", port).contains(
                "haproxy_frontend_ssl_sess{proxy=\"web\",mod=\"ssl\"} 0\n"))
        #expect(try await Self.get("/metrics?scope=foo", port).hasPrefix("HTTP/1.1 400 "))
        #expect(try await Self.get("/metrics?scope", port).hasPrefix("HTTP/1.1 400 "))
        #expect(try await Self.get("/metrics?metrics", port).hasPrefix("HTTP/1.1 400 "))
        #expect(try await Self.get("/metrics?foo", port).hasPrefix("HTTP/1.1 200 "))
        #expect(try await Self.get("/other", port).hasPrefix("HTTP/1.1 503 "))
        _ = process
    }

    @Test("A scrape of 1,000 servers comes whole, to a slow reader too, and holds up no traffic")
    func largeScrape() async throws {
        let server = try ScriptedServer { connection, _, _ in
            while connection.receive(through: "\r\n\r\n") != nil {
                guard connection.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") else { return }
            }
        }
        let (process, port) = try await Self.process(
            "backend many\nserver-template s 1000 127.0.0.1:1",
            servers: "server good 127.0.0.1:\(server.port) weight 256")
        // A slow reader: a little at a time.
        let slow = try RawSocket(connectingTo: port)
        slow.send("GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        let text = await slow.blocking { socket -> String in
            var all: [UInt8] = []
            while case .bytes(let bytes) = socket.receive(limit: 100_000) {
                all += bytes
                if all.count % 10 == 0 { usleep(1000) }
            }
            return String(decoding: all, as: UTF8.self)
        }
        #expect(text.contains("haproxy_server_status{proxy=\"many\",server=\"s1000\",state=\"UP\"} 1\n"))
        #expect(
            text.split(separator: "\n").count { $0.hasPrefix("haproxy_server_bytes_in_total{proxy=\"many\"") } == 1000)
        #expect(text.hasSuffix("\n"))
        // A client that goes in the middle leaves nothing behind.
        let gone = try RawSocket(connectingTo: port)
        gone.send("GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n")
        _ = await gone.blocking { $0.receive(limit: 1000) }
        gone.reset()
        #expect(
            try await Self.scrape("/metrics?scope=global", port)["haproxy_process_current_connections"]?.lines.count
                == 1)
        _ = process
    }
}
