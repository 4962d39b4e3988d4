import Foundation
import TestSupport
import Testing

/// Files of our own with the statements that published ones of well-known projects have. The expected values are what
/// HAProxy 3.5-dev5 made of the same requests.
@Suite("Statements of published files") struct PublishedFileTests {
    /// A guard before a daemon's API, as docker-socket-proxy has it: rules by path that the environment turns on and off.
    @Test func aGuardBeforeADaemon() async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let port = try Ports.free()
        let edge = try await ListenerProcess(
            #"""
            global
                nbthread 1
                log stdout format raw daemon "${LOG_LEVEL}"
                server-state-file FOLDER/none
            defaults
                mode http
                log global
                option httplog
                option dontlognull
                option http-server-close
                option redispatch
                retries 3
                timeout http-request 10s
                timeout connect 10s
                timeout client 10s
                timeout server 10s
                timeout check 10s
                load-server-state-from-file global
            backend daemon
                server socket $DAEMON
            backend daemon-events
                server socket $DAEMON
                timeout server 0
            frontend guard
                bind 127.0.0.1:\#(port)
                http-request deny unless METH_GET || { env(WRITES) -m bool }
                http-request allow if { path,url_dec -m reg -i ^(/v[\d\.]+)?/things/[a-zA-Z0-9_.-]+/((stop)|(kill)) } { env(STOPS) -m bool }
                http-request allow if { path,url_dec -m reg -i ^(/v[\d\.]+)?/things } { env(LISTS) -m bool }
                http-request allow if { path,url_dec -m reg -i ^(/v[\d\.]+)?/_ping } { env(PING) -m bool }
                http-request allow if { path,url_dec -m reg -i ^(/v[\d\.]+)?/events } { env(EVENTS) -m bool }
                http-request deny
                default_backend daemon
                use_backend daemon-events if { path,url_dec -m reg -i ^(/v[\d\.]+)?/events }

            """#, in: ListenerFolder(),
            wrapper: [
                "env", "DAEMON=127.0.0.1:\(server.port)", "WRITES=0", "PING=1", "LISTS=1", "STOPS=0", "EVENTS=1",
                "LOG_LEVEL=info",
            ])
        let rows = [
            ("/", 403, ""), ("/_ping", 200, "daemon/socket"), ("/v1.41/_ping", 200, "daemon/socket"),
            ("/v1.41/things/json", 200, "daemon/socket"), ("/images", 403, ""),
            ("/events", 200, "daemon-events/socket"),
            ("/EVENTS", 200, "daemon-events/socket"), ("/%65vents", 200, "daemon-events/socket"), ("/info", 403, ""),
        ]
        for (path, status, place) in rows {
            let answer = try RawSocket(connectingTo: port).exchange(path)
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(path): \(answer)")
            guard !place.isEmpty else { continue }
            let process = edge.process
            try await eventually("the line of \(path)") {
                process.output.split(separator: "\n").contains {
                    $0.contains(" \(place) ") && $0.contains("GET \(path) ")
                }
            }
        }
        let socket = try RawSocket(connectingTo: port)
        socket.send("POST /things/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        #expect(String(decoding: socket.receiveAll().bytes, as: UTF8.self).hasPrefix("HTTP/1.1 403 "))
    }

    /// A home server behind TLS, as Matrix's documents have it: a host and paths choose the backend.
    @Test func aHomeServerBehindTLS() async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let port = try Ports.free()
        let certificates = try await TestCertificates.directory()
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                global: "nbthread 1",
                """
                frontend https
                bind 127.0.0.1:\(port) ssl crt \(certificates) alpn h2,http/1.1
                http-request set-header X-Forwarded-Proto https if { ssl_fc }
                http-request set-header X-Forwarded-Proto http if !{ ssl_fc }
                http-request set-header X-Forwarded-For %[src]
                acl home-host hdr(host) -i home.example.com
                acl home-path path_beg /_home
                acl home-path path_beg /_client/api
                use_backend home if home-host home-path
                backend home
                server home 127.0.0.1:\(server.port)
                """), in: ListenerFolder())
        let rows = [
            ("/_home/x", "home.example.com", "200"), ("/_client/api", "HOME.example.com", "200"),
            ("/_home/%41%2f", "home.example.com", "200"), ("/other", "home.example.com", "503"),
            ("/_home/x", "home.example.com:\(port)", "503"), ("/_home/x", "other.example.com", "503"),
        ]
        for (path, host, status) in rows {
            let result = try await ChildProcess.run(
                "curl",
                [
                    "-sk", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: \(host)", "-H",
                    "X-Forwarded-For: 6.6.6.6",
                    "https://127.0.0.1:\(port)\(path)",
                ])
            #expect(result.output == status, "\(host)\(path)")
        }
        let seen = server.received.joined()
        #expect(seen.contains("GET /_home/%41%2f HTTP/1.1\r\n"))
        #expect(seen.contains("x-forwarded-proto: https\r\n") && seen.contains("x-forwarded-for: 127.0.0.1\r\n"))
        #expect(!seen.contains("6.6.6.6"))
        #expect(edge.process.exitStatus == nil)
    }

    /// What an ingress controller starts with before it knows of any service: backends whose names requests choose, a
    /// page for probes, one for statistics and metrics, and a section that nothing uses.
    @Test func anIngressController() async throws {
        let ports = try (0..<4).map { _ in try Ports.free() }
        let edge = try await ListenerProcess(
            """
            global
              nbthread 1
              stats socket FOLDER/runtime-api.sock level admin expose-fd listeners
            defaults
              log global
              load-server-state-from-file global
            peers localinstance
               peer local 127.0.0.1:\(try Ports.free())
            frontend https
              mode http
              bind 127.0.0.1:\(ports[0]) name v4
              http-request set-var(txn.base) base
              use_backend %[var(txn.path_match),field(1,.)]
            frontend http
              mode http
              bind 127.0.0.1:\(ports[1]) name v4
              http-request set-var(txn.base) base
              use_backend %[var(txn.path_match),field(1,.)]
            frontend healthz
              bind 127.0.0.1:\(ports[2]) name v4
              mode http
              monitor-uri /healthz
              option dontlog-normal
            frontend stats
               mode http
               bind 127.0.0.1:\(ports[3])
               http-request set-var(txn.base) base
               http-request use-service prometheus-exporter if { path /metrics }
               stats enable
               stats uri /
               stats refresh 10s

            """, in: ListenerFolder())
        let rows = [
            (0, "/", 503, "503 Service Unavailable"), (1, "/x", 503, "503 Service Unavailable"),
            (2, "/healthz", 200, "<h1>200 OK</h1>"), (2, "/", 503, "503 Service Unavailable"),
            (3, "/", 200, "healthz"), (3, "/metrics", 200, "\nhaproxy_frontend_status{proxy=\"healthz\""),
        ]
        for (place, path, status, text) in rows {
            let answer = try RawSocket(connectingTo: ports[place]).exchange(path)
            #expect(answer.hasPrefix("HTTP/1.1 \(status) ") && answer.contains(text), "\(path): \(answer.prefix(300))")
        }
        #expect(edge.process.errors.contains("section 'peers localinstance' has no effect"))
    }
}
