import Bytes
import MuxHTTP2
import Streams
import Testing

@Suite("HTTP/2 floods") struct FloodTests {
    private func server(_ change: (inout HTTP2Settings) -> Void = { _ in }) throws -> TestConnection {
        var settings = HTTP2Settings()
        change(&settings)
        let server = try TestConnection(.front, settings)
        server.receive(Frame.hello)
        _ = server.takeOutput()
        return server
    }

    /// True when the output ends with GOAWAY and ENHANCE_YOUR_CALM, and the connection is to be closed.
    private func isCalmedDown(_ server: TestConnection) -> Bool {
        guard let last = Frame.parse(server.takeOutput()).last, last.kind == .goAway else { return false }
        guard server.mux.statistics.goAwaySent == .enhanceYourCalm else { return false }
        return last.word(at: 4) == HTTP2ErrorCode.enhanceYourCalm.rawValue && server.mux.closeIntent == .close
    }

    private func finish(_ server: TestConnection) {
        server.close()
        #expect(server.resources.buffers.used == 0)
    }

    @Test("Rapid reset ends the connection; time earns permits back") func rapidReset() throws {
        let server = try server { $0.limits.resets = .init(burst: 10, perSecond: 1) }
        var stream: UInt32 = 1
        func requestAndReset() {
            server.receive(
                Frame.request(stream, Frame.get).bytes
                    + Frame(.resetStream, stream: stream, Frame.word(HTTP2ErrorCode.cancel.rawValue)).bytes)
            stream += 2
        }
        for _ in 0..<10 { requestAndReset() }
        #expect(!isCalmedDown(server))
        server.resources.clock.now = server.resources.clock.now.advanced(milliseconds: 5000)
        for _ in 0..<5 { requestAndReset() }
        #expect(!isCalmedDown(server))
        requestAndReset()
        #expect(isCalmedDown(server))
        #expect(server.records.allSatisfy { $0.isOver && $0.loggedFailure == .clientAborted })
        finish(server)
    }

    @Test("Requests that make us reset them count as well") func madeYouReset() throws {
        let server = try server { $0.limits.resets = .init(burst: 10, perSecond: 1) }
        for number in 0..<11 {
            let stream = UInt32(number * 2 + 1)
            server.receive(
                Frame.request(stream, Frame.post + [("content-length", "1")], ends: false).bytes
                    + Frame(.data, stream: stream, [1, 2]).bytes)
            if number < 10 { #expect(!isCalmedDown(server)) }
        }
        #expect(isCalmedDown(server))
        finish(server)
    }

    @Test("Streams that were answered may be reset without end") func answered() throws {
        let server = try server { $0.limits.resets = .init(burst: 3, perSecond: 0) }
        for number in 0..<50 {
            let stream = UInt32(number * 2 + 1)
            server.receive(Frame.request(stream, Frame.post, ends: false).bytes)
            try server.records[number].respond(body: "early")
            _ = server.takeOutput()
            server.receive(Frame(.resetStream, stream: stream, Frame.word(HTTP2ErrorCode.cancel.rawValue)).bytes)
        }
        #expect(server.mux.closeIntent == .open)
        finish(server)
    }

    @Test("RST_STREAM for streams that are closed already is limited") func lateResets() throws {
        let server = try server { $0.limits.controlFrames = .init(burst: 20, perSecond: 10) }
        server.receive(Frame.request(1, Frame.get).bytes)
        try server.records[0].respond(body: "done")
        _ = server.takeOutput()
        let frame = Frame(.resetStream, stream: 1, Frame.word(HTTP2ErrorCode.cancel.rawValue))
        for _ in 0..<19 { server.receive(frame.bytes) }
        #expect(!isCalmedDown(server))
        server.receive(frame.bytes)
        #expect(isCalmedDown(server))
        finish(server)
    }

    @Test("PING, SETTINGS and PRIORITY frames are limited", arguments: [0, 1, 2])
    func controlFrames(kind: Int) throws {
        let server = try server { $0.limits.controlFrames = .init(burst: 20, perSecond: 10) }
        let frame = [
            Frame(.ping, bytes("12345678")), Frame(.settings), Frame(.priority, stream: 3, [0, 0, 0, 0, 1]),
        ][kind]
        // The SETTINGS of the start has taken one.
        for _ in 0..<19 { server.receive(frame.bytes) }
        #expect(!isCalmedDown(server))
        server.receive(frame.bytes)
        #expect(isCalmedDown(server))
        finish(server)
    }

    @Test("A peer that does not read its answers is not read either") func unreadAnswers() throws {
        let server = try server()
        #expect(server.mux.wantsInput)
        for _ in 0..<600 { server.receive(Frame(.ping, bytes("12345678")).bytes) }
        #expect(!server.mux.wantsInput)
        _ = server.takeOutput()
        #expect(server.mux.wantsInput)
        #expect(server.mux.closeIntent == .open)
        finish(server)
    }

    @Test("Answers that pile up in one read end the connection") func flooded() throws {
        let server = try server {
            $0.limits.waitingAcknowledgements = 50
            $0.limits.controlFrames = .init(burst: 10_000, perSecond: 0)
        }
        server.receive((0..<60).flatMap { _ in Frame(.ping, bytes("12345678")).bytes })
        #expect(isCalmedDown(server))
        finish(server)
    }

    @Test("Empty DATA frames are limited; padding alone counts as empty", arguments: [true, false])
    func emptyData(isPadded: Bool) throws {
        let server = try server { $0.limits.emptyDataFrames = .init(burst: 10, perSecond: 1) }
        server.receive(Frame.request(1, Frame.post, ends: false).bytes)
        let empty = isPadded ? Frame(.data, flags: Frame.padded, stream: 1, [2, 0, 0]) : Frame(.data, stream: 1)
        for _ in 0..<10 { server.receive(empty.bytes) }
        #expect(!isCalmedDown(server))
        server.receive(empty.bytes)
        #expect(isCalmedDown(server))
        #expect(server.records[0].isOver)
        finish(server)
    }

    @Test("CONTINUATION frames are limited") func continuation() throws {
        let server = try server()
        server.receive(Frame(.headers, stream: 1, Frame.section(Frame.get)).bytes)
        #expect(server.mux.activity == .receivingHead)
        for _ in 0..<9 { server.receive(Frame(.continuation, stream: 1, Frame.section([("x-a", "1")])).bytes) }
        #expect(server.mux.closeIntent == .close || isClosing(server))
        #expect(server.records.isEmpty)
        finish(server)
    }

    private func isClosing(_ server: TestConnection) -> Bool {
        let frames = Frame.parse(server.takeOutput())
        return frames.last?.kind == .goAway && server.mux.closeIntent == .close
    }

    @Test("A SETTINGS frame has a limited number of entries") func settingsEntries() throws {
        let server = try server()
        server.receive(Frame(.settings, (0..<33).flatMap { _ in [0, 3, 0, 0, 0, 100] as [UInt8] }).bytes)
        #expect(isClosing(server))
        finish(server)
    }

    @Test("Glitches close the connection at their threshold") func glitches() throws {
        let server = try server { $0.limits.glitches = 5 }
        for number in 0..<5 {
            #expect(server.mux.closeIntent == .open)
            server.receive(Frame.request(UInt32(number * 2 + 1), Frame.get + [("connection", "x")]).bytes)
        }
        #expect(isCalmedDown(server))
        #expect(server.mux.statistics.glitches >= 5)
        finish(server)
    }

    @Test("More streams than announced are refused") func tooManyStreams() throws {
        let server = try server { $0.maxConcurrentStreams = 2 }
        // Before SETTINGS is acknowledged a client can not know: RFC 9113 section 5.1.2.
        for number in 0..<3 { server.receive(Frame.request(UInt32(number * 2 + 1), Frame.get).bytes) }
        let frames = Frame.parse(server.takeOutput())
        let reset = frames.first { $0.kind == .resetStream }
        #expect(reset?.stream == 5)
        #expect(reset?.word(at: 0) == HTTP2ErrorCode.refusedStream.rawValue)
        #expect(server.records.count == 2)
        server.receive(Frame(.settings, flags: Frame.ack).bytes + Frame.request(7, Frame.get).bytes)
        #expect(isClosing(server))
        #expect(server.records.count == 2)
        finish(server)
    }
}
