import Foundation
import TestSupport
import Testing

/// Maps and ACL files that rules change: the next request, and the next rule, see the change.
@Suite("set-map, del-map, add-acl, del-acl") struct PatternActionTests {
    private static let rules = """
        http-request set-map(FOLDER/m.map) %[path] %[url_param(v)] if { url_param(v) -m found }
        http-request del-map(FOLDER/m.map) %[path] if { url_param(d) -m found }
        http-request add-acl(FOLDER/a.lst) %[path] if { url_param(a) -m found }
        http-request del-acl(FOLDER/a.lst) %[path] if { url_param(x) -m found }
        http-request set-map(virt@none) a b
        http-after-response set-map(virt@seen) %[status] yes
        acl known path -f FOLDER/a.lst
        http-request set-var(txn.known) str(yes) if known
        http-request return status 200 content-type text/plain lf-string "m=%[path,map(FOLDER/m.map,none)]\
         known=%[var(txn.known)] seen=%[int(200),map(virt@seen,no)]."
        """

    @Test func changesShowAtOnce() async throws {
        let folder = try ListenerFolder()
        try folder.write("m.map", "/file from-file\n")
        try folder.write("a.lst", "/listed\n")
        let port = try Ports.free()
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                global: "nbthread 2\nstats socket FOLDER/api level admin",
                "frontend f\nbind 127.0.0.1:\(port)\n\(Self.rules)"), in: folder)
        // The expected values are HAProxy's.
        for (path, answer) in [
            ("/k", "m=none known= seen=no."), ("/file", "m=from-file known= seen=yes."),
            ("/listed", "m=none known=yes seen=yes."), ("/k?v=1", "m=1 known= seen=yes."),
            ("/k", "m=1 known= seen=yes."), ("/k?v=2", "m=2 known= seen=yes."), ("/k?d=1", "m=none known= seen=yes."),
            ("/k?a=1", "m=none known=yes seen=yes."), ("/k?a=1", "m=none known=yes seen=yes."),
            ("/k?x=1", "m=none known= seen=yes."), ("/k", "m=none known= seen=yes."),
            ("/file?v=other", "m=other known= seen=yes."),
        ] {
            let got = try RawSocket(connectingTo: port).exchange(path)
            #expect(got.hasSuffix(answer), "\(path): \(got)")
        }
        let api = try RawSocket(unix: "\(folder.path)/api")
        api.send("show map \(folder.path)/m.map\n")
        let text = String(decoding: api.receiveAll().bytes, as: UTF8.self)
        #expect(text.contains(" /file other\n") && !text.contains("/k"), "\(text)")
        #expect(edge.process.exitStatus == nil)
    }

    @Test("Many requests at once leave what the last one of each key said") func manyAtOnce() async throws {
        let port = try Ports.free()
        let edge = try await ListenerProcess(
            ListenerProcess.sections(
                "frontend f\nbind 127.0.0.1:\(port)\nhttp-request set-map(virt@m) %[path] %[url_param(v)]\n"
                    + "http-request return status 200 content-type a/b lf-string <%[path,map(virt@m)]>"),
            in: try ListenerFolder())
        await withTaskGroup(of: Void.self) { group in
            for client in 0..<8 {
                group.addTask {
                    guard let connection = try? RawSocket(connectingTo: port) else { return }
                    await connection.blocking { connection in
                        for value in 0..<50 {
                            connection.send("GET /\(client)?v=\(value) HTTP/1.1\r\nHost: a\r\n\r\n")
                            let answer = connection.receive(through: ">")
                            #expect(answer?.hasSuffix("<\(value)>") == true, "\(answer ?? "nothing")")
                        }
                    }
                }
            }
        }
        #expect(edge.process.exitStatus == nil)
    }
}
