import Bytes
import MuxHTTP3
import Testing

/// Bytes as the tests write them.
func varint(_ value: UInt64) -> [UInt8] {
    let size = Varint.size(value)
    let prefix: UInt64 = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3
    let word = value | prefix << UInt64(size * 8 - 2)
    return (0..<size).map { UInt8(truncatingIfNeeded: word >> UInt64((size - 1 - $0) * 8)) }
}

/// A whole frame.
func frame(_ type: UInt64, _ payload: [UInt8] = []) -> [UInt8] {
    varint(type) + varint(UInt64(payload.count)) + payload
}

@Suite("Framing") struct FramingTests {
    @Test(
        "Integers of all sizes are read whole and byte by byte",
        arguments: [
            0, 1, 63, 64, 16_383, 16_384, 1_073_741_823, 1_073_741_824, Varint.max,
        ] as [UInt64])
    func varints(_ value: UInt64) {
        let bytes = varint(value)
        var whole = VarintReader()
        var position = 0
        let read = whole.read(bytes.span, &position)
        #expect(read == value)
        #expect(position == bytes.count)

        var pieces = VarintReader()
        var last: UInt64?
        for (index, byte) in bytes.enumerated() {
            var start = 0
            let single = [byte]
            last = pieces.read(single.span, &start)
            #expect((last == nil) == (index < bytes.count - 1))
            #expect(pieces.isPartial == (index < bytes.count - 1))
        }
        #expect(last == value)
    }

    @Test("A frame header may come in pieces") func headerInPieces() {
        let bytes = varint(0xf0700) + varint(70_000)
        for split in 0...bytes.count {
            var reader = FrameHeaderReader()
            var position = 0
            let head = Array(bytes[0..<split])
            let tail = Array(bytes[split...])
            var header = reader.read(head.span, &position)
            if split < bytes.count {
                #expect(header == nil)
                #expect(reader.isPartial == (split > 0))
                position = 0
                header = reader.read(tail.span, &position)
            }
            #expect(header == FrameHeader(type: 0xf0700, length: 70_000))
            #expect(!reader.isPartial)
        }
    }

    @Test("Priority values of RFC 9218") func priorities() {
        func parse(_ text: String) -> StreamPriority? {
            let bytes = Array(text.utf8)
            return StreamPriority(fieldValue: bytes.span)
        }
        #expect(parse("") == StreamPriority())
        #expect(parse("u=0") == StreamPriority(urgency: 0))
        #expect(parse("u=7, i") == StreamPriority(urgency: 7, isIncremental: true))
        #expect(parse("i") == StreamPriority(urgency: 3, isIncremental: true))
        #expect(parse("x=1, u=2") == StreamPriority(urgency: 2))
        #expect(parse("u=8") == nil)
        #expect(parse("u=") == nil)
        #expect(parse("i=1") == nil)
    }
}

@Suite("Control stream") struct ControlStreamTests {
    private func events(_ bytes: [UInt8], isServer: Bool = true, piece: Int = .max) throws -> [ControlStreamReader
        .Event]
    {
        var reader = ControlStreamReader(isServer: isServer)
        var events: [ControlStreamReader.Event] = []
        var offset = 0
        while offset < bytes.count {
            let end = offset + min(piece, bytes.count - offset)
            let part = Array(bytes[offset..<end])
            var position = 0
            while let event = try reader.next(part.span, &position) { events.append(event) }
            #expect(position == part.count)
            offset = end
        }
        return events
    }

    private static let settings = frame(
        FrameType.settings,
        varint(SettingID.qpackMaxTableCapacity) + varint(4096) + varint(SettingID.qpackBlockedStreams) + varint(100)
            + varint(SettingID.maxFieldSectionSize) + varint(16_384) + varint(SettingID.enableConnectProtocol)
            + varint(1)
            + varint(0x21) + varint(77))

    @Test("All frames, in one piece and byte by byte", arguments: [Int.max, 1, 2, 3]) func frames(_ piece: Int) throws {
        var expected = PeerSettings()
        expected.qpackTableCapacity = 4096
        expected.qpackBlockedStreams = 100
        expected.maxFieldSectionSize = 16_384
        expected.allowsExtendedConnect = true
        let bytes =
            Self.settings + frame(0x21, [1, 2, 3]) + frame(FrameType.maxPushID, varint(3))
            + frame(FrameType.priorityUpdateRequest, varint(8) + Array("u=1, i".utf8))
            + frame(FrameType.priorityUpdateRequest, varint(4)) + frame(FrameType.goaway, varint(0))
            + frame(FrameType.priorityUpdateRequest, varint(12) + [UInt8](repeating: 0x20, count: 65))
        let got = try events(bytes, piece: piece)
        #expect(
            got == [
                .settings(expected), .unknown,
                .priorityUpdate(stream: 8, priority: StreamPriority(urgency: 1, isIncremental: true)),
                .priorityUpdate(stream: 4, priority: StreamPriority()), .goaway(0), .unknown,
            ])
    }

    @Test("Empty SETTINGS are the defaults") func emptySettings() throws {
        let got = try events(frame(FrameType.settings))
        #expect(got == [.settings(PeerSettings())])
    }

    private struct Malformed: CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
        var code: HTTP3ErrorCode
        var isServer = true
    }

    private static let malformed: [Malformed] = [
        Malformed(testDescription: "no SETTINGS", bytes: frame(FrameType.goaway, varint(0)), code: .missingSettings),
        Malformed(testDescription: "unknown frame first", bytes: frame(0x21), code: .missingSettings),
        Malformed(testDescription: "SETTINGS twice", bytes: settings + settings, code: .frameUnexpected),
        Malformed(
            testDescription: "setting twice",
            bytes: frame(FrameType.settings, varint(1) + varint(5) + varint(1) + varint(5)), code: .settingsError),
        Malformed(
            testDescription: "setting of HTTP/2", bytes: frame(FrameType.settings, varint(2) + varint(1)),
            code: .settingsError),
        Malformed(
            testDescription: "setting 0x8 is 2", bytes: frame(FrameType.settings, varint(8) + varint(2)),
            code: .settingsError),
        Malformed(
            testDescription: "setting without value", bytes: frame(FrameType.settings, varint(6)), code: .frameError),
        Malformed(
            testDescription: "setting cut off", bytes: frame(FrameType.settings, varint(6) + [0x80]), code: .frameError),
        Malformed(testDescription: "DATA", bytes: settings + frame(FrameType.data, [1]), code: .frameUnexpected),
        Malformed(testDescription: "HEADERS", bytes: settings + frame(FrameType.headers, [1]), code: .frameUnexpected),
        Malformed(
            testDescription: "PUSH_PROMISE", bytes: settings + frame(FrameType.pushPromise, [1]), code: .frameUnexpected
        ),
        Malformed(testDescription: "HTTP/2 PING", bytes: settings + frame(0x06), code: .frameUnexpected),
        Malformed(testDescription: "empty GOAWAY", bytes: settings + frame(FrameType.goaway), code: .frameError),
        Malformed(
            testDescription: "long GOAWAY", bytes: settings + frame(FrameType.goaway, [0, 0]), code: .frameError),
        Malformed(
            testDescription: "growing GOAWAY",
            bytes: settings + frame(FrameType.goaway, varint(4)) + frame(FrameType.goaway, varint(8)), code: .idError),
        Malformed(
            testDescription: "GOAWAY to a client names no request",
            bytes: settings + frame(FrameType.goaway, varint(1)),
            code: .idError, isServer: false),
        Malformed(
            testDescription: "MAX_PUSH_ID to a client", bytes: settings + frame(FrameType.maxPushID, varint(1)),
            code: .frameUnexpected, isServer: false),
        Malformed(
            testDescription: "PRIORITY_UPDATE to a client",
            bytes: settings + frame(FrameType.priorityUpdateRequest, varint(0)), code: .frameUnexpected, isServer: false
        ),
        Malformed(
            testDescription: "shrinking MAX_PUSH_ID",
            bytes: settings + frame(FrameType.maxPushID, varint(4)) + frame(FrameType.maxPushID, varint(3)),
            code: .idError),
        Malformed(
            testDescription: "CANCEL_PUSH", bytes: settings + frame(FrameType.cancelPush, varint(1)), code: .idError),
        Malformed(
            testDescription: "PRIORITY_UPDATE of a push",
            bytes: settings + frame(FrameType.priorityUpdatePush, varint(1)), code: .idError),
        Malformed(
            testDescription: "PRIORITY_UPDATE of no request",
            bytes: settings + frame(FrameType.priorityUpdateRequest, varint(3)), code: .idError),
        Malformed(
            testDescription: "PRIORITY_UPDATE that is no dictionary",
            bytes: settings + frame(FrameType.priorityUpdateRequest, varint(0) + Array("u=,".utf8)),
            code: .generalProtocolError),
    ]

    @Test("What the peer may not send ends the connection with the code of the RFC", arguments: malformed)
    private func errors(_ item: Malformed) throws {
        for piece in [Int.max, 1] {
            let error = try #require(throws: HTTP3ConnectionError.self) {
                _ = try events(item.bytes, isServer: item.isServer, piece: piece)
            }
            #expect(error.code == item.code)
        }
    }
}
