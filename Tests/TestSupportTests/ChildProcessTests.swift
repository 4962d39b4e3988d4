import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct ChildProcessTests {
    @Test func tellsHowAProgramEnded() async throws {
        let result = try await ChildProcess.run("sh", ["-c", "cat; echo no >&2; exit 3"], input: Data("yes".utf8))
        #expect(result.status == 3)
        #expect(result.output == "yes")
        #expect(result.errors == "no\n")
    }

    @Test func stopsAProgram() async throws {
        let child = try ChildProcess("sleep", ["60"])
        #expect(child.exitStatus == nil)
        #expect(try await child.stop() == 128 + SIGTERM)
    }

    @Test func killsWhatTakesTooLong() async throws {
        let child = try ChildProcess("sleep", ["60"])
        await #expect(throws: SupportError.self) { try await child.result(within: .milliseconds(50)) }
        try await eventually("its end") { child.exitStatus == 128 + SIGKILL }
    }

    @Test func killsWhatNobodyHoldsAnyMore() async throws {
        var child: ChildProcess? = try ChildProcess("sleep", ["60"])
        let pid = try #require(child?.pid)
        #expect(kill(pid, 0) == 0)
        child = nil
        try await eventually("its end") { kill(pid, 0) == -1 && errno == ESRCH }
    }

    @Test func namesAMissingProgram() {
        let error = #expect(throws: SupportError.self) { try ChildProcess("no-such-program-here") }
        #expect(error?.description.contains("no-such-program-here is not here") == true)
    }

    @Test func givesEachPortOnce() throws {
        let ports = try (0..<50).map { _ in try Ports.free() }
        #expect(Set(ports).count == 50)
    }
}
