import Bytes
import Messages
import MuxHTTP2
import Streams
import Testing

@Suite("HTTP/2 flow control") struct WindowTests {
    @Test("A slow server holds back the client: memory stays within the window", arguments: [16_384, 65_535])
    func slowReader(window: Int) throws {
        var settings = HTTP2Settings()
        settings.initialWindowSize = window
        let link = try Link(server: settings)
        let client = try link.request("POST", length: .unknown, ends: false)
        let source = try #require(client.exchange?.request)
        let total = 2_000_000
        var put = 0
        var taken = 0
        var mostHeld = 0
        var mostSlabs = 0
        var turn = 0
        link.run {
            var acted = false
            while put < total, source.room > 0 {
                source.putPattern(min(8000, total - put), from: put, link.pool)
                put += min(8000, total - put)
                if put == total { source.end() }
                acted = true
            }
            turn += 1
            guard let half = link.server.records.first?.exchange?.request else { return acted }
            mostHeld = max(mostHeld, half.count)
            mostSlabs = max(mostSlabs, link.pool.used)
            // A few bytes at a time, and seldom.
            if turn % 3 == 0, let chunk = half.take(upTo: 1000) {
                if chunk.bytes[0] != pattern(taken) { Issue.record("byte \(taken) differs") }
                taken += chunk.count
                acted = true
            }
            return acted || taken < total
        }
        #expect(taken == total)
        // A receiver that is behind gets no larger window.
        #expect(mostHeld <= window)
        // 64 KiB wait at the client, a window at the server, the rest is on its way.
        #expect(mostSlabs <= 24)
        client.exchange?.kill(.killed)
        link.run()
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("A receiver that keeps up gets a larger window, within the budget") func growth() throws {
        var settings = HTTP2Settings()
        settings.initialWindowSize = 16_384
        settings.receiveBuffer = 200_000
        let link = try Link(server: settings)
        let client = try link.request("POST", length: .unknown, ends: false)
        let source = try #require(client.exchange?.request)
        source.limit = 1_000_000
        link.run()
        let half = try #require(link.server.records.first?.exchange?.request)
        var most = 0
        for _ in 0..<60 {
            while source.room > 0 { source.putPattern(30_000, from: 0, link.pool) }
            link.run()
            most = max(most, half.count)
            while half.take() != nil {}
        }
        // 16 KiB and what the connection shares, all of it to the one stream.
        #expect(most == 16_384 + 200_000)
        client.exchange?.kill(.killed)
        link.run()
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("A window that grows before our SETTINGS are acknowledged is whole afterwards", arguments: [16_384, 100_000])
    func growthBeforeAcknowledgement(size: Int) throws {
        var settings = HTTP2Settings()
        settings.initialWindowSize = size
        let resources = WorkerResources()
        let server = try TestConnection(.front, settings, resources)
        server.receive(Frame.hello + Frame.request(1, Frame.post, ends: false).bytes)
        // The client fills the default window, which is all that it knows of.
        var window = 65_535
        while window > 0 {
            let count = min(window, 16_384)
            server.receive(Frame(.data, stream: 1, [UInt8](repeating: 7, count: count)).bytes)
            window -= count
        }
        func takeAll() throws {
            let half = try #require(server.records.first?.exchange?.request)
            while half.take(upTo: 8000) != nil { window += increments(server.takeOutput()) }
        }
        func increments(_ output: [UInt8]) -> Int {
            Frame.parse(output).filter { $0.kind == .windowUpdate && $0.stream == 1 }.reduce(0) {
                $0 + Int($1.word(at: 0))
            }
        }
        try takeAll()
        // Now the client has read SETTINGS: its window changes by the difference (RFC 9113 section 6.9.2).
        window += size - 65_535
        server.receive(Frame(.settings, flags: Frame.ack).bytes)
        window += increments(server.takeOutput())
        try takeAll()
        // All was taken, so the client may send a whole window at least, and no more than it with one doubling.
        #expect(window >= size && window <= 2 * size, "\(window)")
        server.close()
        #expect(resources.buffers.used == 0)
    }

    @Test("A stream that nobody reads does not stop the others") func noHeadOfLineBlocking() throws {
        var settings = HTTP2Settings()
        settings.receiveBuffer = 65_535
        let link = try Link(server: settings)
        var stuck: [Record] = []
        for _ in 0..<5 {
            let client = try link.request("POST", "/stuck", length: .unknown, ends: false)
            stuck.append(client)
            client.exchange?.request.limit = 200_000
            for _ in 0..<10 { client.exchange?.request.putPattern(10_000, from: 0, link.pool) }
        }
        link.run()
        for server in link.server.records { #expect(server.exchange?.request.count == 65_535) }
        let client = try link.request("POST", "/live", length: .unknown, ends: false)
        let source = try #require(client.exchange?.request)
        var put = 0
        var taken = 0
        link.run {
            var acted = false
            while put < 1_000_000, source.room > 0 {
                source.putPattern(10_000, from: put, link.pool)
                put += 10_000
                acted = true
            }
            if link.server.records.count == 6, let half = link.server.records[5].exchange?.request {
                while let chunk = half.take() {
                    taken += chunk.count
                    acted = true
                }
            }
            return acted
        }
        #expect(taken == 1_000_000)
        for client in stuck + [client] { client.exchange?.kill(.killed) }
        link.run()
        #expect(link.server.mux.activity == .idle)
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("A slow client holds back the server's response") func slowClient() throws {
        let link = try Link()
        let client = try link.request()
        link.run()
        let server = try #require(link.server.records.first)
        try server.respond(length: .unknown, ends: false)
        let half = try #require(server.exchange?.response)
        var put = 0
        for _ in 0..<50 {
            while half.room > 0 {
                half.putPattern(10_000, from: put, link.pool)
                put += 10_000
            }
            link.run()
        }
        let held = try #require(client.exchange?.response.count)
        #expect(held == 65_535)
        #expect(put < 65_535 + 65_536 + 10_000)
        #expect(server.end.drainedCalls > 0)
        client.exchange?.frontAborted(.clientAborted)
        link.run()
        #expect(server.isOver)
        #expect(server.loggedFailure == .clientAborted)
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("One byte per frame does not hold a slab each") func tinyFrames() throws {
        let resources = WorkerResources()
        let server = try TestConnection(.front, HTTP2Settings(), resources)
        server.receive(Frame.hello + Frame.request(1, Frame.post, ends: false).bytes)
        for round in 0..<300 {
            // The reads in between make the slab of each byte another one.
            server.receive(Frame(.data, stream: 1, [UInt8(round & 255)]).bytes)
            server.receive(Frame(.windowUpdate, stream: 0, Frame.word(1)).bytes + [])
            server.input.releaseWhenIdle()
        }
        let count = try #require(server.records.first?.exchange?.request.count)
        #expect(count == 300)
        #expect(resources.buffers.used <= 6)
        server.close()
        #expect(resources.buffers.used == 0)
    }

    @Test("DATA beyond the window resets the stream") func overrun() throws {
        var settings = HTTP2Settings()
        settings.initialWindowSize = 100
        let resources = WorkerResources()
        let server = try TestConnection(.front, settings, resources)
        server.receive(Frame.hello)
        _ = server.takeOutput()
        server.receive(Frame(.settings, flags: Frame.ack).bytes)
        server.receive(Frame.request(1, Frame.post, ends: false).bytes)
        server.receive(Frame(.data, stream: 1, [UInt8](repeating: 1, count: 101)).bytes)
        let frames = Frame.parse(server.takeOutput())
        let reset = try #require(frames.first { $0.kind == .resetStream })
        #expect(reset.word(at: 0) == HTTP2ErrorCode.flowControlError.rawValue)
        #expect(server.records[0].isOver)
        #expect(server.records[0].loggedFailure == .clientProtocolError)
        server.close()
        #expect(resources.buffers.used == 0)
    }
}
