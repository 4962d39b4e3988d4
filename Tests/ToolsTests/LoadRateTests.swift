import Foundation
import Testing

/// portico-load at a set rate.
@Suite struct LoadRateTests {
    /// Exactly as many as are due: what a busy machine can not start is told.
    @Test(arguments: Way.allCases) func keepsTheRateForATime(way: Way) async throws {
        let (result, exit) = try await Load.result(
            way, "/?s=1", ["-r", "40", "-d", "1.5", "-c", "4", "-m", way.isHTTP1 ? "1" : "10"])
        #expect(exit == 0)
        #expect(result.completed + result.requestsNotStarted == 60)
        #expect(result.completed > 0)
        #expect(result.requestsPerSecond <= 41)
    }

    @Test(arguments: Way.allCases) func keepsTheRateForACount(way: Way) async throws {
        let (result, exit) = try await Load.result(
            way, "/?s=1", ["-r", "100", "-n", "100", "-c", "4", "-m", way.isHTTP1 ? "1" : "10"])
        #expect(exit == 0)
        #expect(result.completed == 100)
        // The last of them is due 0.99 s after the first.
        #expect(result.seconds >= 0.99)
        #expect(result.seconds < 10)
    }

    @Test func workersShareTheRate() async throws {
        let (result, exit) = try await Load.result(
            .http2, "/?s=1", ["-r", "100", "-n", "101", "-c", "4", "--workers", "2"])
        #expect(exit == 0)
        #expect(result.completed == 101)
        #expect(result.seconds >= 0.98)
    }

    /// One connection of a server that takes 50 ms: of 100 requests a second it gets 20. Those that wait for their turn
    /// are late, and their latency says so.
    @Test func latencyCountsFromTheDueTime() async throws {
        let (result, exit) = try await Load.result(.http1, "/?s=1&t=50", ["-r", "100", "-d", "1.5"])
        #expect(exit == 0)
        #expect(result.completed <= 40)
        #expect(result.requestsNotStarted + result.completed == 150)
        #expect(result.latency.max >= 1)
        #expect(result.latency.min >= 0.02)
    }
}
