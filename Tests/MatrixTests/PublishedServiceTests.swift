import Foundation
import TestSupport
import Testing

/// More files of our own with the statements of published ones: a port that two protocols share, and a cluster of data
/// stores with a second zone. The expected values are what HAProxy 3.5-dev5 made of the same requests.
@Suite("Statements of published services") struct PublishedServiceTests {
    /// Web and another protocol behind one port, told apart by the first bytes, as people put a VPN beside their site.
    @Test func onePortForTwoProtocols() async throws {
        let ports = try (0..<3).map { _ in try Ports.free() }
        let certificate = try await TestCertificates.file("localhost", "rsa")
        let edge = try await ListenerProcess(
            """
            global
                log stdout format raw local0
                nbthread 1
            defaults
                timeout connect 10s
                timeout client  30s
                timeout server  30s
                log     global
                mode    http
                maxconn 3000
            frontend https
                mode            tcp
                bind            127.0.0.1:\(ports[0])
                tcp-request     inspect-delay 5s
                tcp-request content accept if { req.ssl_hello_type 1 }
                use_backend bk-web if { req.ssl_hello_type 1 }
                default_backend bk-other
            backend bk-web
                mode            tcp
                server          default 127.0.0.1:\(ports[1])
            backend bk-other
                mode            tcp
                server          default 127.0.0.1:\(ports[2])
            frontend web
                bind 127.0.0.1:\(ports[1]) ssl crt \(certificate)
                http-request return status 200 content-type text/plain string web
            frontend other
                bind 127.0.0.1:\(ports[2])
                http-request return status 200 content-type text/plain string other

            """, in: ListenerFolder())
        for (scheme, answer) in [("https", "web"), ("http", "other")] {
            let started = Date()
            let result = try await ChildProcess.run("curl", ["-sk", "\(scheme)://localhost:\(ports[0])/"])
            #expect(result.output == answer)
            // Bytes that are no hello decide at once: nobody waits for the delay to end.
            #expect(Date().timeIntervalSince(started) < 4)
        }
        #expect(edge.process.exitStatus == nil)
    }

    /// Data stores of two zones, as a telephone system's documents have them: all of the second zone when the first is
    /// gone.
    @Test func aClusterWithASecondZone() async throws {
        let ports = try (0..<6).map { _ in try Ports.free() }
        let edge = try await ListenerProcess(
            """
            global
                nbthread 1
                maxconn 4096
            defaults
                mode http
                option httplog
                option dontlognull
                option log-health-checks
                option redispatch
                option httpchk GET /
                option allbackups
                option http-server-close
                maxconn 2000
                retries 3
                timeout connect 6000ms
                timeout client 12000ms
                timeout server 12000ms
            listen data
                bind 127.0.0.1:\(ports[0])
                balance roundrobin
                server db1.zone1.example.com 127.0.0.1:\(ports[1]) check inter 100 fall 1
                server db2.zone1.example.com 127.0.0.1:\(ports[2]) check inter 100 fall 1
                server db3.zone2.example.com 127.0.0.1:\(ports[3]) check backup
                server db4.zone2.example.com 127.0.0.1:\(ports[4]) check backup
            listen statistics
                bind 127.0.0.1:\(ports[5])
                mode http
                stats uri /
            frontend three
                bind 127.0.0.1:\(ports[3])
                http-request return status 200 content-type text/plain string three
            frontend four
                bind 127.0.0.1:\(ports[4])
                http-request return status 200 content-type text/plain string four

            """, in: ListenerFolder())
        try await eventually("the first zone is gone") {
            let page = try? RawSocket(connectingTo: ports[5]).exchange("/;csv")
            let rows = page?.split(separator: "\n").filter { $0.hasPrefix("data,db") } ?? []
            return rows.filter { $0.contains(",DOWN,") }.count == 2 && rows.filter { $0.contains(",UP") }.count == 2
        }
        var answers: [String] = []
        for _ in 0..<4 {
            let answer = try RawSocket(connectingTo: ports[0]).exchange("/")
            #expect(answer.hasPrefix("HTTP/1.1 200 "), "\(answer)")
            answers.append(String(answer.split(separator: "\r\n").last ?? ""))
        }
        #expect(answers.filter { $0 == "three" }.count == 2)
        #expect(answers.filter { $0 == "four" }.count == 2)
        #expect(answers[0] != answers[1] && answers[0] == answers[2])
        #expect(edge.process.exitStatus == nil)
    }
}
