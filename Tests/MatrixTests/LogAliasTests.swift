import Foundation
import TestSupport
import Testing

/// Every alias and flag of the log-format language (configuration.txt section 8.2.6). What is expected is what HAProxy
/// 3.5 writes for the same request; the rows that the packaged HAProxy knows too are checked against it.
@Suite("The log-format language") struct LogAliasTests {
    /// A format and the line that it makes. In the line `«n»` stands for digits, `«t»` for a time, `«d»` for a date with
    /// milliseconds, `«z»` for one with a zone, `«x»` for hexadecimal digits, `«s»` for a word.
    private struct Row: Sendable {
        let format: String
        let line: String
        /// Whether HAProxy before 3.0 writes the same.
        let isOld: Bool

        init(_ format: String, _ line: String, isOld: Bool = true) {
            self.format = format
            self.line = line
            self.isOld = isOld
        }
    }

    private static let rows = [
        // Connections.
        Row("%ci:%cp", "127.0.0.1:«n»"), Row("%{+X}ci:%{+X}cp", "7F000001:«x»"), Row("%fi:%fp", "127.0.0.1:«n»"),
        Row("%si:%sp", "127.0.0.1:«n»"), Row("%f %ft %b %s", "row row back s1"), Row("%H", "«s»"),
        Row("%sslc %sslv", "- -"), Row("%{+Q}sslc", "\"\""),
        // Dates and times.
        Row("%t %tr", "«d» «d»"), Row("%T %trg", "«z» «z»"), Row("%Tl %trl", "«z» «z»"), Row("%Ts.%ms", "«n».«n»"),
        Row("%{+X}Ts", "«x»"), Row("%Th %Ti %TR %Tq", "«t» «t» «t» «t»"), Row("%Tw %Tc %Tr %Td", "«t» «t» «t» «t»"),
        Row("%Ta %Tt %Tu", "«t» «t» «t»"),
        // Figures.
        Row("%ST %ts %tsc", "200 -- ----"), Row("%ac/%fc/%bc/%sc/%rc", "1/1/0/0/0"), Row("%sq/%bq", "0/0"),
        Row("%U", "«n»"), Row("%rt %{+X}rt", "«n» «x»"), Row("%pid %{+X}pid", "«n» «x»"),
        Row("%OG", "txn_response", isOld: false), Row("%ID", "-"),
        // The request line.
        Row("%r", "GET /a/b?x=#22y#22 HTTP/1.1"), Row("%HM %HV", "GET HTTP/1.1"), Row("%HU", "/a/b?x=#22y#22"),
        Row("%HP|%HPO|%HQ", "/a/b|/a/b|?x=#22y#22"), Row("%{+Q}r", "\"GET /a/b?x=#22y#22 HTTP/1.1\""),
        // Captures.
        Row("%hr %hs", "{a#7Cb|} {|x-two}"), Row("%hrl %hsl", "a#7Cb - - x-two"),
        Row("%{+Q}hrl", "\"a#7Cb\" \"\""), Row("%CC %CS", "sid=12345 -"),
        // Flags and spaces.
        Row("%{+Q}o %f %{-Q}b %s", "\"row\" back \"s1\""), Row("a   b %% %f", "a b % row"),
        Row("%{-M}CS|%CS", "|-"), Row("%{+E}f", "row"),
        // Encodings.
        Row("%{+json}o%(a)f %b %(c)ST", #"{"a": "row", "c": 200}"#, isOld: false),
        Row("%{+json}o %(q)HQ", #"{"q": "?x=#22y#22"}"#, isOld: false),
        Row("%{+json}o %(n:str)ST %(b:bool)ST", #"{"n": "200", "b": true}"#, isOld: false),
        Row("%{+json}o %(h)hrl %(i)hr", #"{"h": ["a#7Cb", "-"], "i": "{a#7Cb|}"}"#, isOld: false),
        Row("%{+json}o %(c)CS %(f)ft %(t)ts", #"{"c": "", "f": "row", "t": "--"}"#, isOld: false),
        Row("%{+json}o %(c)hs %(x)hsl", #"{"c": "{|x-two}", "x": ["-", "x-two"]}"#, isOld: false),
        Row("%{+json}f=%ST", #""row"=200"#, isOld: false),
        Row("%{+json}o %(i)[int(5)] %(b)[bool(true)] %(s)[str(a)]", #"{"i": 5, "b": true, "s": "a"}"#, isOld: false),
        Row("%{+json}o %(i:str)[int(5)] %(e)[int(0)]", #"{"i": "5", "e": 0}"#, isOld: false),
        Row("%{+cbor}o %(a)b %(c)ST", "BF6161646261636B616318C8FF", isOld: false),
        Row("%{+cbor}o %(r)HM %(f)HV", "BF61727F63474554FF61667F68485454502F312E31FFFF", isOld: false),
        Row("%{+cbor}o %(h)hrl", "BF61689F7F6161632337436162FF7F612DFFFFFF", isOld: false),
        Row("%{+cbor}o %(n)CS %(b)[bool(false)] %(i)[int(-2)]", "BF616EF66162F4616921FF", isOld: false),
        // Expressions.
        Row("%[int(3)] %[str(a b)]", "3 a b"), Row("%{+Q}[str(x)]", "\"x\""), Row("%{+E,+Q}[str('a\"b')]", #""a\"b""#),
        // The formats of options.
        Row(
            "",
            "127.0.0.1:«n» [«d»] row back/s1 «t»/«t»/«t»/«t»/«t» 200 «n» sid=12345 - ---- 1/1/0/0/0 0/0 "
                + "{a#7Cb|} {|x-two} \"GET /a/b?x=#22y#22 HTTP/1.1\""),
        Row(
            "clf",
            "127.0.0.1 - - [«z»] \"GET /a/b?x=#22y#22 HTTP/1.1\" 200 «n» \"\" \"\" «n» «n» \"row\" \"back\" \"s1\" "
                + "«t» «t» «t» «t» «t» ---- 1 1 0 0 0 0 0 \"sid=12345\" \"\" \"a#7Cb\" \"\" \"\" \"x-two\""),
    ]

    private static let request =
        "GET /a/b?x=\"y\" HTTP/1.1\r\nHost: a.test\r\nX-One: first\r\nX-One: a|b\r\nCookie: other=1; sid=12345678; sid=2"
        + "\r\nConnection: close\r\nX-Pad: 0123456789\r\n\r\n"

    /// Runs `program` with a frontend for each row; the line of each.
    private static func lines(of program: String, _ rows: [Row]) async throws -> [String] {
        let server = try ScriptedServer { connection, _, _ in
            while connection.receive(through: "\r\n\r\n") != nil {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Two: x-two\r\n\r\nhello")
            }
        }
        let folder = try ListenerFolder()
        var text = """
            global
            nbthread 1
            defaults
            option dontlognull
            mode http
            timeout client 5s
            timeout server 5s
            timeout connect 5s

            """
        var ports: [Int] = []
        for row in rows {
            let port = try Ports.free()
            ports.append(port)
            // The name is the same for all; each has its log-format.
            text += "frontend row\(ports.count)\nbind 127.0.0.1:\(port)\nlog stdout format raw local0\n"
            switch row.format {
            case "": text += "option httplog\n"
            case "clf": text += "option httplog clf\n"
            default:
                let escaped = row.format.replacingOccurrences(of: "\\", with: "\\\\")
                    .replacingOccurrences(of: "\"", with: "\\\"")
                text += "log-format \"\(escaped)\"\n"
            }
            text += """
                capture request header X-One len 10
                capture request header X-None len 10
                capture response header X-None len 10
                capture response header X-Two len 10
                capture cookie sid len 9
                default_backend back

                """
        }
        text += "backend back\nserver s1 127.0.0.1:\(server.port)\n"
        let process = try ChildProcess(program, ["-f", try folder.write("edge.cfg", text)])
        try await process.ready("the listeners") { Ports.listens(ports[0]) }
        var result: [String] = []
        for (index, port) in ports.enumerated() {
            try await eventually("the listener") { Ports.listens(port) }
            let start = process.output.utf8.count
            let socket = try RawSocket(connectingTo: port)
            socket.send(request)
            _ = socket.receiveAll()
            func found() -> String? {
                let text = String(decoding: Array(process.output.utf8).dropFirst(start), as: UTF8.self)
                let name = "row\(index + 1)"
                return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
                    .last { !$0.contains("<BADREQ>") }?.replacingOccurrences(of: name, with: "row")
            }
            try await eventually("the line of \(rows[index].format)") { found() != nil }
            result.append(found() ?? "")
        }
        return result
    }

    private static func fits(_ line: String, _ row: Row) throws -> Bool {
        var pattern = NSRegularExpression.escapedPattern(for: row.line)
        for (token, wanted) in [
            "«n»": "\\d+", "«t»": "-?\\d+", "«d»": "\\d\\d/\\w{3}/\\d{4}:\\d\\d:\\d\\d:\\d\\d\\.\\d{3}",
            "«z»": "\\d\\d/\\w{3}/\\d{4}:\\d\\d:\\d\\d:\\d\\d [+-]\\d{4}", "«x»": "[0-9A-F]{4,}", "«s»": "\\S+",
        ] { pattern = pattern.replacingOccurrences(of: token, with: wanted) }
        return try Regex("^\(pattern)$").firstMatch(in: line) != nil
    }

    @Test("Every alias and flag") func aliases() async throws {
        let lines = try await Self.lines(of: Repository.program("portico"), Self.rows)
        for (row, line) in zip(Self.rows, lines) {
            #expect(try Self.fits(line, row), "\(row.format): expected \(row.line), found \(line)")
        }
    }

    @Test("HAProxy agrees") func peer() async throws {
        let program = ProcessInfo.processInfo.environment["PORTICO_HAPROXY"]
        let rows = Self.rows.filter { $0.isOld || program != nil }
        let lines = try await Self.lines(of: program ?? "haproxy", rows)
        for (row, line) in zip(rows, lines) {
            #expect(try Self.fits(line, row), "\(row.format): expected \(row.line), HAProxy writes \(line)")
        }
    }
}
