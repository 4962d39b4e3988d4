import Bytes
import Resolution
import Testing

/// Messages are written by hand after RFC 1035 section 4.
@Suite struct DNSAnswerTests {
    /// The header and question of an answer for `a.test`.
    private func message(
        code: UInt8 = 0, flags: UInt8 = 0x81, answers: Int, type: UInt8 = 1, authorities: Int = 0, more: Int = 0,
        _ records: [UInt8] = []
    ) -> [UInt8] {
        [0x12, 0x34, flags, 0x80 | code, 0, 1, 0, UInt8(answers), 0, UInt8(authorities), 0, UInt8(more)]
            + [1, 0x41, 4] + Array("TEST".utf8) + [0, 0, type, 0, 1] + records
    }

    /// A record for the name in the question.
    private func record(_ type: UInt8, _ data: [UInt8], owner: [UInt8] = [0xc0, 12]) -> [UInt8] {
        owner + [0, type, 0, 1, 0, 0, 0, 60, 0, UInt8(data.count)] + data
    }

    private func addresses(_ answer: DNSAnswer) -> [String] {
        answer.records.compactMap { record in
            guard case .address(let address) = record.content else { return nil }
            return address.host
        }
    }

    @Test func readsAddresses() throws {
        let text = message(answers: 2, record(1, [192, 0, 2, 1]) + record(1, [192, 0, 2, 2]))
        #expect(try addresses(DNSAnswer(text, name: "a.test", type: .ipv4)) == ["192.0.2.1", "192.0.2.2"])
        let other = message(answers: 1, type: 28, record(28, [0x20, 1] + Array(repeating: 0, count: 13) + [9]))
        #expect(try addresses(DNSAnswer(other, name: "a.test", type: .ipv6)) == ["2001::9"])
    }

    @Test func followsAliases() throws {
        // The alias's name is written in full, and its own record points to it.
        let alias = record(5, [1, 0x62, 4] + Array("test".utf8) + [0])
        let text = message(answers: 2, alias + record(1, [192, 0, 2, 1], owner: [0xc0, 36]))
        let answer = try DNSAnswer(text, name: "a.test", type: .ipv4)
        #expect(addresses(answer) == ["192.0.2.1"])
        #expect(answer.hasAlias)
        #expect(throws: AnswerFailure.brokenAlias) {
            try DNSAnswer(message(answers: 1, alias), name: "a.test", type: .ipv4)
        }
        #expect(throws: AnswerFailure.brokenAlias) {
            try DNSAnswer(message(answers: 2, alias + record(1, [192, 0, 2, 1])), name: "a.test", type: .ipv4)
        }
    }

    @Test func readsServicesWithTheirAddresses() throws {
        let target: [UInt8] = [1, 0x58, 0xc0, 14]
        let service = record(33, [0, 1, 2, 0, 0x1f, 0x90] + target)
        let additional = record(1, [192, 0, 2, 7], owner: [0xc0, 42])
        let answer = try DNSAnswer(
            message(answers: 1, type: 33, more: 1, service + additional), name: "a.test", type: .service)
        #expect(answer.records.map(\.content) == [.service(target: "x.test", port: 8080)])
        #expect(answer.records.map(\.weight) == [512])
        #expect(answer.additional.map(\.name) == ["x.test"])
        #expect(answer.additional.map(\.address.host) == ["192.0.2.7"])
        // A cut one is of use as far as it goes.
        let cut = try DNSAnswer(
            message(flags: 0x83, answers: 2, type: 33, service), name: "a.test", type: .service)
        #expect(cut.records.count == 1)
    }

    @Test(arguments: [
        (UInt8(1), AnswerFailure.serverFailure), (2, .serverFailure), (3, .noSuchName), (4, .serverFailure),
        (5, .refused),
    ])
    func codes(code: UInt8, failure: AnswerFailure) {
        #expect(throws: failure) { try DNSAnswer(message(code: code, answers: 0), name: "a.test", type: .ipv4) }
    }

    @Test func refusals() {
        func expect(_ failure: AnswerFailure, _ text: [UInt8], name: String = "a.test", type: RecordType = .ipv4) {
            #expect(throws: failure) { try DNSAnswer(text, name: name, type: type) }
        }
        let good = message(answers: 1, record(1, [192, 0, 2, 1]))
        expect(.empty, message(answers: 0))
        expect(.truncated, message(flags: 0x83, answers: 1, record(1, [192, 0, 2, 1])))
        expect(.invalid, good, name: "b.test")
        expect(.invalid, good, type: .ipv6)
        expect(.invalid, message(answers: 1, record(1, [192, 0, 2])))
        // An owner that is not the question's.
        expect(.invalid, message(answers: 1, record(1, [192, 0, 2, 1], owner: [0xc0, 14])))
        // A pointer to itself, and one forward.
        expect(.invalid, message(answers: 1, record(1, [192, 0, 2, 1], owner: [0xc0, 24])))
        expect(.invalid, message(answers: 1, record(1, [192, 0, 2, 1], owner: [0xc0, 60])))
        for count in 0..<good.count {
            #expect(throws: AnswerFailure.self) {
                try DNSAnswer(Array(good.prefix(count)), name: "a.test", type: .ipv4)
            }
        }
    }
}
