import Connections
import Samples
import Streams

/// Fetches of the streams below an exchange, and of what is odd about their connections (configuration.txt sections
/// 7.3.3 and 7.3.4).
enum StreamFetches {
    static let all: [Fetch] = [
        // HAProxy calls it a string.
        Fetch(
            "fs.id", "The number of the client's stream: of the request on its connection in HTTP/1, from 0.",
            gives: .str, from: .clientConnection
        ) { evaluation, _, sample in
            guard let exchange = evaluation.exchange, let facts = evaluation.facts else { return false }
            let isFirstVersion = exchange.request.head != nil && evaluation.client?.httpMajor == 1
            let number = isFirstVersion ? facts.number &- 1 : exchange.trace.front
            var text = evaluation.scratch.text()
            text.append(Int64(clamping: number))
            return text.give(&sample)
        },
        number(
            "bs.id", "The number of the server's stream: of the request on its connection in HTTP/1, from 0.",
            .serverConnection
        ) { evaluation in
            guard evaluation.facts?.serverConnection != nil else { return nil }
            return evaluation.exchange?.trace.back
        },
        reset("fs.aborted", "True when the client reset its stream.", .clientConnection, \.frontReset),
        reset("bs.aborted", "True when the server reset its stream.", .serverConnection, \.backReset),
        number("fs.rst_code", "The code with which the client reset its HTTP/2 or HTTP/3 stream.", .clientConnection) {
            $0.exchange?.trace.frontReset
        },
        number("bs.rst_code", "The code with which the server reset its HTTP/2 or HTTP/3 stream.", .serverConnection) {
            $0.exchange?.trace.backReset
        },
        number("fc_glitches", "Oddities of the protocol on the client's connection so far.", .clientAddress) {
            ($0.client?.glitches).map { UInt64(clamping: $0) }
        },
        number("bc_glitches", "Oddities of the protocol on the server's connection so far.", .serverAddress) {
            ($0.facts?.serverConnection?.glitches).map { UInt64(clamping: $0) }
        },
    ]

    private static func number(
        _ name: String, _ summary: String, _ source: SampleSource, _ read: @escaping @Sendable (Evaluation) -> UInt64?
    ) -> Fetch {
        Fetch(name, summary, gives: .sint, from: source) { evaluation, _, sample in
            guard let value = read(evaluation) else { return false }
            sample.setInteger(Int64(clamping: value))
            return true
        }
    }

    private static func reset(
        _ name: String, _ summary: String, _ source: SampleSource,
        _ code: @escaping @Sendable (StreamTrace) -> UInt64?
    ) -> Fetch {
        Fetch(name, summary, gives: .sint, from: source) { evaluation, _, sample in
            guard let exchange = evaluation.exchange else { return false }
            sample.setBool(code(exchange.trace) != nil)
            return true
        }
    }
}
