import Bytes
import Messages
import MuxHTTP3
import Testing

@Suite("QPACK") struct QPACKTests {
    /// An encoder and a decoder with the streams between them.
    private final class Pair {
        let pool = BufferPool(slabSize: 4096)
        let memory = QPACKMemory()
        var gather: GatherBuffer
        var encoder: QPACKEncoder
        var decoder: QPACKDecoder
        var list = FieldList()
        var encoderStream = SendBuffer()

        init(capacity: Int = 4096, blocked: UInt64 = 100) throws {
            encoder = try QPACKEncoder(capacity: 4096, memory: memory)
            decoder = try QPACKDecoder(capacity: capacity, blockedStreams: 100, streams: 100, memory: memory)
            gather = GatherBuffer(pool: pool)
            var settings = PeerSettings()
            settings.qpackTableCapacity = UInt64(capacity)
            settings.qpackBlockedStreams = blocked
            encoder.apply(settings)
        }

        /// The HEADERS frame of `head`.
        func encode(_ head: MessageHead, stream: Int64) throws -> [UInt8] {
            var frame = SendBuffer()
            list.fill(head)
            try encoder.encode(list, stream: stream, gather: &gather, frame: &frame, encoderStream: &encoderStream)
            return taken(&frame)
        }

        func takeEncoderStream() -> [UInt8] {
            var buffer = SendBuffer()
            swap(&buffer, &encoderStream)
            return taken(&buffer)
        }

        /// Hands what waits for the encoder stream to the decoder.
        func update() throws {
            let bytes = takeEncoderStream()
            try decoder.readEncoderStream(bytes.span)
        }

        /// Hands our acknowledgements to the encoder.
        func acknowledge() throws {
            guard let chunk = decoder.takeDecoderStream(&gather) else { return }
            try encoder.readDecoderStream(chunk.bytes)
        }

        private func taken(_ buffer: inout SendBuffer) -> [UInt8] {
            var bytes: [UInt8] = []
            let length = buffer.count
            buffer.sent(length)
            for index in 0..<buffer.unacknowledged.chunks {
                if let chunk = buffer.unacknowledged.share(at: index) {
                    for place in chunk.bytes.indices { bytes.append(chunk.bytes[place]) }
                }
            }
            buffer.acknowledged(UInt64(length))
            return bytes
        }

        /// Decodes a HEADERS frame given in pieces of `piece` bytes; nil when it is blocked.
        func decode(_ frame: [UInt8], stream: Int64, piece: Int = .max) throws -> [String]? {
            var start = 0
            var reader = FrameHeaderReader()
            let header = try #require(reader.read(frame.span, &start))
            #expect(header.type == FrameType.headers)
            #expect(Int(header.length) == frame.count - start)
            let section = FieldSection(memory)
            try section.begin(stream)
            var lines: [String] = []
            var offset = start
            while true {
                let end = offset + min(piece, frame.count - offset)
                let part = Array(frame[offset..<end])
                var position = 0
                loop: while true {
                    switch try decoder.next(section, part.span, &position, isLast: end == frame.count) {
                    case .field: decoder.withField { lines.append($0.string + "=" + $1.string) }
                    case .more: break loop
                    case .end:
                        return lines
                    case .blocked: return nil
                    }
                }
                offset = end
            }
        }
    }

    private func request(_ path: String, _ fields: [(String, String)]) throws -> MessageHead {
        let head = MessageHead(.request)
        let path = Array(path.utf8)
        try head.setPath(path.span)
        try head.setScheme(Span("https"))
        try head.setAuthorityAndHost(Span("example.org"))
        for (name, value) in fields {
            let name = Array(name.utf8)
            let value = Array(value.utf8)
            try head.append(name: name.span, value.span)
        }
        return head
    }

    @Test("Lines come out as they went in, whole and byte by byte", arguments: [Int.max, 1]) func roundTrip(
        _ piece: Int
    ) throws {
        let pair = try Pair()
        let head = try request("/a?b", [("user-agent", "test"), ("x-trace", "0123"), ("authorization", "secret")])
        let bytes = try pair.encode(head, stream: 0)
        try pair.update()
        let got = try pair.decode(bytes, stream: 0, piece: piece)
        #expect(
            got == [
                ":method=GET", ":scheme=https", ":authority=example.org", ":path=/a?b", "user-agent=test",
                "x-trace=0123",
                "authorization=secret",
            ])
    }

    @Test("The dynamic table makes the second request small; acknowledgements are counted") func dynamicTable() throws {
        let pair = try Pair()
        let head = try request("/", [("user-agent", "a rather long product name/1.0 (with a comment)")])
        let first = try pair.encode(head, stream: 0)
        let instructions = pair.takeEncoderStream()
        #expect(instructions.count > 40)
        // Without the instructions the section can not be read.
        let early = try pair.decode(first, stream: 0)
        #expect(early == nil)
        try pair.decoder.readEncoderStream(instructions.span)
        #expect(pair.decoder.insertCount > 0)
        let lines = try pair.decode(first, stream: 0)
        #expect(lines?.count == 5)
        var open = pair.encoder.unacknowledgedSections
        #expect(open == 1)
        try pair.acknowledge()
        open = pair.encoder.unacknowledgedSections
        #expect(open == 0)

        let second = try pair.encode(head, stream: 4)
        #expect(pair.takeEncoderStream().isEmpty)
        #expect(second.count < 16)
        let again = try pair.decode(second, stream: 4)
        #expect(again == lines)
        try pair.decoder.cancel(4)
        try pair.acknowledge()
        open = pair.encoder.unacknowledgedSections
        #expect(open == 0)
    }

    @Test("Secrets never enter the dynamic table") func secrets() throws {
        let pair = try Pair()
        let head = try request(
            "/",
            [
                ("authorization", String(repeating: "s", count: 60)),
                ("proxy-authorization", String(repeating: "p", count: 60)),
            ])
        for stream in 0..<3 {
            let bytes = try pair.encode(head, stream: Int64(stream) * 4)
            #expect(bytes.count > 80)
            try pair.update()
            let lines = try pair.decode(bytes, stream: Int64(stream) * 4)
            #expect(lines?.count == 6)
            try pair.acknowledge()
        }
    }

    @Test("Without room for a dynamic table all is literal") func staticOnly() throws {
        let pair = try Pair(capacity: 0, blocked: 0)
        let head = try request("/", [("user-agent", "long long long long")])
        let bytes = try pair.encode(head, stream: 0)
        #expect(pair.takeEncoderStream().isEmpty)
        let open = pair.encoder.unacknowledgedSections
        #expect(open == 0)
        let lines = try pair.decode(bytes, stream: 0)
        #expect(lines?.count == 5)
    }

    @Test("Broken streams end the connection with their own codes") func errors() throws {
        var pair = try Pair()
        var error = try #require(throws: HTTP3ConnectionError.self) {
            // An entry of the dynamic table that never was.
            _ = try pair.decode(frame(FrameType.headers, [0xff, 0xff, 0x01, 0x00]), stream: 0)
        }
        #expect(error.code == .qpackDecompressionFailed)
        pair = try Pair()
        error = try #require(throws: HTTP3ConnectionError.self) {
            _ = try pair.decode(frame(FrameType.headers), stream: 0)
        }
        #expect(error.code == .qpackDecompressionFailed)
        pair = try Pair()
        error = try #require(throws: HTTP3ConnectionError.self) {
            // Duplicate of an entry in an empty table.
            let bytes: [UInt8] = [0x00]
            try pair.decoder.readEncoderStream(bytes.span)
        }
        #expect(error.code == .qpackEncoderStreamError)
        error = try #require(throws: HTTP3ConnectionError.self) {
            // Acknowledges a section that was never sent.
            let bytes: [UInt8] = [0x84]
            try pair.encoder.readDecoderStream(bytes.span)
        }
        #expect(error.code == .qpackDecoderStreamError)
        pair = try Pair()
        error = try #require(throws: HTTP3ConnectionError.self) {
            // A literal name of 300 bytes.
            _ = try pair.decode(
                frame(
                    FrameType.headers, [0, 0, 0x27] + [0xa5, 0x02] + [UInt8](repeating: 0x61, count: 300) + [1, 0x61]),
                stream: 0)
        }
        #expect(error.code == .excessiveLoad)
    }

    @Test("Section acknowledgements are counted across pieces") func counter() {
        var counter = DecoderStreamCounter()
        // Ack of stream 4, ack of stream 1,000 in two bytes, cancel of stream 400, increment of 3 and of 500.
        let bytes: [UInt8] = [0x84, 0xff, 0xe9, 0x06, 0x7f, 0xd1, 0x02, 0x03, 0x3f, 0xb5, 0x03]
        let whole = counter.count(bytes.span)
        #expect(whole == 3)
        var sum = 0
        for byte in bytes {
            let single = [byte]
            sum += counter.count(single.span)
        }
        #expect(sum == 3)
    }
}
