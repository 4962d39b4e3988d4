import Bytes
import Messages
import Samples
import Streams

/// Fetches of the body as far as it waits in the proxy (configuration.txt section 7.3.6): `option http-buffer-request`
/// or `http-request wait-for-body` make it wait.
enum BodyFetches {
    static let all: [Fetch] = [
        Fetch("req.body", "The request's body as far as it is here.", gives: .bin, from: .requestHead) {
            evaluation, _, sample in
            body(evaluation, &sample, .request)
        },
        Fetch("req.body_len", "How many bytes of the request's body are here.", gives: .sint, from: .requestHead) {
            evaluation, _, sample in
            length(evaluation, &sample, .request)
        },
        Fetch("req.body_size", "The size of the request's body as announced.", gives: .sint, from: .requestHead) {
            evaluation, _, sample in
            size(evaluation, &sample, .request)
        },
        Fetch("res.body", "The response's body as far as it is here.", gives: .bin, from: .responseHead) {
            evaluation, _, sample in
            body(evaluation, &sample, .response)
        },
        Fetch("res.body_len", "How many bytes of the response's body are here.", gives: .sint, from: .responseHead) {
            evaluation, _, sample in
            length(evaluation, &sample, .response)
        },
        Fetch("res.body_size", "The size of the response's body as announced.", gives: .sint, from: .responseHead) {
            evaluation, _, sample in
            size(evaluation, &sample, .response)
        },
    ]

    private static func body(_ evaluation: Evaluation, _ sample: inout Sample, _ direction: MessageDirection) -> Bool {
        guard evaluation.head(direction, &sample) != nil, let half = evaluation.half(direction) else { return false }
        sample.setWaiting(half, evaluation.scratch)
        if half.phase < .ended, !evaluation.isFinal { sample.flags.insert(.mayChange) }
        return true
    }

    private static func length(_ evaluation: Evaluation, _ sample: inout Sample, _ direction: MessageDirection) -> Bool
    {
        guard evaluation.head(direction, &sample) != nil, let half = evaluation.half(direction) else { return false }
        sample.setInteger(Int64(half.count))
        return true
    }

    private static func size(_ evaluation: Evaluation, _ sample: inout Sample, _ direction: MessageDirection) -> Bool {
        guard let head = evaluation.head(direction, &sample), let half = evaluation.half(direction) else {
            return false
        }
        switch head.bodyLength {
        case .known(let size): sample.setInteger(Int64(clamping: size))
        case .none: sample.setInteger(0)
        case .unknown, .tunnel: sample.setInteger(Int64(clamping: half.bytesIn))
        }
        return true
    }
}

extension Evaluation {
    /// The message of a direction; nil before there is an exchange.
    func half(_ direction: MessageDirection) -> Half? {
        direction == .request ? exchange?.request : exchange?.response
    }
}

extension Sample {
    /// Shows the body bytes that wait in a half, at most `tune.bufsize` of them: in place when they lie in one piece.
    mutating func setWaiting(_ half: Half, _ scratch: ScratchArena) {
        if half.pieceCount == 0 { return setText("", .bin) }
        if half.pieceCount == 1 {
            return unsafe setText(Span(_unsafeBytes: half.piece(0)), .bin)
        }
        var text = scratch.text()
        for index in 0..<half.pieceCount where !text.isFull {
            unsafe text.append(Span<UInt8>(_unsafeBytes: half.piece(index)))
        }
        text.finish(&self, .bin)
    }
}
