import Resolution

extension FuzzTarget {
    /// A name server's answer. The first byte says what was asked for.
    static let dnsAnswer = FuzzTarget("dns-answer", "answers of name servers") { input in
        guard input.count > 1 else { return }
        let types: [RecordType] = [.ipv4, .ipv6, .service]
        let type = types[Int(input[0]) % types.count]
        var message: [UInt8] = []
        for index in 1..<input.count { message.append(input[index]) }
        guard let answer = try? DNSAnswer(message, name: "a.test", type: type) else { return }
        promise(answer.records.count <= DNSAnswer.maxRecords, "\(answer.records.count) records")
        promise(answer.additional.count <= DNSAnswer.maxRecords, "\(answer.additional.count) additional records")
        for record in answer.records {
            guard case .service(let target, _) = record.content else { continue }
            // Bytes that are no UTF-8 grow when they are made into text.
            promise(target.utf8.count <= 3 * 255, "a name of \(target.utf8.count) bytes")
        }
        promise((try? DNSAnswer(message, name: "a.test", type: type)) == answer, "the same bytes read differently")
    }
}
