import Foundation
import TestSupport
import Testing

/// Expected texts are what HAProxy 3.5-dev5 answers to the same commands, entries' names aside.
@Suite("Runtime API: maps and ACLs") struct PatternCommandTests {
    private static let unknownMap = "Unknown map identifier. Please use #<id> or <file>.\n\n"
    private static let unknownACL = "Unknown ACL identifier. Please use #<id> or <file>.\n\n"

    /// A process with lists of several methods. Each ACL's files are numbered before its own list: `#0`, `#2`, `#4` and
    /// `#6` are files.
    private func start() async throws -> RuntimeProcess {
        let folder = try ListenerFolder()
        _ = try folder.write("str.map", "# hosts\nkey one\nkey two\n  Key three  \n\n")
        _ = try folder.write("int.map", "200:299 ok\n1- many\n")
        _ = try folder.write("ip.acl", "10.0.0.0/8\n192.168.1.0/255.0.255.0\n")
        _ = try folder.write("beg.acl", "/img/\n/static/\n")
        return try await RuntimeProcess(
            frontend: """
                acl hosts str(key) -m str -M -f \(folder.path)/str.map
                acl codes int(250) -m int -M -f \(folder.path)/int.map
                acl nets str(10.1.1.1) -m ip -f \(folder.path)/ip.acl
                acl paths str(/img/x) -m beg -i -f file@\(folder.path)/beg.acl
                acl empty str(x) -m str -f virt@empty
                acl none str(x) -m str -f opt@\(folder.path)/missing.acl
                acl own str(/a/b) -m dir b
                http-request set-var(txn.x) str(x) if hosts codes nets paths empty none own
                """, folder: folder)
    }

    /// The answer with every entry's name as `0x`.
    private func ask(_ process: RuntimeProcess, _ text: String) async throws -> String {
        try await process.ask(text).replacing(#/0x[0-9a-f]+/#, with: "0x")
    }

    @Test("lists are looked at as in HAProxy") func looking() async throws {
        let process = try await start()
        let folder = process.listener.folder.path
        let config = "\(folder)/edge.cfg"
        let lists = try await process.ask("show map")
        #expect(
            lists.hasPrefix("# id (file) description\n0 (\(process.folder.path)/str.map) pattern loaded from file "))
        #expect(lists.contains("used by map at file '\(config)' line "))
        #expect(lists.contains(". curr_ver=0 next_ver=0 entry_cnt=3\n"))
        let acls = try await process.ask("show acl")
        #expect(acls.contains(") acl 'str' file '\(config)' line "))
        #expect(
            acls.contains("(virt@empty) pattern loaded from file 'virt@empty' used by acl at file '\(config)' line "))
        let strings = "\(process.folder.path)/str.map"
        let table: [(String, String)] = [
            ("show map \(strings)", "0x key one\n0x key two\n0x Key three\n\n"),
            ("show map file@\(strings)", "0x key one\n0x key two\n0x Key three\n\n"),
            ("show map @0 \(strings)", "0x key one\n0x key two\n0x Key three\n\n"), ("show map @7 #0", "\n"),
            ("show acl \(process.folder.path)/beg.acl", "0x /img/\n0x /static/\n\n"), ("show acl virt@empty", "\n"),
            ("show acl \(process.folder.path)/missing.acl", "\n"), ("show map nope", Self.unknownMap),
            ("show acl nope", Self.unknownACL), ("show map #77", Self.unknownMap),
            ("show map #x", Self.unknownMap), ("show map \(process.folder.path)/beg.acl", Self.unknownMap),
            (
                "get acl \(strings) key",
                #"type=str, case=sensitive, match=yes, idx=tree, pattern="key""# + "\n\n"
            ),
            ("get map #0 no", "type=str, case=sensitive, found=no\n\n"),
            (
                "get map #0 key",
                #"type=str, case=sensitive, found=yes, idx=tree, key="key", value=none"# + "\n\n"
            ),
            (
                "get map #2 2x",
                #"type=int, case=sensitive, found=yes, idx=list, key="1-", value=none"# + "\n\n"
            ),
            ("get map #2 abc", "type=int, case=sensitive, found=no\n\n"),
            (
                "get acl #4 10.1.1.1", #"type=ip, case=sensitive, match=yes, idx=tree, pattern="10.0.0.0/8""# + "\n\n"
            ),
            (
                "get acl #4 192.7.1.9",
                #"type=ip, case=sensitive, match=yes, idx=list, pattern="192.168.1.0/255.0.255.0""# + "\n\n"
            ),
            ("get acl #4 xx", "type=ip, case=sensitive, match=no\n\n"),
            (
                "get acl #6 /IMG/x",
                #"type=beg, case=insensitive, match=yes, idx=list, pattern="/img/""# + "\n\n"
            ),
            ("get map #0", "Missing map identifier and/or key.\n\n"),
            ("get acl", "Missing ACL identifier and/or key.\n\n"),
            ("get map nope x", Self.unknownMap), ("get acl nope x", Self.unknownACL),
        ]
        for (command, answer) in table { #expect(try await ask(process, command) == answer, "for: \(command)") }
        for command in [
            "show map", "get map #0 key", "add map #0 a b", "clear acl #4", "del map #0 a", "prepare map #0",
        ] {
            #expect(try await process.ask(command, "user") == "Permission denied\n\n", "for: \(command)")
        }
    }

    @Test("entries change as in HAProxy") func changing() async throws {
        let process = try await start()
        let needsThree =
            "'add map' expects three parameters (map identifier, key and value) or one parameter (map identifier) and a"
            + " payload\n\n"
        let table: [(String, String)] = [
            ("add map #0", needsThree), ("add map #0 onlykey", needsThree), ("add map", needsThree),
            ("add map #0 <<\n\n", needsThree), ("add map #0 k v w x", "\n"),
            ("show map #0", "0x key one\n0x key two\n0x Key three\n0x k v\n\n"),
            ("add map nope a b", Self.unknownMap), ("add acl nope a", Self.unknownACL),
            ("add acl #4", "'add acl' expects two parameters: ACL identifier and pattern.\n\n"),
            ("add acl #4 <<\nx\n\n", "'add acl' expects two parameters: ACL identifier and pattern.\n\n"),
            (
                "add acl #0 foo",
                "This ACL is shared with a map containing samples. You must use the command 'add map' to add values.\n\n"
            ),
            ("add map @1 #0 a b", "Version number in the future, please use 'prepare map' before.\n\n"),
            ("add acl @1 #4 a b", "Version number in the future, please use 'prepare acl' before.\n\n"),
            ("add map #2 x y", "'x' is not a number.\n\n"),
            ("add map #2 5:3 y", "'5:3' is not a valid number range.\n\n"),
            ("add acl #4 1.2.3.4/33", "'1.2.3.4/33' is not a valid IPv4 or IPv6 address.\n\n"),
            ("add map #0 <<\nk1 v1\nk2  v2 with blanks \n\n", "\n"),
            ("add map #0 <<\nk5 v5\nk6\n\n", "Missing value for key 'k6'.\n\n"),
            ("clear map #0;add map #0 a b <<\nk8 v8\n\n", "\n\n"), ("show map #0", "0x k8 v8\n\n"),
            ("clear acl #4;add acl #4 x <<\n1.2.3.4 a\n::1\n\n", "\n\n"), ("show acl #4", "0x 1.2.3.4\n0x ::1\n\n"),
            ("set map #0 k8", "'set map' expects three parameters: map identifier, key and value.\n\n"),
            ("set map #0 no v", "entry not found.\n\n"), ("set map #0 #0x12 v", "key or pattern not found.\n\n"),
            ("set map #0 #0xzz v", "Malformed identifier. Please use #<id> or <file>.\n\n"),
            ("set map nope a b", Self.unknownMap), ("set map #0 k8 changed", "\n"),
            ("show map #0", "0x k8 changed\n\n"),
            ("del map", "This command expects two parameters: map identifier and key.\n\n"),
            ("del acl #4", "This command expects two parameters: ACL identifier and key.\n\n"),
            ("del map #0 no", "Key not found.\n\n"), ("del map #0 #0x12", "Key not found.\n\n"),
            ("del map #0 #0xq", "Malformed identifier. Please use #<id> or <file>.\n\n"),
            ("del acl nope x", Self.unknownACL), ("del map #0 k8", "\n"), ("show map #0", "\n"),
        ]
        for (command, answer) in table { #expect(try await ask(process, command) == answer, "for: \(command)") }
        // By name.
        _ = try await process.ask("add map #0 a 1;add map #0 a 2")
        let shown = try await process.ask("show map #0")
        let names = shown.matches(of: #/(0x[0-9a-f]+) a/#).map { String($0.1) }
        #expect(names.count == 2)
        #expect(try await process.ask("set map #0 #\(names[1]) 9;del map #0 #\(names[0])") == "\n\n")
        #expect(try await ask(process, "show map #0") == "0x a 9\n\n")
    }

    @Test("versions replace a list at once, as in HAProxy") func versions() async throws {
        let process = try await start()
        let table: [(String, String)] = [
            ("prepare map", Self.unknownMap), ("prepare acl nope", Self.unknownACL),
            ("prepare map #0", "New version created: 1\n\n"), ("add map @1 #0 n1 w1", "\n"),
            ("add map @1 #0 <<\nn2 w2\n\n", "\n"), ("show map @1 #0", "0x n1 w1\n0x n2 w2\n\n"),
            ("get map #0 n1", "type=str, case=sensitive, found=no\n\n"), ("del map #0 n1", "Key not found.\n\n"),
            ("commit map #0", "Missing version number.\n\n"), ("commit map @1", "Missing map identifier.\n\n"),
            ("commit acl @1 nope", Self.unknownACL), ("commit map @2 #0", "Version number out of range.\n\n"),
            ("commit map @1 #0", "\n"), ("show map #0", "0x n1 w1\n0x n2 w2\n\n"),
            ("commit map @1 #0", "Version number out of range.\n\n"),
            ("commit map @0 #0", "Version number out of range.\n\n"), ("add map @0 #0 old 1", "\n"),
            ("show map @0 #0", "0x old 1\n\n"), ("clear map @0 #0", "\n"), ("show map @0 #0", "\n"),
            ("clear map @1", "Missing map identifier.\n\n"), ("clear map", "Missing map identifier.\n\n"),
            ("clear acl #77", Self.unknownACL), ("clear map #0", "\n"), ("show map #0", "\n"),
        ]
        for (command, answer) in table { #expect(try await ask(process, command) == answer, "for: \(command)") }
        #expect(try await process.ask("show map").contains("curr_ver=1 next_ver=1 entry_cnt=0\n"))
    }

    /// A list longer than any buffer comes whole, and while it is read slowly other clients are served.
    @Test("a long list comes whole") func longLists() async throws {
        let process = try await start()
        let lines = (0..<3000).map { "/a/rather/long/path/number/\($0)/of/many" }
        for batch in 0..<3 {
            let payload = lines[batch * 1000..<(batch + 1) * 1000].joined(separator: "\n")
            #expect(try await process.ask("add acl #6 x <<\n\(payload)\n\n") == "\n")
        }
        let shown = try await ask(process, "show acl #6")
        #expect(shown == (["/img/", "/static/"] + lines).map { "0x \($0)\n" }.joined() + "\n")
    }

    /// Fifty clients add, change and delete entries while requests are answered: each of them gets the answer that the
    /// list as it always is asks for.
    @Test("fifty clients update while traffic reads") func updatesUnderTraffic() async throws {
        let server = try ScriptedServer { connection, _, _ in
            while connection.receive(through: "\r\n\r\n") != nil {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
        let folder = try ListenerFolder()
        _ = try folder.write("list.acl", "stays\nother\n")
        let process = try await RuntimeProcess(
            global: "stats maxconn 60",
            frontend: """
                acl there str(stays) -m str -f \(folder.path)/list.acl
                use_backend good if there
                """,
            rest: """
                backend good
                server s1 127.0.0.1:\(server.port)
                """, folder: folder)
        let answers = try await withThrowingTaskGroup(of: [String].self) { group in
            for client in 0..<50 {
                group.addTask {
                    var answers: [String] = []
                    for round in 0..<10 {
                        let key = "key-\(client)-\(round)"
                        answers.append(
                            try await process.ask(
                                "add acl #0 \(key);get acl #0 \(key);del acl #0 \(key);del acl #0 \(key)"))
                    }
                    return answers
                }
            }
            for _ in 0..<2 {
                group.addTask {
                    let connection = try RawSocket(connectingTo: process.port)
                    return await connection.blocking { connection in
                        for _ in 0..<300 {
                            connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                            let answer = connection.receive(through: "ok") ?? ""
                            guard answer.hasPrefix("HTTP/1.1 200 ") else { return ["not answered: \(answer)"] }
                        }
                        return []
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(answers.count == 500)
        for answer in answers {
            #expect(
                answer.wholeMatch(
                    of:
                        #/\ntype=str, case=sensitive, match=yes, idx=tree, pattern="key-\d+-\d+"\n\n\nKey not found.\n\n/#
                ) != nil)
        }
        #expect(try await ask(process, "show acl #0") == "0x stays\n0x other\n\n")
    }
}
