import Foundation
import TestSupport
import Testing

@Suite("Threads of the process") struct ThreadTests {
    /// The runtime's thread pool looks at `/proc` from time to time, which a `chroot` seldom has: the process would end.
    @Test("no command starts a thread") func commands() async throws {
        let process = try await RuntimeProcess(global: "nbthread 2")
        let folder = "/proc/\(process.listener.process.pid)/task"
        /// The names of threads; all of ours have the program's.
        func names() throws -> Set<String> {
            var names: Set<String> = []
            for thread in try FileManager.default.contentsOfDirectory(atPath: folder) {
                let name = try? String(contentsOfFile: "\(folder)/\(thread)/comm", encoding: .utf8)
                if let name { names.insert(name.trimmingCharacters(in: .newlines)) }
            }
            return names
        }
        let commands = [
            "show info", "show info typed", "show stat", "show stat json", "show activity", "show sess",
            "show sess all",
            "show fd", "show threads", "show pools", "show errors", "show events", "show env", "show quic",
            "show backend",
            "show servers state", "show servers conn", "show cli sockets", "show map", "show acl", "show resolvers",
            "clear counters all", "set server back/s1 state maint", "set server back/s1 weight 3",
            "wait 100ms srv-removable back/s1", "add server back/s2 127.0.0.1:1", "enable server back/s2",
            "disable frontend web", "enable frontend web", "show ssl cert", "show ssl ca-file", "show profiling",
            "shutdown sessions server back/s1", "add backend more mode http", "publish backend more", "_getsocks",
        ]
        for command in commands {
            _ = try await process.ask(command)
            #expect(try names() == ["portico"], "\(command)")
        }
    }
}
