import Foundation
import TestSupport
import Testing

/// `stats-file`, `guid`, `guid-prefix`. What is taken and what is passed over is as in HAProxy 3.5-dev5.
@Suite("Statistics of an earlier process") struct StatisticsFileTests {
    private static let file = """
        #fe guid,stot,hrsp_2xx,

        // comment
        g-fe,1024,7,
        g-fe,abc,
        g-l-0,5,
        g-quiet-0,1024,
        g-unknown,1024,
        g-be,1024
        #inval guid,other,
        g-foo,0,0,
        #be guid,unknown,stot,
        g-be,512,1024,
        g-srv,512,1024,
        """

    private static func value(_ column: String, _ kind: String, _ text: String) -> String? {
        text.split(separator: "\n").first { $0.hasPrefix("\(kind).") && $0.contains(".\(column).1:") }
            .map { String($0.split(separator: ":").last ?? "") }
    }

    @Test("Counters go on where an earlier process was") func goesOn() async throws {
        let folder = try ListenerFolder()
        try folder.write("stats", Self.file)
        let quiet = try Ports.free()
        let process = try await RuntimeProcess(
            global: "stats-file FOLDER/stats",
            frontend: """
                guid g-fe
                option socket-stats
                bind 127.0.0.1:\(try Ports.free()) guid-prefix g-l
                http-request return status 200
                """,
            backend: "guid g-be\nserver s1 127.0.0.1:1 guid g-srv",
            rest: "frontend quiet\nguid g-quiet\nbind 127.0.0.1:\(quiet) guid-prefix g-quiet", folder: folder)
        let socket = try RawSocket(connectingTo: process.port)
        _ = await socket.blocking { $0.exchange("/") }
        let front = try await process.ask("show stat web 15 -1 typed")
        #expect(Self.value("stot", "F", front) == "1025")
        #expect(Self.value("hrsp_2xx", "F", front) == "8")
        #expect(front.contains("L.2.2.7.stot.1:MCPP:u64:5\n"))
        let back = try await process.ask("show stat back 15 -1 typed")
        #expect(Self.value("stot", "B", back) == "1024")
        #expect(Self.value("stot", "S", back) == "1024")
        // What comes out goes in again.
        let dump = try await process.ask("dump stats-file")
        #expect(dump.contains("\ng-fe,1025,"))
        #expect(dump.contains("\ng-l-0,5,"))
        #expect(dump.contains("\ng-srv,1024,"))
        _ = try await process.ask("clear counters all")
        #expect(Self.value("stot", "B", try await process.ask("show stat back 15 -1 typed")) == "0")
    }

    @Test("A file of something else is passed over with a warning") func garbage() async throws {
        let folder = try ListenerFolder()
        try folder.write("stats", "what is this\n1,2,3\n")
        let process = try await RuntimeProcess(global: "stats-file FOLDER/stats", folder: folder)
        #expect(process.listener.process.errors.contains("Invalid stats-file format in file '\(folder.path)/stats'."))
        let missing = try await RuntimeProcess(global: "stats-file FOLDER/none")
        #expect(missing.listener.process.errors.contains("Can't load stats-file '"))
    }
}
