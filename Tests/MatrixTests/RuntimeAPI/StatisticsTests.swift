import Foundation
import TestSupport
import Testing

/// Lines and values are those of HAProxy 3.5-dev5 with the same configuration and requests.
@Suite("Runtime API: statistics") struct RuntimeStatisticsTests {
    private static let columns = """
        pxname, svname, qcur, qmax, scur, smax, slim, stot, bin, bout, dreq, dresp, ereq, econ, eresp,
        wretr, wredis, status, weight, act, bck, chkfail, chkdown, lastchg, downtime, qlimit, pid, iid, sid,
        throttle, lbtot, tracked, type, rate, rate_lim, rate_max, check_status, check_code, check_duration,
        hrsp_1xx, hrsp_2xx, hrsp_3xx, hrsp_4xx, hrsp_5xx, hrsp_other, hanafail, req_rate, req_rate_max,
        req_tot, cli_abrt, srv_abrt, comp_in, comp_out, comp_byp, comp_rsp, lastsess, last_chk, last_agt,
        qtime, ctime, rtime, ttime, agent_status, agent_code, agent_duration, check_desc, agent_desc,
        check_rise, check_fall, check_health, agent_rise, agent_fall, agent_health, addr, cookie, mode,
        algo, conn_rate, conn_rate_max, conn_tot, intercepted, dcon, dses, wrew, connect, reuse,
        cache_lookups, cache_hits, srv_icur, src_ilim, qtime_max, ctime_max, rtime_max, ttime_max, eint,
        idle_conn_cur, safe_conn_cur, used_conn_cur, need_conn_est, uweight, agg_server_status,
        agg_server_check_status, agg_check_status, srid, sess_other, h1sess, h2sess, h3sess, req_other,
        h1req, h2req, h3req, proto, priv_idle_cur, reqbin, reqbout, resbin, resbout, cache_hint_hits
        """

    /// The rows of a CSV answer, by `proxy/name`, each a dictionary by column.
    private func rows(_ csv: String) -> [String: [String: String]] {
        let lines = csv.split(separator: "\n").map(String.init)
        let names = lines[0].dropFirst(2).split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        var result: [String: [String: String]] = [:]
        for line in lines.dropFirst() {
            let values = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            let row = Dictionary(zip(names, values)) { first, _ in first }
            result["\(row["pxname"] ?? "")/\(row["svname"] ?? "")"] = row
        }
        return result
    }

    /// Sends requests on a connection of their own and returns when all are answered.
    private func get(_ paths: [String], _ port: Int) async throws {
        let socket = try RawSocket(connectingTo: port)
        _ = await socket.blocking { socket in
            for path in paths {
                socket.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = socket.receive(through: "end")
            }
            return true
        }
    }

    private func server() throws -> ScriptedServer {
        try ScriptedServer { connection, _, _ in
            while let head = connection.receive(through: "\r\n\r\n") {
                let status = head.hasPrefix("GET /missing") ? "404 Not Found" : "200 OK"
                guard
                    connection.send(
                        "HTTP/1.1 \(status)\r\nContent-Length: 103\r\n\r\n" + String(repeating: "x", count: 100) + "end"
                    )
                else { return }
            }
        }
    }

    @Test("show stat counts exactly, over all workers") func counts() async throws {
        let server = try server()
        let process = try await RuntimeProcess(
            backend:
                "cookie SRV insert\nserver s1 127.0.0.1:\(server.port) cookie one\nserver s2 127.0.0.1:1 backup disabled weight 7"
        )
        for _ in 0..<6 { try await get(["/", "/missing", "/"], process.port) }
        try await get(["/"], process.port)
        let bad = try RawSocket(connectingTo: process.port)
        _ = await bad.blocking {
            $0.send("GET / HTTP/1.1\r\nno colon\r\n\r\n")
            return $0.receiveAll().bytes.count
        }
        let csv = try await process.ask("show stat")
        #expect(csv.hasPrefix("# " + Self.columns.filter { !$0.isWhitespace } + ",-,h2_headers_rcvd,"))
        let all = rows(csv)
        #expect(all.keys.sorted() == ["back/BACKEND", "back/s1", "back/s2", "web/FRONTEND"])
        func check(_ row: String, _ expected: [String: String]) throws {
            let got = try #require(all[row])
            for (name, value) in expected { #expect(got[name] == value, "\(row) \(name)") }
        }
        try check(
            "web/FRONTEND",
            [
                "scur": "0", "stot": "8", "conn_tot": "8", "req_tot": "20", "h1sess": "8", "h1req": "20", "h2req": "0",
                "hrsp_2xx": "13", "hrsp_4xx": "7", "hrsp_5xx": "0", "ereq": "1", "status": "OPEN", "type": "0",
                "iid": "2", "sid": "0", "pid": "1", "mode": "http", "econ": "", "qcur": "", "eint": "0",
            ])
        for row in ["back/BACKEND", "back/s1"] {
            try check(
                row,
                [
                    "stot": "19", "lbtot": "19", "hrsp_2xx": "13", "hrsp_4xx": "6", "econ": "0", "qcur": "0",
                    "ereq": "", "iid": "3", "req_tot": "19", "conn_tot": "", "wretr": "0", "dresp": "0",
                ])
        }
        try check("back/s1", ["cookie": "one"])
        try check("back/s2", ["cookie": ""])
        try check("back/BACKEND", ["cookie": "SRV"])
        try check("back/s1", ["status": "no check", "addr": "127.0.0.1:\(server.port)", "sid": "1", "type": "2"])
        try check("back/s2", ["status": "MAINT", "weight": "7", "act": "0", "bck": "1", "sid": "2", "stot": "0"])
        try check("back/BACKEND", ["status": "UP", "act": "1", "bck": "0", "weight": "1", "algo": "unknown"])
        let sums = try #require(all["back/s1"])
        #expect(Int(sums["connect"] ?? "").map { $0 + (Int(sums["reuse"] ?? "") ?? -1) } == 19)
        #expect(sums["bout"] == all["back/BACKEND"]?["bout"])
        let frontBytes = try #require(all["web/FRONTEND"]?["bout"].flatMap(Int.init))
        #expect(frontBytes > 19 * 103)
        // Maxima go with `clear counters`, the rest with `all`.
        #expect(sums["smax"] == "1")
        #expect(try await process.ask("clear counters", "user") == "Permission denied\n\n")
        #expect(try await process.ask("clear counters all", "operator") == "Permission denied\n\n")
        #expect(try await process.ask("clear counters", "operator") == "\n")
        let cleared = rows(try await process.ask("show stat"))
        #expect(cleared["back/s1"]?["smax"] == "0")
        #expect(cleared["back/s1"]?["stot"] == "19")
        #expect(try await process.ask("clear counters all") == "\n")
        let empty = rows(try await process.ask("show stat"))
        #expect(empty["back/s1"]?["stot"] == "0")
        #expect(empty["web/FRONTEND"]?["hrsp_2xx"] == "0")
        #expect(empty["back/s1"]?["lastsess"] == "-1")
    }

    /// What a request, or the lack of one, adds to the columns that count, in HAProxy 3.5-dev5 with the same configuration.
    private static let events: [(name: String, request: String, cut: Bool, counts: [String: String])] = [
        (
            "a refused response", "GET /denied", false,
            [
                "web/FRONTEND": "stot=1 dresp=1 hrsp_5xx=1 req_tot=1", "back/s1": "stot=1 dresp=1 hrsp_2xx=1 req_tot=1",
                "back/BACKEND": "stot=1 dresp=1 hrsp_5xx=1 req_tot=1",
            ]
        ),
        (
            "no server answers", "GET /dead", false,
            [
                "dead/d1": "stot=2 econ=1 wredis=1 lbtot=2 connect=2", "dead/d2": "stot=1 wredis=1 lbtot=1 connect=1",
                "dead/BACKEND": "stot=1 econ=1 wredis=2 lbtot=3 connect=3 hrsp_5xx=1 req_tot=1",
            ]
        ),
        (
            "no second server", "GET /alone", false,
            [
                "alone/a1": "stot=3 econ=1 wretr=2 lbtot=1 connect=3 req_tot=0",
                "alone/BACKEND": "stot=1 econ=1 wretr=2 lbtot=1 connect=3 hrsp_5xx=1 req_tot=1",
            ]
        ),
        ("no server", "GET /none", false, ["none/BACKEND": "stot=1 econ=1 lbtot=0 hrsp_5xx=1 req_tot=1"]),
        (
            "a bad request", "GET / HTTP/1.1\r\nno colon\r\n\r\n", false,
            ["web/FRONTEND": "stot=1 ereq=1 hrsp_4xx=1 req_tot=1 h1req=1"]
        ),
        ("a part of one", "GET / HT", true, ["web/FRONTEND": "stot=1 ereq=1 hrsp_4xx=1 req_tot=1 h1req=1 h1sess=1"]),
        ("none", "", true, ["web/FRONTEND": "stot=1 ereq=1 hrsp_4xx=1 req_tot=1 h1req=1 h1sess=1"]),
        (
            "a client that does not wait", "GET /hang", true,
            [
                "web/FRONTEND": "stot=1 ereq=0 hrsp_4xx=1 req_tot=1",
                "back/s1": "stot=1 cli_abrt=1 hrsp_4xx=0 req_tot=0",
                "back/BACKEND": "stot=1 cli_abrt=1 hrsp_4xx=1 req_tot=1",
            ]
        ),
    ]

    @Test("show stat counts what goes wrong as HAProxy does", arguments: events.indices) func wrong(place: Int)
        async throws
    {
        let event = Self.events[place]
        let server = try ScriptedServer { connection, _, server in
            guard let head = connection.receive(through: "\r\n\r\n") else { return }
            server.note(head)
            if head.hasPrefix("GET /hang") {
                _ = connection.receive()
                return
            }
            connection.send("HTTP/1.1 200 OK\r\nx-deny: 1\r\ncontent-length: 2\r\n\r\nok")
        }
        let process = try await RuntimeProcess(
            global: "nbthread 1",
            frontend: """
                http-response deny if { res.hdr(x-deny) -m found }
                use_backend %[path,word(1,/)] if { path /dead /none /alone }
                """,
            backend: "server s1 127.0.0.1:\(server.port)",
            rest: """
                backend dead
                balance roundrobin
                retries 2
                option redispatch 1
                server d1 127.0.0.1:1
                server d2 127.0.0.1:2
                backend alone
                retries 2
                timeout connect 50ms
                server a1 127.0.0.1:1
                backend none
                """)
        let socket = try RawSocket(connectingTo: process.port)
        let isWhole = event.request.hasPrefix("GET /") && !event.request.contains("HT")
        if !event.request.isEmpty {
            socket.send(event.request + (isWhole ? " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" : ""))
        }
        if event.cut {
            if isWhole { try await eventually("the request") { !server.received.isEmpty } }
            try await eventually("the connection") { try await process.ask("show info").contains("\nCurrConns: 1\n") }
            socket.shutdownWrite()
        } else {
            _ = await socket.blocking { $0.receiveAll().bytes.count }
        }
        var last = ""
        try await eventually("the counts of \(event.name): \(last)") {
            let all = rows(try await process.ask("show stat"))
            for (row, counts) in event.counts {
                for pair in counts.split(separator: " ") {
                    let parts = pair.split(separator: "=").map(String.init)
                    let value = all[row]?[parts[0]] ?? ""
                    if value != parts[1] {
                        last = "\(row) \(parts[0]) is \(value)"
                        return false
                    }
                }
            }
            return true
        }
    }

    @Test("show stat chooses rows and formats") func formats() async throws {
        let process = try await RuntimeProcess(
            backend: "server s1 127.0.0.1:1\nserver s2 127.0.0.1:1 disabled",
            rest: "listen both\nbind 127.0.0.1:\(try Ports.free())\nserver s1 127.0.0.1:1")
        func names(_ command: String, _ level: String = "admin") async throws -> [String] {
            try await process.ask(command, level).split(separator: "\n").dropFirst().map {
                $0.split(separator: ",").prefix(2).joined(separator: "/")
            }
        }
        let everything = [
            "web/FRONTEND", "back/s1", "back/s2", "back/BACKEND", "both/FRONTEND", "both/s1", "both/BACKEND",
        ]
        #expect(try await names("show stat") == everything)
        #expect(try await names("show stat -1 -1 -1") == everything)
        #expect(try await names("show stat domain proxy") == everything)
        #expect(try await names("show stat 3 -1 -1") == ["back/s1", "back/s2", "back/BACKEND"])
        #expect(try await names("show stat back 4 -1") == ["back/s1", "back/s2"])
        #expect(try await names("show stat 3 4 2") == ["back/s2"])
        #expect(try await names("show stat 4 1 -1") == ["both/FRONTEND"])
        #expect(try await names("show stat 9 7 -1") == [])
        #expect(try await names("show stat no-maint").contains("back/s2") == false)
        #expect(try await names("show stat up").contains("back/s2") == false)
        #expect(try await process.ask("show stat nobody 7 -1") == "No such proxy.\n\n")
        #expect(try await process.ask("show stat domain nothing") == "Invalid statistics domain.\n\n")
        #expect(try await process.ask("show stat domain") == "Invalid statistics domain.\n\n")
        let typed = try await process.ask("show stat 3 4 1 typed").split(separator: "\n").map(String.init)
        for line in [
            "S.3.1.0.pxname.1:KNSV:str:back", "S.3.1.1.svname.1:KNSV:str:s1", "S.3.1.4.scur.1:MGPV:u32:0",
            "S.3.1.7.stot.1:MCPP:u64:0", "S.3.1.19.act.1:SGPV:u32:1", "S.3.1.55.lastsess.1:MAPP:s32:-1",
            "S.3.1.73.addr.1:CGSV:str:127.0.0.1:1", "S.3.1.98.need_conn_est.1:MGPV:u32:0",
        ] { #expect(typed.contains(line), "\(line)") }
        #expect(try await process.ask("show stat 3 2 0 typed").contains("B.3.0.19.act.1:MGPV:u32:1\n"))
        // Addresses are not for everyone.
        #expect(try await process.ask("show stat 3 4 1 typed", "user").contains(".addr.") == false)
        let json = try await process.ask("show stat json")
        let decoded = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[[String: Any]]]
        #expect(decoded?.count == 7)
        let first = try #require(decoded?[1].first)
        #expect(first["objType"] as? String == "Server")
        #expect((first["tags"] as? [String: String]) == ["origin": "Key", "nature": "Name", "scope": "Service"])
        #expect((first["value"] as? [String: String]) == ["type": "str", "value": "back"])
    }

    @Test("show info in its formats") func info() async throws {
        let server = try server()
        let process = try await RuntimeProcess(global: "maxconn 77", backend: "server s1 127.0.0.1:\(server.port)")
        for _ in 0..<3 { try await get(["/", "/"], process.port) }
        let plain = try await process.ask("show info", "user").split(separator: "\n").map(String.init)
        for line in [
            "Version: 3.4.0", "Nbthread: 2", "Nbproc: 1", "Process_num: 1", "Pid: \(process.listener.process.pid)",
            "Maxconn: 77", "CumConns: 3", "CumReq: 6", "CumStreams: 6", "CurrStreams: 0", "Stopping: 0",
        ] { #expect(plain.contains(line), "\(line) in \(plain)") }
        let typed = try await process.ask("show info typed desc").split(separator: "\n").map(String.init)
        #expect(typed.contains { $0.hasPrefix("3.Nbthread.1:CGSV:u32:2:\"") && $0.hasSuffix("\"") })
        #expect(typed.contains { $0.hasPrefix("18.CumConns.1:MCPV:u32:3:\"") })
        let precise = try await process.ask("show info typed float")
        #expect(precise.firstMatch(of: #/\n8\.Uptime_sec\.1:MDPV:flt:\d+\.\d{6}\n/#) != nil)
        let json = try JSONSerialization.jsonObject(with: Data(try await process.ask("show info json").utf8))
        let first = try #require((json as? [[String: Any]])?.first)
        #expect((first["field"] as? [String: Any])?["name"] as? String == "Name")
        #expect(try await process.ask("show backend") == "# name\nback\n\n")
        #expect(try await process.ask("show startup-logs").contains("serves with 2 workers"))
        #expect(try await process.ask("show startup-logs", "user") == "Permission denied\n\n")
    }

    @Test("rates are those of the last second") func rates() async throws {
        let server = try server()
        let process = try await RuntimeProcess(backend: "server s1 127.0.0.1:\(server.port)")
        for _ in 0..<5 { try await get(["/", "/"], process.port) }
        var largest: [Int] = [0, 0, 0]
        try await eventually("rates") {
            let row = rows(try await process.ask("show stat"))["web/FRONTEND"]
            for (index, name) in ["rate", "req_rate", "conn_rate"].enumerated() {
                largest[index] = max(largest[index], Int(row?[name] ?? "") ?? -1)
            }
            // The second is over: what was counted in it is the maximum.
            return row?["req_rate_max"] == "10" || (row?["req_rate"] == "0" && largest[1] > 0)
        }
        #expect(largest[0] <= 5 && largest[1] <= 10 && largest[2] <= 5)
        #expect(largest[1] > 0)
    }
}
