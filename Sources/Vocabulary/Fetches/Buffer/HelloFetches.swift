import Bytes
import Samples
import Streams

/// Fetches of TLS that is passed through untouched, out of the first bytes (configuration.txt section 7.3.5).
enum HelloFetches {
    static let all: [Fetch] = names + lists + extensions + records

    private static let anywhere: SampleSource = [.requestBuffer, .clientAddress, .clientConnection, .frontend]

    private static let names: [Fetch] =
        ["req.ssl_sni", "req_ssl_sni"].map { name in
            Fetch(name, "The server name in a TLS hello that is passed through.", gives: .str, from: .requestBuffer) {
                evaluation, _, sample in
                read(evaluation, &sample, .extensions) { hello, bytes, sample in
                    guard let place = hello.serverName(bytes) else { return false }
                    sample.setText(bytes.extracting(place))
                    return true
                }
            }
        }
        + [
            Fetch(
                "req.ssl_alpn", "The protocols in a TLS hello that is passed through; the first, or one by one.",
                gives: .str, from: .requestBuffer
            ) { evaluation, _, sample in
                let offset = evaluation.iterates ? sample.cursor : 0
                var next = 0
                let isFound = read(evaluation, &sample, .extensions) { hello, bytes, sample in
                    guard let found = hello.applicationProtocol(at: offset, bytes) else { return false }
                    sample.setText(bytes.extracting(found.name))
                    next = found.next ?? 0
                    return true
                }
                if isFound, evaluation.iterates, next > 0 {
                    sample.cursor = next
                    sample.flags.insert(.notLast)
                }
                return isFound
            }
        ]

    private static let lists: [Fetch] = [
        Fetch("req.ssl_cipherlist", "The cipher suites in a TLS hello, two bytes each.", gives: .bin, from: anywhere) {
            evaluation, _, sample in
            read(evaluation, &sample, .cipherSuites) { hello, bytes, sample in
                sample.setText(bytes.extracting(hello.cipherSuites), .bin)
                return true
            }
        },
        Fetch("req.ssl_supported_groups", "The groups in a TLS hello, two bytes each.", gives: .bin, from: anywhere) {
            evaluation, _, sample in
            read(evaluation, &sample, .extensions) { hello, bytes, sample in
                guard let data = hello.data(of: 10, bytes), let list = hello.list(in: data, atLeast: 2, bytes) else {
                    return false
                }
                sample.setText(bytes.extracting(list), .bin)
                return true
            }
        },
        Fetch(
            "req.ssl_sigalgs", "The signature algorithms in a TLS hello, two bytes each.", gives: .bin, from: anywhere
        ) {
            evaluation, _, sample in
            read(evaluation, &sample, .extensions) { hello, bytes, sample in
                guard let data = hello.data(of: 13, bytes), let list = hello.list(in: data, atLeast: 2, bytes) else {
                    return false
                }
                sample.setText(bytes.extracting(list), .bin)
                return true
            }
        },
        Fetch("req.ssl_keyshare_groups", "The groups of the key shares in a TLS hello.", gives: .bin, from: anywhere) {
            evaluation, _, sample in
            var text = evaluation.scratch.text()
            let isFound = read(evaluation, &sample, .extensions) { hello, bytes, _ in
                guard let data = hello.data(of: 51, bytes), let list = hello.list(in: data, atLeast: 4, bytes) else {
                    return false
                }
                var place = list.lowerBound
                while place + 4 <= list.upperBound {
                    text.append(bytes[place])
                    text.append(bytes[place + 1])
                    place += 4 + bytes.number(at: place + 2)
                }
                return true
            }
            guard isFound else { return false }
            return text.give(&sample, .bin)
        },
    ]

    private static let extensions: [Fetch] = [
        Fetch("req.ssl_ec_ext", "True when a TLS hello names elliptic curves.", gives: .bool, from: .requestBuffer) {
            evaluation, _, sample in
            read(evaluation, &sample, .extensions) { hello, bytes, sample in
                guard hello.data(of: 10, bytes) != nil else { return false }
                sample.setBool(true)
                return true
            }
        },
        Fetch(
            "req.ssl_st_ext", "0: a TLS hello knows no session tickets; 1: it would take one; 2: it brings one.",
            gives: .sint, from: .requestBuffer
        ) { evaluation, _, sample in
            read(evaluation, &sample, .extensions) { hello, bytes, sample in
                guard let data = hello.data(of: 35, bytes) else {
                    guard hello.isWellFormed(bytes) else { return false }
                    sample.setInteger(0)
                    return true
                }
                sample.setInteger(data.isEmpty ? 1 : 2)
                return true
            }
        },
    ]

    private static let records: [Fetch] =
        ["req.ssl_hello_type", "req_ssl_hello_type"].map { name in
            Fetch(
                name, "The type of the first TLS handshake message: 1 for a ClientHello.", gives: .sint,
                from: .requestBuffer
            ) {
                evaluation, _, sample in
                messageType(evaluation, &sample)
            }
        }
        + ["res.ssl_hello_type", "rep_ssl_hello_type"].map { name in
            Fetch(
                name, "The type of the server's first TLS handshake message: 2 for a ServerHello.", gives: .sint,
                from: .responseBuffer
            ) { evaluation, _, sample in
                messageType(evaluation, &sample)
            }
        }
        + ["req.ssl_ver", "req_ssl_ver"].map { name in
            Fetch(
                name, "The version in a TLS or SSL hello, the major in the high 16 bits.", gives: .sint,
                from: .requestBuffer
            ) {
                evaluation, _, sample in
                version(evaluation, &sample)
            }
        }

    private static func read(
        _ evaluation: Evaluation, _ sample: inout Sample, _ part: ClientHello.Part,
        _ body: (ClientHello, Span<UInt8>, inout Sample) -> Bool
    ) -> Bool {
        guard let half = evaluation.rawHalf(evaluation.direction) else { return false }
        var waiting = Sample()
        waiting.setWaiting(half, evaluation.scratch)
        switch ClientHello.read(waiting.bytes, for: part) {
        case .whole(let hello): return body(hello, waiting.bytes, &sample)
        case .incomplete:
            sample.expectMore(evaluation)
            return false
        case .other: return false
        }
    }

    private static func messageType(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        guard let half = evaluation.rawHalf(evaluation.direction) else { return false }
        var waiting = Sample()
        waiting.setWaiting(half, evaluation.scratch)
        let bytes = waiting.bytes
        guard bytes.count > 0 else {
            sample.expectMore(evaluation)
            return false
        }
        guard (0x14...0x17).contains(bytes[0]) || bytes[0] == 0xff else { return false }
        guard bytes.count >= 9 else {
            sample.expectMore(evaluation)
            return false
        }
        guard bytes[1] >= 3, bytes.number(at: 3) >= 4 else { return false }
        let length = Int(bytes[6]) << 16 | bytes.number(at: 7)
        guard bytes.count >= 9 + length else {
            sample.expectMore(evaluation)
            return false
        }
        sample.setInteger(Int64(bytes[5]))
        return true
    }

    private static func version(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        guard let half = evaluation.rawHalf(.request) else { return false }
        var waiting = Sample()
        waiting.setWaiting(half, evaluation.scratch)
        switch HelloVersion.read(waiting.bytes, limit: evaluation.scratch.textLimit) {
        case .version(let number):
            sample.setInteger(Int64(number))
            return true
        case .incomplete:
            sample.expectMore(evaluation)
            return false
        case .other: return false
        }
    }
}

/// The version that the first message of a TLS or SSL connection asks for.
enum HelloVersion {
    case version(Int)
    case incomplete
    case other

    /// - Parameter limit: bytes that can wait: a longer message is taken for whole when so much of it is here.
    static func read(_ bytes: Span<UInt8>, limit: Int) -> HelloVersion {
        guard bytes.count > 0 else { return .incomplete }
        var length: Int
        let version: Int
        var start: Int
        if (0x14...0x17).contains(bytes[0]) || bytes[0] == 0xff {
            guard bytes.count >= 11 else { return .incomplete }
            guard bytes[1] >= 3 else { return .other }
            length = bytes.number(at: 3)
            guard (6...18_432).contains(length) else { return .other }
            start = 5
            version = Int(bytes[9]) << 16 | Int(bytes[10])
        } else {
            // SSLv2's hello: a short or a long header.
            let isShort = bytes[0] & 0x80 != 0
            start = isShort ? 2 : 3
            guard bytes.count > start else { return .incomplete }
            let record = Int(bytes[0] & (isShort ? 0x7f : 0x3f)) << 8 | Int(bytes[1])
            let padding = isShort ? 0 : Int(bytes[2])
            guard bytes[start] == 1 else { return .other }
            start += 1
            guard bytes.count >= start + 8 else { return .incomplete }
            version = Int(bytes[start]) << 16 | Int(bytes[start + 1])
            let ciphers = bytes.number(at: start + 2)
            let session = bytes.number(at: start + 4)
            let challenge = bytes.number(at: start + 6)
            start += 8
            guard ciphers % 3 == 0, session == 0 || session == 16, (16...32).contains(challenge),
                record == 9 + ciphers + session + challenge
            else { return .other }
            length = ciphers + session + challenge + padding
        }
        length = min(length, limit - start)
        return bytes.count - start >= length ? .version(version) : .incomplete
    }
}

extension ClientHello {
    /// Whether every extension ends within the list.
    fileprivate func isWellFormed(_ bytes: Span<UInt8>) -> Bool {
        var place = extensions.lowerBound
        while extensions.upperBound - place >= 4 {
            let size = bytes.number(at: place + 2)
            guard size <= extensions.upperBound - place - 4 else { return false }
            place += 4 + size
        }
        return true
    }
}

extension Evaluation {
    /// The bytes of a direction in TCP mode; nil for HTTP, whose messages are no plain bytes here.
    func rawHalf(_ direction: MessageDirection) -> Half? {
        guard let exchange, exchange.request.head == nil, exchange.response.head == nil else { return nil }
        return direction == .request ? exchange.request : exchange.response
    }
}

extension Sample {
    /// Says that more data may give a value, unless none will come.
    mutating func expectMore(_ evaluation: Evaluation) {
        if !evaluation.isFinal { flags.insert(.mayChange) }
    }
}
