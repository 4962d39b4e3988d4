import Bytes
import Messages
import Streams

/// Moves one message's body from a connection's input to a half of an exchange, by the message's framing. Chunks
/// travel by reference. Without a half the body is read and dropped.
struct BodyReader {
    /// How the body is delimited.
    let framing: Framing
    /// True once the message's last byte is read.
    private(set) var isComplete: Bool
    private var left: UInt64 = 0
    private var chunks = ChunkDecoder()
    private var trailerScanner = HeadScanner()

    init(_ framing: Framing) {
        self.framing = framing
        isComplete = framing == .none
        if case .length(let bytes) = framing {
            left = bytes
            isComplete = bytes == 0
        }
    }

    /// Bytes that must still come when that is known.
    var remaining: UInt64? {
        if case .length = framing { left } else { nil }
    }

    /// Reads what is there and what `half` has room for, and ends the half with the message. Returns the bytes read,
    /// framing included.
    ///
    /// - Parameter limit: bytes that a trailer section may take.
    mutating func read(
        _ input: inout InputBuffer, into half: Half?, heads: HeadPool, limit: Int
    ) throws(MessageError) -> Int {
        let before = input.count
        switch framing {
        case .none: break
        case .length:
            left -= UInt64(move(&input, into: half, atMost: left))
            if left == 0, !isComplete {
                isComplete = true
                half?.end()
            }
        case .untilClose, .tunnel: _ = move(&input, into: half, atMost: .max)
        case .chunked: try readChunks(&input, into: half, heads, limit)
        }
        return before - input.count
    }

    /// The connection's end is the end of the body (``Framing/untilClose``, ``Framing/tunnel``).
    mutating func endWithConnection(_ half: Half) {
        isComplete = true
        half.end()
    }

    private func move(_ input: inout InputBuffer, into half: Half?, atMost bound: UInt64) -> Int {
        var count = Int(min(UInt64(input.count), bound))
        guard let half else {
            input.consume(count)
            return count
        }
        guard count > 0 else { return 0 }
        count = min(count, half.room(for: input))
        guard count > 0 else { return 0 }
        half.put(input.take(count))
        return count
    }

    private mutating func readChunks(
        _ input: inout InputBuffer, into half: Half?, _ heads: HeadPool, _ limit: Int
    ) throws(MessageError) {
        while !isComplete, !input.isEmpty {
            if chunks.isAtTrailers { return try readTrailers(&input, into: half, heads, limit) }
            if !chunks.isAtData {
                input.consume(try chunks.advance(input.bytes))
                continue
            }
            let moved = move(&input, into: half, atMost: chunks.left)
            guard moved > 0 else { return }
            chunks.took(moved)
        }
    }

    private mutating func readTrailers(
        _ input: inout InputBuffer, into half: Half?, _ heads: HeadPool, _ limit: Int
    ) throws(MessageError) {
        if input.bytes[0] == 0x0d {
            guard input.count > 1 else { return }
            guard input.bytes[1] == 0x0a else { throw .bareCarriageReturn }
            input.consume(2)
            isComplete = true
            half?.end()
            return
        }
        guard let end = trailerScanner.end(of: input.bytes) else {
            guard input.count < limit, !input.isFull else { throw .headTooLarge }
            return
        }
        guard end <= limit else { throw .headTooLarge }
        let trailers = heads.obtain(.trailers)
        do throws(MessageError) {
            try HeadParser.trailers(input.bytes.extracting(0..<end), into: trailers)
        } catch {
            heads.giveBack(trailers)
            throw error
        }
        input.consume(end)
        isComplete = true
        if let half, trailers.fieldCount > 0 {
            half.end(trailers: trailers)
        } else {
            heads.giveBack(trailers)
            half?.end()
        }
    }
}
