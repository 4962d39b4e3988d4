import Bytes
import Messages
import Streams

/// Moves one message's body from a half of an exchange to a connection's output, by the message's framing there.
struct BodyWriter {
    /// How the body goes out.
    let framing: Framing
    /// How names of trailers are written that are not to be in lower case.
    var cases: FieldCases?
    /// Bytes still to go out (``Framing/length(_:)``).
    private var left: UInt64 = 0
    /// True when the half held more than its head announced; the rest was dropped.
    private(set) var isOverlong = false

    /// What became of a step.
    enum Outcome {
        /// The half has nothing more now, or the output is full.
        case pending
        /// The message is written in full, its end included.
        case complete
        /// The message ended too early: it must not look complete.
        case broken
    }

    init(_ framing: Framing) {
        self.framing = framing
        if case .length(let bytes) = framing { left = bytes }
    }

    /// Writes until `output` holds `limit` bytes.
    mutating func write(from half: Half, into output: inout OutputQueue, limit: Int) -> Outcome {
        while half.count > 0 {
            let room = limit - output.count
            guard room > 0 || framing == .none else { return .pending }
            switch framing {
            case .none: dropAll(half)
            case .length: moveCounted(half, &output, room)
            case .chunked: moveChunk(half, &output, room)
            case .untilClose, .tunnel:
                guard let chunk = half.take(upTo: room) else { return .pending }
                output.append(chunk)
            }
        }
        if half.isDrained { return finish(half, &output) }
        return half.isBroken ? .broken : .pending
    }

    private func dropAll(_ half: Half) {
        while half.take() != nil {}
    }

    private mutating func moveCounted(_ half: Half, _ output: inout OutputQueue, _ room: Int) {
        guard left > 0 else {
            isOverlong = true
            return dropAll(half)
        }
        guard let chunk = half.take(upTo: Int(min(UInt64(room), left))) else { return }
        left -= UInt64(chunk.count)
        output.append(chunk)
    }

    /// One chunk of the coding holds all that waits, whatever chunks of memory it lies in.
    private func moveChunk(_ half: Half, _ output: inout OutputQueue, _ room: Int) {
        var size = min(half.count, max(room, Self.smallestChunk))
        unsafe output.append(atMost: 20) { raw in
            var text = unsafe HeadRoom(raw)
            text.put(hexadecimal: size)
            text.put("\r\n")
            return text.count
        }
        while size > 0, let chunk = half.take(upTo: size) {
            size -= chunk.count
            output.append(chunk)
        }
        output.append("\r\n")
    }

    /// A chunk is not cut smaller than this for the output's limit.
    private static let smallestChunk = 4096

    private func finish(_ half: Half, _ output: inout OutputQueue) -> Outcome {
        switch framing {
        case .length: return left == 0 ? .complete : .broken
        case .chunked:
            output.append("0\r\n")
            if let trailers = half.trailers {
                _ = HeadWriter.trailers(trailers, cases, into: &output)
            } else {
                output.append("\r\n")
            }
            return .complete
        case .none, .untilClose, .tunnel: return .complete
        }
    }
}
