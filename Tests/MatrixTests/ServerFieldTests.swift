import Foundation
import TestSupport
import Testing

/// User lists, `use-server`, and the fields that tell servers of clients. The expected values are HAProxy 3.5-dev5's
/// answers to the same requests with the same sections.
@Suite("What servers are told, and which ones") struct ServerFieldTests {
    /// A request, and what has to come of it.
    struct Row: Sendable, CustomTestStringConvertible {
        var path: String
        var fields: [String] = []
        /// Lines that the server gets, with `PORT` for our port and `CLIENT` for the client's; each name is in no others.
        var server: [String] = []
        var testDescription: String { "\(path) \(fields)" }
    }

    private static let sections = """
        userlist L
        group admins users u1,u2
        group ops
        user u1 password $6$fH6bUR1rb2B6u9ad$8GLehUHy0UBZRr1kgRIgtxp17dT61DTpy.TJ7Grcsu1dCzFIJXvjpcOhaxxX6HH0KscFju09K1M/kiKNVH7tN1
        user u2 insecure-password pw2 groups ops
        user u3 password $1$hQi9qvDC$NRIsVpl4Pbn4x9vT6Wx78/
        user u4 insecure-password pw4
        frontend fe
        bind 127.0.0.1:PORT
        option forwardfor except 10.0.0.0/8 header X-Client if-none
        option originalto header X-Orig
        use_backend %[path,field(2,/)]
        default_backend deff
        backend deff
        server s 127.0.0.1:SERVER
        backend fwd0
        option forwarded
        server s 127.0.0.1:SERVER
        backend fwd1
        option forwarded proto host by by_port for for_port
        server s 127.0.0.1:SERVER
        backend fwd2
        option forwarded host-expr hdr(x-h) by-expr hdr(x-by) by_port-expr hdr(x-bp) for-expr hdr(x-for) for_port-expr hdr(x-fp)
        server s 127.0.0.1:SERVER
        backend fwd3
        option forwarded for-expr hdr(x-for) by-expr hdr(x-by)
        server s 127.0.0.1:SERVER
        backend fwd4
        option forwarded for-expr hdr_ip(x-ip) by-expr str(_a)
        server s 127.0.0.1:SERVER
        backend xff1
        option forwardfor
        server s 127.0.0.1:SERVER
        backend xff2
        option forwardfor if-none header X-Client
        option originalto except 127.0.0.0/8
        server s 127.0.0.1:SERVER
        backend xff3
        option forwardfor except 127.0.0.1
        server s 127.0.0.1:SERVER
        backend del
        option http-restrict-req-hdr-names delete
        server s 127.0.0.1:SERVER
        backend rej
        option http-restrict-req-hdr-names reject
        server s 127.0.0.1:SERVER
        backend name
        http-send-name-header X-Srv
        server s.one 127.0.0.1:SERVER
        backend use
        http-send-name-header X-Srv
        use-server two if { hdr(x-s) two }
        use-server down if { hdr(x-s) down }
        use-server one if { hdr(x-s) down }
        use-server %[hdr(x-d)] if { hdr(x-d) -m found }
        server one 127.0.0.1:SERVER weight 1
        server two 127.0.0.1:SERVER weight 0
        server down 127.0.0.1:SERVER disabled
        backend auth
        acl isget method GET
        http-request auth realm R unless { http_auth(L) }
        http-request set-header x-user %[http_auth_group(L)]
        http-request set-header x-admin yes if { http_auth_group(L) admins }
        http-request set-header x-ops yes if { http_auth_group(L) ops }
        http-request set-header x-both yes if { http_auth_group(L) admins ops }
        server s 127.0.0.1:SERVER
        backend names
        acl isget method GET
        http-request set-header x-nb %[nbsrv(use)],%[nbsrv],%[srv_is_up(use/one)],%[srv_is_up(s)],%[srv_is_up(use/down)]
        http-request set-header x-cv %[str(names),nbsrv]/%[str(zz),nbsrv]/%[str(fe),fe_exists]/%[str(zz),fe_exists]/%[str(names/s),srv_is_up]/%[str(s),srv_is_up]/%[str(names/s),srv_queue]/%[str(names/q),srv_is_up]
        http-request set-header x-when %[str(v),when(error)]/%[str(v),when(normal)]/%[str(v),when(!normal)]/%[str(v),when(forwarded)]/%[str(v),when(stopping)]/%[str(v),when(acl,isget)]/%[str(v),when(!acl,METH_POST)]
        http-request set-header x-dbg %[str(v),debug(pf),upper]
        server s 127.0.0.1:SERVER
        """

    private static let own = ["x-client: 127.0.0.1", "x-orig: 127.0.0.1"]

    private static let rows: [Row] = [
        Row(path: "/fwd0", server: ["forwarded: proto=http;for=127.0.0.1"] + own),
        Row(
            path: "/fwd0", fields: ["Forwarded: for=1.2.3.4"],
            server: ["forwarded: for=1.2.3.4,proto=http;for=127.0.0.1"]),
        Row(
            path: "/fwd0", fields: ["Forwarded: for=1.2.3.4, for=5.6.7.8", "Forwarded: proto=http"],
            server: ["forwarded: for=1.2.3.4, for=5.6.7.8", "forwarded: proto=http,proto=http;for=127.0.0.1"]),
        Row(
            path: "/fwd0", fields: ["Forwarded: for=1.2.3.4, nonsense"],
            server: ["forwarded: for=1.2.3.4, nonsense", "forwarded: proto=http;for=127.0.0.1"]),
        Row(
            path: "/fwd1", fields: ["Host: [::1]:80"],
            server: [#"forwarded: proto=http;host="[::1]:80";by="127.0.0.1:PORT";for="127.0.0.1:CLIENT""#]),
        Row(
            path: "/fwd1", fields: ["Host: a_b"],
            server: [#"forwarded: proto=http;host="";by="127.0.0.1:PORT";for="127.0.0.1:CLIENT""#]),
        Row(
            path: "/fwd2",
            fields: ["x-h: ex.com:8080", "x-by: 1.2.3.4", "x-bp: 80", "x-for: ::1", "x-fp: 99999"],
            server: [#"forwarded: host="ex.com:8080";by="1.2.3.4:80";for="unknown:_99999""#]),
        Row(
            path: "/fwd2", fields: ["x-h: ex com", "x-by: unknown", "x-bp: _a", "x-for: hidden", "x-fp: p.q"],
            server: [#"forwarded: host="";by="unknown:_a";for="_hidden:_p.q""#]),
        Row(path: "/fwd2", server: [#"forwarded: host="";by="unknown";for="unknown""#]),
        Row(
            path: "/fwd3", fields: ["x-by: [::1]", "x-for: a@b"], server: [#"forwarded: by="[::1]";for=unknown"#]),
        Row(path: "/fwd3", fields: ["x-by: 1.2.3.4", "x-for: _hid"], server: ["forwarded: by=1.2.3.4;for=_hid"]),
        Row(path: "/fwd4", fields: ["x-ip: 2001:db8::1"], server: [#"forwarded: by=_a;for="[2001:db8::1]""#]),
        Row(path: "/fwd4", fields: ["x-ip: 10.1.2.3"], server: ["forwarded: by=_a;for=10.1.2.3"]),
        Row(path: "/xff1", server: ["x-forwarded-for: 127.0.0.1", "x-orig: 127.0.0.1"]),
        Row(
            path: "/xff1", fields: ["X-Client: 1", "X-Forwarded-For: 2"],
            server: ["x-client: 1", "x-forwarded-for: 2", "x-forwarded-for: 127.0.0.1", "x-orig: 127.0.0.1"]),
        Row(path: "/xff2", fields: ["X-Client: 1"], server: ["x-client: 1"]),
        Row(path: "/xff2", server: ["x-client: 127.0.0.1"]),
        Row(path: "/xff3", server: ["x-orig: 127.0.0.1"]),
        Row(path: "/nosuch", server: own),
        Row(path: "/del", fields: ["a_b: 1", "a-b: 2", "a.b: 3"], server: ["a-b: 2"] + own),
        Row(path: "/rej", fields: ["a-b: 1"], server: ["a-b: 1"] + own),
        Row(path: "/name", fields: ["X-Srv: mine"], server: own + ["x-srv: s.one"]),
        Row(path: "/use", fields: ["x-s: two"], server: ["x-srv: two"]),
        Row(path: "/use", fields: ["x-s: down"], server: ["x-srv: one"]),
        Row(path: "/use", server: ["x-srv: one"]), Row(path: "/use", fields: ["x-d: two"], server: ["x-srv: two"]),
        Row(path: "/use", fields: ["x-d: down"], server: ["x-srv: one"]),
        Row(path: "/use", fields: ["x-d: nosuch"], server: ["x-srv: one"]),
        Row(
            path: "/auth", fields: [basic("u1:pw")],
            server: ["x-user: u1", "x-admin: yes", "x-both: yes"]),
        Row(
            path: "/auth", fields: [basic("u2:pw2")],
            server: ["x-user: u2", "x-admin: yes", "x-ops: yes", "x-both: yes"]),
        Row(path: "/auth", fields: [basic("u3:pw")], server: ["x-user: u3"]),
        Row(path: "/auth", fields: [basic("u4:pw4")], server: ["x-user: u4"]),
        Row(
            path: "/names",
            server: ["x-nb: 1,1,1,1,0", "x-cv: 1//1/0/1/1/0/", "x-when: /v////v/v", "x-dbg: V"]),
    ]

    private static func basic(_ text: String) -> String {
        "Authorization: Basic \(Data(text.utf8).base64EncodedString())"
    }

    private static func start() async throws -> (process: ListenerProcess, port: Int, server: ScriptedServer) {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let port = try Ports.free()
        let text = sections.replacingOccurrences(of: "PORT", with: "\(port)")
            .replacingOccurrences(of: "SERVER", with: "\(server.port)")
        let process = try await ListenerProcess(
            ListenerProcess.sections(global: "nbthread 2\nstats socket FOLDER/admin level admin", text),
            in: ListenerFolder())
        return (process, port, server)
    }

    private static func ask(_ port: Int, _ path: String, _ fields: [String]) throws -> (answer: String, client: Int) {
        let socket = try RawSocket(connectingTo: port)
        let host = fields.contains { $0.hasPrefix("Host:") } ? [] : ["Host: a.test"]
        let lines = ["GET \(path) HTTP/1.1"] + host + fields + ["Connection: close", "", ""]
        socket.send(lines.joined(separator: "\r\n"))
        return (String(decoding: socket.receiveAll().bytes, as: UTF8.self), socket.localPort)
    }

    @Test func serversAreToldAndChosenAsByHAProxy() async throws {
        let (process, port, server) = try await Self.start()
        for row in Self.rows {
            let count = server.received.count
            let (answer, client) = try Self.ask(port, row.path, row.fields)
            #expect(answer.hasSuffix("ok"), "\(row): \(answer)")
            let seen = server.received.dropFirst(count).joined().components(separatedBy: "\r\n")
            let names = row.server.map { $0.prefix { $0 != ":" } }
            let checked = seen.filter { line in names.contains { line.hasPrefix("\($0):") } }
            let expected = row.server.map {
                $0.replacingOccurrences(of: "PORT", with: "\(port)")
                    .replacingOccurrences(of: "CLIENT", with: "\(client)")
            }
            #expect(checked == expected, "\(row)")
        }
        let socket = try RawSocket(unix: "\(process.folder.path)/admin")
        socket.send("show events buf0\n")
        let events = String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        #expect(events.hasPrefix("<0>2") && events.hasSuffix(" [debug] pf: type=str <v>\n\n"), "\(events)")
    }

    @Test(arguments: [
        ("/auth", [String](), " 401 "), ("/auth", [basic("u1:no")], " 401 "), ("/auth", [basic("u4:pw5")], " 401 "),
        ("/auth", [basic("u1:")], " 401 "), ("/rej", ["a_b: 1"], " 403 "),
    ])
    func refusals(path: String, fields: [String], status: String) async throws {
        let (process, port, server) = try await Self.start()
        let (answer, _) = try Self.ask(port, path, fields)
        #expect(answer.hasPrefix("HTTP/1.1\(status)"), "\(answer)")
        if status == " 401 " { #expect(answer.contains("www-authenticate: Basic realm=\"R\"\r\n")) }
        #expect(server.received.isEmpty)
        #expect(process.process.exitStatus == nil)
    }

    @Test func probesAreIgnored() async throws {
        let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let edge = try await Edge(
            servers: ["s 127.0.0.1:\(server.port)"], frontend: "option http-ignore-probes",
            timeouts: "timeout client 300ms\ntimeout server 30s\ntimeout connect 5s")
        // One that says nothing until the timeout, and one that leaves.
        #expect(try RawSocket(connectingTo: edge.port).receiveAll().bytes.isEmpty)
        try RawSocket(connectingTo: edge.port).shutdownWrite()
        _ = try RawSocket(connectingTo: edge.port).exchange("/real")
        let line = try await edge.logLine("/real")
        #expect(edge.log == [line])
    }
}
