import Foundation
import TestSupport
import Testing

/// portico-load against portico-origin: what is counted is what happened.
@Suite struct LoadCountTests {
    private func streams(_ way: Way) -> Int { way.isHTTP1 ? 1 : 10 }

    @Test(arguments: Way.allCases) func exactCounts(way: Way) async throws {
        let (result, status) = try await Load.result(way, "/?s=34", ["-n", "500", "-c", "4", "-m", "\(streams(way))"])
        #expect(status == 0)
        #expect(result.requests == 500)
        #expect(result.completed == 500)
        #expect(result.failed == 0)
        #expect(result.status["2xx"] == 500)
        #expect(result.bytesReceived == 500 * 34)
        #expect(result.bytesSent == 0)
        #expect(result.latency.count == 500)
        #expect(result.latency.min > 0)
        #expect(result.latency.p50 <= result.latency.p99)
        #expect(result.latency.p99 <= result.latency.max)
        #expect(result.handshakes.count == 4)
        #expect(result.connectionsReopened == 0)
    }

    @Test(arguments: Way.allCases) func workersShareTheRequests(way: Way) async throws {
        let (result, status) = try await Load.result(
            way, "/?s=1", ["-n", "101", "-c", "3", "-m", "\(streams(way))", "--workers", "2"])
        #expect(status == 0)
        #expect(result.completed == 101)
        #expect(result.bytesReceived == 101)
    }

    /// More at once than the origin allows on one connection (100).
    @Test(arguments: [Way.http2, .http2TLS, .http3]) func moreStreamsThanAllowed(way: Way) async throws {
        let (result, status) = try await Load.result(way, "/?s=10", ["-n", "1000", "-m", "300"])
        #expect(status == 0)
        #expect(result.completed == 1000)
        #expect(result.handshakes.count == 1)
    }

    @Test(arguments: Way.allCases, ["302", "404", "503"]) func statuses(way: Way, status: String) async throws {
        let (result, exit) = try await Load.result(way, "/?r=\(status)&s=2", ["-n", "20"])
        #expect(exit == 0)
        #expect(result.status["\(status.prefix(1))xx"] == 20)
        #expect(result.status["2xx"] == 0)
        #expect(result.bytesReceived == 40)
    }

    @Test(arguments: Way.allCases) func noContent(way: Way) async throws {
        let (result, exit) = try await Load.result(way, "/healthz", ["-n", "20"])
        #expect(exit == 0)
        #expect(result.status["2xx"] == 20)
        #expect(result.bytesReceived == 0)
    }

    @Test(arguments: Way.allCases) func headRequests(way: Way) async throws {
        let (result, exit) = try await Load.result(way, "/?s=1k", ["-n", "20", "-X", "HEAD"])
        #expect(exit == 0)
        #expect(result.completed == 20)
        #expect(result.bytesReceived == 0)
    }

    @Test(arguments: Way.allCases, ["/?s=10k&k=1", "/?s=10k&T=a:b", "/?s=10k&R=1", "/?s=10k&H=x:y"])
    func bodies(way: Way, path: String) async throws {
        let (result, exit) = try await Load.result(way, path, ["-n", "20", "-m", "\(streams(way))"])
        #expect(exit == 0)
        #expect(result.completed == 20)
        #expect(result.bytesReceived == 20 * 10_240)
    }

    @Test(arguments: Way.allCases) func largeBodies(way: Way) async throws {
        let (result, exit) = try await Load.result(way, "/?s=3m", ["-n", "8", "-m", "\(way.isHTTP1 ? 1 : 4)"])
        #expect(exit == 0)
        #expect(result.bytesReceived == 8 * 3 << 20)
    }

    @Test(arguments: Way.allCases, [0, 5, 300_000]) func uploads(way: Way, size: Int) async throws {
        let (result, exit) = try await Load.result(
            way, "/", ["-n", "12", "-m", "\(way.isHTTP1 ? 1 : 3)", "--body", "\(size)"])
        #expect(exit == 0)
        #expect(result.completed == 12)
        #expect(result.bytesSent == 12 * size)
        #expect(result.bytesReceived == 12 * "portico-origin: \(size) bytes received\n".utf8.count)
    }

    @Test(arguments: Way.allCases) func latencyHasTheServersDelay(way: Way) async throws {
        let (result, exit) = try await Load.result(way, "/?s=1&t=60", ["-n", "6", "-m", "\(way.isHTTP1 ? 1 : 3)"])
        #expect(exit == 0)
        // The origin counts from the start of its loop's turn, which a busy machine makes long.
        #expect(result.latency.min >= 0.03)
    }

    /// Each response ends its connection; with HTTP/1 the next request has a new one.
    @Test(arguments: Way.allCases) func reopensClosedConnections(way: Way) async throws {
        let (result, exit) = try await Load.result(way, "/?s=1&C=1", ["-n", "20", "-c", "2"])
        #expect(exit == 0)
        #expect(result.completed == 20)
        #expect(result.handshakes.count >= (way.isHTTP1 ? 20 : 4))
        #expect(result.connectionsReopened >= (way.isHTTP1 ? 18 : 2))
    }

    /// 20 requests with at most 5 on a connection need 4 connections at least; none of them counts as lost.
    @Test(arguments: Way.allCases) func renewsConnections(way: Way) async throws {
        let (result, exit) = try await Load.result(way, "/?s=1", ["-n", "20", "-c", "2", "--per-connection", "5"])
        #expect(exit == 0)
        #expect(result.completed == 20)
        #expect((4...6).contains(result.handshakes.count))
        #expect(result.connectionsReopened == 0)
    }

    @Test(arguments: [Way.http1, .http2, .http3]) func runsForItsTime(way: Way) async throws {
        let (result, exit) = try await Load.result(way, "/?s=1", ["-d", "0.5", "-c", "2"])
        #expect(exit == 0)
        #expect(result.seconds >= 0.5)
        #expect(result.seconds < 5)
        #expect(result.completed > 0)
        #expect(result.completed == result.requests)
    }

    @Test func fieldsAreSent() async throws {
        let origin = try await Origin.shared()
        let short = try await Load.result(["-n", "1"], url: Way.http1.url(origin, "/echo")).0
        let long = try await Load.result(
            ["-n", "1", "-H", "X-Mine: 12345", "-H", "User-Agent: q"], url: Way.http1.url(origin, "/echo")
        ).0
        // "x-mine: 12345\n", and "q" in the place of "portico-load".
        #expect(long.bytesReceived - short.bytesReceived == 14 - 11)
    }

    @Test func tableForPeople() async throws {
        let origin = try await Origin.shared()
        let file = FileManager.default.temporaryDirectory.appending(path: "portico-test-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        let run = try await Load.run(
            ["--http2", "-n", "50", "-m", "5", "--json", file.path(), Way.http2.url(origin, "/?s=7")])
        #expect(run.status == 0)
        #expect(run.errors.isEmpty)
        #expect(run.output.contains("1 connection with 5 requests at once, 1 worker, "))
        for part in ["requests     50 ", "errors       0\n", "status       2xx 50\n", "received 350 ", "p99.9 "] {
            #expect(run.output.contains(part), "\(part)")
        }
        let object = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
        #expect(object?["completed"] as? Int == 50)
        #expect(object?["url"] as? String == Way.http2.url(origin, "/?s=7"))
    }
}
