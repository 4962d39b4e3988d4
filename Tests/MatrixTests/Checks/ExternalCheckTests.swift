import Foundation
import TestSupport
import Testing

/// `option external-check`. Arguments, environment, words and codes are HAProxy's (configuration.txt, "external-check
/// command").
@Suite("Checks by programs") struct ExternalCheckTests {
    private static func process(
        _ backend: String, script: String, global: String = "external-check", in folder: ListenerFolder
    ) async throws -> ListenerProcess {
        let path = try folder.write("check", "#!/bin/sh\n\(script)\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        return try await ListenerProcess(
            ListenerProcess.sections(
                global: "nbthread 2\n\(global)", defaults: "option log-health-checks",
                """
                backend back
                option external-check
                \(backend)
                frontend web
                bind 127.0.0.1:\(try Ports.free())
                default_backend back
                """), in: folder)
    }

    @Test("A program gets what it needs, and its exit status tells") func passes() async throws {
        let folder = try ListenerFolder()
        let process = try await Self.process(
            "external-check command FOLDER/check\nserver s1 127.0.0.1:4711 maxconn 7 check inter 200ms rise 1 fall 1",
            script: "echo \"$@\" > \(folder.path)/arguments\n/usr/bin/env | /usr/bin/sort > \(folder.path)/environment",
            in: folder)
        let line = try await process.logLine("Health check for server back/s1 succeeded")
        #expect(line.contains("reason: External check passed, code: 0, check duration: "))
        let arguments = try String(contentsOfFile: "\(folder.path)/arguments", encoding: .utf8)
        #expect(arguments == "NOT_USED NOT_USED 127.0.0.1 4711\n")
        let environment = try String(contentsOfFile: "\(folder.path)/environment", encoding: .utf8)
            .split(separator: "\n").map(String.init).filter { $0.hasPrefix("HAPROXY_") || $0.hasPrefix("HOME=") }
        #expect(
            environment == [
                "HAPROXY_PROXY_ADDR=", "HAPROXY_PROXY_ID=2", "HAPROXY_PROXY_NAME=back", "HAPROXY_PROXY_PORT=",
                "HAPROXY_SERVER_ADDR=127.0.0.1", "HAPROXY_SERVER_CURCONN=0", "HAPROXY_SERVER_ID=1",
                "HAPROXY_SERVER_MAXCONN=7", "HAPROXY_SERVER_NAME=s1", "HAPROXY_SERVER_PORT=4711",
                "HAPROXY_SERVER_PROTO=h1", "HAPROXY_SERVER_SSL=0",
            ])
    }

    @Test(
        "Statuses, signals, time and missing programs take a server down",
        arguments: [
            ("exit 3", "FOLDER/check", "External check error, code: 3"),
            ("kill -9 $$", "FOLDER/check", "External check error, code: -1"),
            ("exit 0", "FOLDER/none", "External check error, code: 255"),
            ("exec /bin/sleep 30", "FOLDER/check", "External check timeout"),
        ])
    func fails(script: String, command: String, reason: String) async throws {
        let folder = try ListenerFolder()
        let process = try await Self.process(
            "external-check command \(command)\nserver s1 127.0.0.1:1 check inter 300ms rise 1 fall 1",
            script: script, in: folder)
        let line = try await process.logLine("Health check for server back/s1 failed")
        #expect(line.contains("reason: \(reason)"), "\(line)")
    }

    @Test("A path finds it, and it may keep the environment") func path() async throws {
        let folder = try ListenerFolder()
        let process = try await Self.process(
            "external-check command check\nexternal-check path /nowhere:FOLDER:/bin:/usr/bin\n"
                + "server s1 127.0.0.1:1 check inter 200ms rise 1 fall 1",
            script: "test -n \"$HOME\" && test \"$PATH\" = /nowhere:\(folder.path):/bin:/usr/bin",
            global: "external-check preserve-env", in: folder)
        _ = try await process.logLine("External check passed, code: 0")
        // No child stays behind.
        let children = try await ChildProcess.run(
            "sh", ["-c", "ps -o stat= --ppid \(process.process.pid) | grep -c Z"])
        #expect(children.output == "0\n")
    }
}
