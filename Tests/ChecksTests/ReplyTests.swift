import Checks
import Configuration
import Testing

@Suite("What agents and named services answer") struct ReplyTests {
    private static func reply(_ text: String) -> AgentReply? {
        AgentReply.line(Array(text.utf8)).map { AgentReply($0) }
    }

    @Test(
        "Agents' words",
        arguments: [
            ("up\n", AgentReply.Health.up, nil, nil, nil, "", nil),
            ("DOWN\r\n", .down, nil, nil, nil, "", nil),
            ("stopped # gone  fishing\n", .down, nil, nil, nil, "gone  fishing", nil),
            ("fail,ready\n", .down, AgentReply.Admin.ready, nil, nil, "", nil),
            ("drain\t75%\n", nil, .drain, "75%", nil, "", nil),
            ("maint maxconn:30 weight:128\n", nil, .maintenance, "128", "30", "", nil),
            ("up 50% down what ever\n", .down, nil, "50%", nil, "", "what"),
            (" \n", nil, nil, nil, nil, "", nil),
        ] as [(String, AgentReply.Health?, AgentReply.Admin?, String?, String?, String, String?)])
    func agent(
        text: String, health: AgentReply.Health?, admin: AgentReply.Admin?, weight: String?, maxconn: String?,
        description: String, unknown: String?
    ) throws {
        let reply = try #require(Self.reply(text))
        #expect(reply.health == health)
        #expect(reply.admin == admin)
        #expect(reply.weight == weight)
        #expect(reply.maxconn == maxconn)
        #expect(reply.description == description)
        #expect(reply.unknown == unknown)
    }

    @Test("An agent's line has an end") func incomplete() {
        #expect(Self.reply("up") == nil)
        #expect(Self.reply("") == nil)
    }

    private static let greeting: [UInt8] = [0x0a, 0, 0, 0, 10] + Array("8.0.19".utf8) + [0, 1, 2]

    @Test("MySQL's greeting, error and result") func mysql() {
        #expect(
            MySQLReply.read(Self.greeting, at: 0, isLast: true, isComplete: false) == .passed(words: "8.0.19"))
        #expect(MySQLReply.read(Self.greeting, at: 0, isLast: false, isComplete: false) == .next)
        for count in 0..<Self.greeting.count where count < 14 {
            let part = Array(Self.greeting.prefix(count))
            #expect(MySQLReply.read(part, at: 0, isLast: true, isComplete: false) == .wait)
            #expect(
                MySQLReply.read(part, at: 0, isLast: true, isComplete: true)
                    == .failed(.l7response, code: 0, words: ""))
        }
        let error: [UInt8] = [9, 0, 0, 0, 0xff, 0xe3, 0x04] + Array("Denied".utf8)
        #expect(
            MySQLReply.read(error, at: 0, isLast: true, isComplete: false)
                == .failed(.l7status, code: 1251, words: "Denied"))
        let ok: [UInt8] = Array(Self.greeting) + [1, 0, 0, 2, 0]
        #expect(MySQLReply.readResult(ok, isLast: true, isComplete: false) == .passed(words: "8.0.19"))
        #expect(MySQLReply.readResult(Self.greeting, isLast: true, isComplete: false) == .wait)
    }

    @Test("LDAP's answer to a bind, whole, in part and foreign") func ldap() {
        let good: [UInt8] = [0x30, 0x0c, 0x02, 0x01, 0x01, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00]
        #expect(LDAPReply.read(good, isComplete: false) == .passed(words: "Success"))
        for count in 0..<good.count {
            #expect(LDAPReply.read(Array(good.prefix(count)), isComplete: false) == .wait, "\(count)")
        }
        var refused = good
        refused[9] = 1
        #expect(
            LDAPReply.read(refused, isComplete: false)
                == .failed(
                    .l7status, code: 1, words: "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9"))
        var foreign = good
        foreign[5] = 0x62
        #expect(
            LDAPReply.read(foreign, isComplete: false) == .failed(.l7response, code: 0, words: "Not LDAPv3 protocol"))
        // Active Directory writes lengths in four bytes.
        let long: [UInt8] = [
            0x30, 0x84, 0, 0, 0, 0x10, 0x02, 0x01, 0x01, 0x61, 0x84, 0, 0, 0, 7, 0x0a, 0x01, 0x00, 4, 0, 4, 0,
        ]
        #expect(LDAPReply.read(long, isComplete: false) == .passed(words: "Success"))
    }

    @Test("No bytes make a reply trap") func anyBytes() {
        var seed: UInt64 = 7
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int(seed % 24) {
                seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(UInt8(truncatingIfNeeded: seed >> 33))
            }
            seed = seed &* 6_364_136_223_846_793_005 &+ 1
            _ = MySQLReply.read(bytes, at: 0, isLast: true, isComplete: true)
            _ = MySQLReply.readResult(bytes, isLast: true, isComplete: false)
            _ = LDAPReply.read([0x30] + bytes, isComplete: true)
            if let line = AgentReply.line(bytes) { _ = AgentReply(line) }
        }
        #expect(LDAPReply.read([], isComplete: true) == .failed(.l7response, code: 0, words: ""))
    }
}
