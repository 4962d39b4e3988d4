import Foundation
import TestSupport
import Testing

/// Rules in the real program: what they route, refuse and change.
struct RuleTests {
    @Test func rulesRouteRefuseAndEdit() async throws {
        let one = try await OriginProcess()
        let edge = try await Edge(
            servers: ["s 127.0.0.1:\(one.port)"],
            frontend: """
                acl yes always_true
                acl no always_false
                http-request set-var(txn.word) str(hello),upper
                http-request set-header x-word "%[str(a)]-b" if yes !no
                http-request reject if no or { always_false }
                http-response set-header x-answer "100%% %[str(sure)]" unless no
                http-after-response add-header x-after 1
                """)
        let head = try await ChildProcess.run(
            "curl", ["-s", "-D", "-", "http://127.0.0.1:\(edge.port)/"]
        ).output.lowercased()
        #expect(head.contains("x-answer: 100% sure"))
        #expect(head.contains("x-after: 1"))
    }

    @Test func rejectClosesTheConnection() async throws {
        let one = try await OriginProcess()
        let edge = try await Edge(
            servers: ["s 127.0.0.1:\(one.port)"], frontend: "tcp-request connection reject if TRUE")
        let result = try await ChildProcess.run("curl", ["-s", "http://127.0.0.1:\(edge.port)/"])
        // curl: 52 is an empty reply, 56 a reset.
        #expect([52, 56].contains(result.status))
    }
}
