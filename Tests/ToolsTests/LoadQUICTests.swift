import TestSupport
import Testing

/// What portico-load does to its QUIC connections.
@Suite struct LoadQUICTests {
    @Test func resumes() async throws {
        let (result, exit) = try await Load.result(.http3, "/?s=10", ["-n", "6", "--per-connection", "1", "--resume"])
        #expect(exit == 0 && result.completed == 6 && result.handshakes.count == 6)
        #expect(result.handshakesResumed == 5)
        #expect(result.earlyDataOffered == 0)
        let (plain, _) = try await Load.result(.http3, "/?s=10", ["-n", "4", "--per-connection", "1"])
        #expect(plain.completed == 4 && plain.handshakesResumed == 0)
    }

    /// The origin's tickets allow no early data: it is not offered, and nothing is lost.
    @Test func earlyDataIsNotForced() async throws {
        let (result, exit) = try await Load.result(
            .http3, "/?s=10", ["-n", "4", "--per-connection", "1", "--early-data"])
        #expect(exit == 0 && result.completed == 4 && result.failed == 0)
        #expect(result.handshakesResumed == 3 && result.earlyDataOffered == 0 && result.earlyDataRejected == 0)
    }

    @Test func changesKeysAndPath() async throws {
        let (result, exit) = try await Load.result(
            .http3, "/?s=300k", ["-n", "8", "-c", "1", "--key-update", "1", "--migrate", "2"])
        #expect(exit == 0 && result.completed == 8 && result.failed == 0)
        #expect(result.keyUpdates == 1)
        #expect(result.migrations == 1)
        #expect(result.connectionsReopened == 0 && result.handshakes.count == 1)
        #expect(result.bytesReceived == 8 * 300 << 10)
    }

    @Test(
        arguments: [
            (["--http1", "--resume"], "need --http3"), (["--http2", "--migrate", "1"], "need --http3"),
            (["--http3", "--early-data", "--body", "5"], "it may be replayed"),
            (["--http3", "--early-data", "-X", "PUT"], "it may be replayed"),
            (["--http3", "--key-update", "0"], "takes 1 or more"),
        ])
    func refused(options: [String], words: String) async throws {
        let run = try await Load.run(options + ["--insecure", "-n", "1", "https://127.0.0.1:1/"])
        #expect(run.status != 0 && run.errors.contains(words))
    }
}
