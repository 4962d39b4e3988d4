package import Bytes

/// The kinds of records that are asked for (RFC 1035 section 3.2.2, RFC 3596, RFC 2782).
package enum RecordType: UInt16, Sendable {
    case ipv4 = 1
    case alias = 5
    case ipv6 = 28
    case service = 33
}

/// What one record says.
package enum RecordContent: Hashable, Sendable {
    /// An address, with port 0.
    case address(SocketAddress)
    /// A service's place: a name and a port (RFC 2782).
    case service(target: String, port: UInt16)
}

/// Why an answer gives nothing.
package enum AnswerFailure: Error, Hashable, Sendable {
    /// It is no answer to the question, or is malformed.
    case invalid
    /// There is no such name.
    case noSuchName
    case refused
    /// Another code of failure.
    case serverFailure
    /// It has no records.
    case empty
    /// A chain of aliases leads nowhere.
    case brokenAlias
    /// It was cut, over TCP too.
    case truncated
}

/// A name server's answer, read and checked (RFC 1035 section 4).
package struct DNSAnswer: Equatable, Sendable {
    package struct Record: Hashable, Sendable {
        package var content: RecordContent
        /// An SRV record's weight.
        package var weight: UInt16
    }

    package private(set) var records: [Record] = []
    /// Addresses that come along with SRV records, by the name that they belong to.
    package private(set) var additional: [(name: String, address: SocketAddress)] = []
    /// Whether an alias led to the records.
    package private(set) var hasAlias = false

    package static func == (left: DNSAnswer, right: DNSAnswer) -> Bool {
        left.records == right.records && left.hasAlias == right.hasAlias
            && left.additional.map(\.name) == right.additional.map(\.name)
            && left.additional.map(\.address) == right.additional.map(\.address)
    }

    /// Most records that are read of one answer.
    package static let maxRecords = 512

    /// - Parameters:
    ///   - name: what was asked for, in lower case without a dot at its end.
    package init(_ message: [UInt8], name: String, type: RecordType) throws(AnswerFailure) {
        var reader = MessageReader(message)
        try reader.skip(2)
        let flags = try reader.number()
        switch flags & 15 {
        case 0: break
        case 3: throw .noSuchName
        case 5: throw .refused
        default: throw .serverFailure
        }
        guard try reader.number() == 1 else { throw .invalid }
        let answers = Int(try reader.number())
        guard answers > 0 else { throw .empty }
        guard answers <= Self.maxRecords else { throw .invalid }
        let authorities = Int(try reader.number())
        let additions = Int(try reader.number())
        guard try reader.name() == name, try reader.number() == type.rawValue else { throw .invalid }
        try reader.skip(2)
        // A cut answer with SRV records is of use as far as it goes.
        if flags & 0x200 != 0, type != .service { throw .truncated }
        try readAnswers(answers, &reader, name, type)
        guard type == .service else { return }
        // What follows helps, but is not needed.
        do throws(AnswerFailure) {
            for _ in 0..<min(authorities, Self.maxRecords) { _ = try reader.record() }
            for _ in 0..<min(additions, Self.maxRecords) {
                let record = try reader.record()
                if let address = try reader.address(of: record) { additional.append((record.name, address)) }
            }
        } catch {}
    }

    private mutating func readAnswers(
        _ count: Int, _ reader: inout MessageReader, _ name: String, _ type: RecordType
    ) throws(AnswerFailure) {
        var wanted = name
        for index in 0..<count {
            let record: MessageReader.Record
            do throws(AnswerFailure) { record = try reader.record() } catch {
                // The rest of a cut answer.
                if type == .service, !records.isEmpty { return }
                throw error
            }
            if type != .service, record.name != wanted { throw index == 0 ? .invalid : .brokenAlias }
            switch RecordType(rawValue: record.type) {
            case .alias:
                guard index + 1 < count else { throw .brokenAlias }
                wanted = try reader.name(of: record)
                hasAlias = true
            case .service:
                let service = try reader.service(of: record)
                records.append(
                    Record(content: .service(target: service.target, port: service.port), weight: service.weight))
            case .ipv4, .ipv6:
                guard let address = try reader.address(of: record) else { throw .invalid }
                records.append(Record(content: .address(address), weight: 0))
            case nil: break
            }
        }
    }
}

/// Goes through the bytes of a message, and never beyond them.
private struct MessageReader {
    struct Record {
        let name: String
        let type: UInt16
        /// Where the record's data is.
        let data: Range<Int>
    }

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func skip(_ count: Int) throws(AnswerFailure) {
        guard count <= bytes.count - position else { throw .invalid }
        position += count
    }

    mutating func number() throws(AnswerFailure) -> UInt16 {
        let start = position
        try skip(2)
        return UInt16(bytes[start]) << 8 | UInt16(bytes[start + 1])
    }

    mutating func record() throws(AnswerFailure) -> Record {
        let name = try name()
        let type = try number()
        try skip(6)
        let length = Int(try number())
        let start = position
        try skip(length)
        return Record(name: name, type: type, data: start..<start + length)
    }

    /// A name, its pointers followed (RFC 1035 section 4.1.4), in lower case without a dot at its end.
    mutating func name() throws(AnswerFailure) -> String {
        let (text, end) = try name(at: position)
        position = end
        return text
    }

    func name(of record: Record) throws(AnswerFailure) -> String { try name(at: record.data.lowerBound).text }

    private func name(at start: Int) throws(AnswerFailure) -> (text: String, end: Int) {
        var text: [UInt8] = []
        var place = start
        var end: Int?
        while place < bytes.count {
            let length = Int(bytes[place])
            switch length {
            case 0: return (String(decoding: text, as: UTF8.self), end ?? place + 1)
            case 1...63:
                guard length < bytes.count - place, text.count + length < 255 else { throw .invalid }
                if !text.isEmpty { text.append(UInt8(ascii: ".")) }
                for byte in bytes[place + 1...place + length] {
                    text.append(byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte)
                }
                place += length + 1
            case 0xc0...:
                guard place + 1 < bytes.count else { throw .invalid }
                let target = (length & 0x3f) << 8 | Int(bytes[place + 1])
                // Only backwards, so it comes to an end.
                guard target < place else { throw .invalid }
                if end == nil { end = place + 2 }
                place = target
            default: throw .invalid
            }
        }
        throw .invalid
    }

    /// The address of a record; nil when it is of another type.
    func address(of record: Record) throws(AnswerFailure) -> SocketAddress? {
        let family: SocketAddress.Family
        switch RecordType(rawValue: record.type) {
        case .ipv4 where record.data.count == 4: family = .ipv4
        case .ipv6 where record.data.count == 16: family = .ipv6
        case .ipv4, .ipv6: throw .invalid
        default: return nil
        }
        var octets = InlineArray<16, UInt8>(repeating: 0)
        for (index, byte) in bytes[record.data].enumerated() { octets[index] = byte }
        return SocketAddress(family: family, octets: octets, port: 0)
    }

    func service(of record: Record) throws(AnswerFailure) -> (target: String, port: UInt16, weight: UInt16) {
        guard record.data.count > 6 else { throw .invalid }
        var reader = self
        reader.position = record.data.lowerBound + 2
        let weight = try reader.number()
        let port = try reader.number()
        return (try reader.name(), port, weight)
    }
}
