import Bytes
import Messages
import MuxHTTP2
import Streams
import Testing

@Suite("HTTP/2 exchanges, a back mux against a front mux") struct ExchangeTests {
    @Test("A GET and its answer") func get() throws {
        let link = try Link()
        let client = try link.request("GET", "/one?two", fields: [("x-a", "1"), ("cookie", "a=b"), ("cookie", "c=d")])
        link.run()
        let server = try #require(link.server.records.first)
        let head = try #require(server.exchange?.request.head)
        #expect(head.method == .get)
        #expect(head.path.string == "/one?two")
        #expect(head.scheme.string == "https")
        #expect(head.authority.string == "a.test")
        #expect(head.field("host") == "a.test")
        #expect(head.field("x-a") == "1")
        #expect(head.field("cookie") == "a=b; c=d")
        #expect(head.version == .http2)
        #expect(head.bodyLength == .none)
        #expect(server.exchange?.request.phase == .ended)
        let activity = link.server.mux.activity
        #expect(activity == .busy)

        try server.respond(fields: [("content-type", "text/plain"), ("content-length", "5")], body: "hello")
        link.run()
        #expect(server.isOver)
        #expect(server.loggedFailure == nil)
        #expect(server.bytesToClient > 14)
        #expect(server.bytesFromClient > 9)
        let answer = try #require(client.exchange?.response)
        #expect(answer.head?.status == 200)
        #expect(answer.head?.bodyLength == .known(5))
        #expect(answer.head?.field("content-type") == "text/plain")
        #expect(answer.takeText() == "hello")
        #expect(answer.phase == .ended)
        #expect(client.exchange?.back == nil)
        client.exchange?.frontFinished()
        #expect(client.isOver)
        #expect(link.server.mux.activity == .idle)
        #expect(link.client.mux.availableStreams == 100)
        #expect(link.server.mux.statistics.resetsSent == 0)
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("Bodies both ways keep their bytes, whatever the size of reads", arguments: [1, 7, 1000, Int.max])
    func bodies(moveLimit: Int) throws {
        let link = try Link()
        let total = moveLimit < 100 ? 3000 : 300_000
        let client = try link.request("POST", length: .known(UInt64(total)), ends: false)
        let clientExchange = try #require(client.exchange)
        clientExchange.request.head.map { try? $0.append(.contentLength, bytes("\(total)").span) }
        link.moveLimit = moveLimit
        var put = 0
        var taken = 0
        var back = 0
        var backTaken = 0
        var isAnswered = false
        link.run {
            var acted = false
            if put < total, clientExchange.request.room > 0 {
                let size = min(10_000, total - put)
                clientExchange.request.putPattern(size, from: put, link.pool)
                put += size
                if put == total { clientExchange.request.end() }
                acted = true
            }
            guard let server = link.server.records.first, let exchange = server.exchange else { return acted }
            while let chunk = exchange.request.take() {
                for index in chunk.bytes.indices {
                    if chunk.bytes[index] != pattern(taken) { Issue.record("byte \(taken) differs") }
                    taken += 1
                }
                acted = true
            }
            if !isAnswered {
                isAnswered = true
                try? server.respond(length: .unknown, ends: false)
                acted = true
            }
            if back < total, exchange.response.room > 0 {
                let size = min(10_000, total - back)
                exchange.response.putPattern(size, from: back, link.pool)
                back += size
                acted = true
            }
            if back == total, taken == total, exchange.response.phase == .body {
                exchange.response.end()
                acted = true
            }
            while let chunk = clientExchange.response.take() {
                for index in chunk.bytes.indices {
                    if chunk.bytes[index] != pattern(backTaken) { Issue.record("byte \(backTaken) differs") }
                    backTaken += 1
                }
                acted = true
            }
            return acted
        }
        while let chunk = clientExchange.response.take() { backTaken += chunk.count }
        #expect(taken == total)
        #expect(backTaken == total)
        #expect(clientExchange.response.phase == .ended)
        #expect(clientExchange.back == nil)
        clientExchange.frontFinished()
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("Trailers pass both ways, with and without a body", arguments: [true, false])
    func trailers(hasBody: Bool) throws {
        let link = try Link()
        let client = try link.request("POST", length: .unknown, ends: false)
        let exchange = try #require(client.exchange)
        if hasBody { exchange.request.put(text: "question", link.pool) }
        link.run()
        let trailers = link.client.resources.heads.obtain(.trailers)
        try trailers.append(name: bytes("x-checksum").span, bytes("abc").span)
        exchange.request.end(trailers: trailers)
        link.run()
        let server = try #require(link.server.records.first)
        let request = try #require(server.exchange?.request)
        #expect(request.phase == .ended)
        #expect(request.takeText() == (hasBody ? "question" : ""))
        #expect(request.trailers?.field("x-checksum") == "abc")

        try server.respond(body: hasBody ? "answer" : nil, length: .unknown, ends: false)
        let last = link.server.resources.heads.obtain(.trailers)
        try last.append(name: bytes("grpc-status").span, bytes("0").span)
        server.exchange?.response.end(trailers: last)
        link.run()
        #expect(server.isOver)
        #expect(exchange.response.takeText() == (hasBody ? "answer" : ""))
        #expect(exchange.response.trailers?.field("grpc-status") == "0")
        #expect(exchange.back == nil)
        exchange.frontFinished()
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("Interim heads come before the final one") func interim() throws {
        let link = try Link()
        let client = try link.request("POST", fields: [("expect", "100-continue")], length: .unknown, ends: false)
        link.run()
        let server = try #require(link.server.records.first)
        #expect(server.exchange?.request.head?.field("expect") == "100-continue")
        try server.respond(100)
        try server.respond(103, fields: [("link", "</a.css>")])
        link.run()
        let exchange = try #require(client.exchange)
        let first = exchange.response.takeInterim()
        let second = exchange.response.takeInterim()
        #expect(first?.status == 100)
        #expect(second?.status == 103)
        #expect(second?.field("link") == "</a.css>")
        #expect(exchange.response.phase == .idle)
        exchange.request.put(text: "go", link.pool)
        exchange.request.end()
        link.run()
        #expect(server.exchange?.request.takeText() == "go")
        try server.respond(body: "done")
        link.run()
        #expect(exchange.response.head?.status == 200)
        #expect(exchange.response.takeText() == "done")
        exchange.frontFinished()
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test(
        "Answers without a body end with their head",
        arguments: [("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 200)])
    func noBody(method: String, status: Int) throws {
        let link = try Link()
        let client = try link.request(method)
        link.run()
        let server = try #require(link.server.records.first)
        let fields = method == "HEAD" || status == 304 ? [("content-length", "1234")] : []
        try server.respond(status, fields: fields)
        link.run()
        let exchange = try #require(client.exchange)
        #expect(exchange.response.head?.status == status)
        #expect(exchange.response.head?.bodyLength == BodyLength.none)
        #expect(exchange.response.head?.field("content-length") == fields.first?.1)
        #expect(exchange.response.phase == .ended)
        #expect(exchange.back == nil)
        #expect(server.isOver)
        exchange.frontFinished()
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("A hundred streams at once share the connection") func manyStreams() throws {
        let link = try Link()
        var clients: [Record] = []
        link.run()
        for number in 0..<100 { clients.append(try link.request("GET", "/\(number)")) }
        #expect(link.client.mux.availableStreams == 0)
        let extra = try link.request("GET", "/refused")
        #expect(extra.exchange?.back == nil)
        link.run()
        #expect(link.server.records.count == 100)
        for (number, server) in link.server.records.enumerated() {
            try server.respond(body: String(repeating: "\(number);", count: 2000))
        }
        var texts = [String](repeating: "", count: 100)
        link.run {
            for (number, client) in clients.enumerated() {
                if let half = client.exchange?.response, half.count > 0 { texts[number] += half.takeText() }
            }
            return false
        }
        for number in 0..<100 { #expect(texts[number] == String(repeating: "\(number);", count: 2000)) }
        for client in clients { client.exchange?.frontFinished() }
        #expect(link.client.mux.availableStreams == 100)
        #expect(link.client.streamsChangedCalls > 0)
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("Streams with data take turns") func fairness() throws {
        let link = try Link()
        let first = try link.request()
        let second = try link.request("GET", "/2")
        link.run()
        for server in link.server.records {
            try server.respond(length: .unknown, ends: false)
            server.exchange?.response.putPattern(30_000, from: 0, link.pool)
            server.exchange?.response.putPattern(30_000, from: 30_000, link.pool)
        }
        link.server.outputLimit = 40_000
        link.server.flush()
        var sent: [Int] = []
        for server in link.server.records { sent.append(Int(server.exchange?.response.bytesOut ?? 0)) }
        // Within one output of 40,000 bytes both have had their share.
        #expect(sent[0] > 0)
        #expect(sent[1] > 0)
        let waiting = link.server.output.count
        #expect(waiting >= 40_000)
        #expect(waiting < 40_000 + 16_384 + 9)
        first.exchange?.kill(.killed)
        second.exchange?.kill(.killed)
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("A client's priorities are obeyed: the more urgent stream first, others after it") func priorities() throws {
        let link = try Link()
        var clients = [try link.request("GET", "/later", fields: [("priority", "u=5")])]
        clients.append(try link.request("GET", "/now", fields: [("priority", "u=1")]))
        link.run()
        for server in link.server.records {
            try server.respond(length: .unknown, ends: false)
            server.exchange?.response.putPattern(30_000, from: 0, link.pool)
        }
        link.server.outputLimit = 10_000
        link.server.flush()
        let later = link.server.records[0].exchange?.response.bytesOut
        let now = link.server.records[1].exchange?.response.bytesOut
        #expect(later == 0)
        #expect(now == 16_384)
        for client in clients { client.exchange?.kill(.killed) }
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("A refused request goes to another connection whole") func retried() throws {
        let link = try Link()
        let other = try TestConnection(.back, HTTP2Settings(), link.client.resources)
        link.server.refusesExchanges = true
        let client = try link.request(
            "PUT", "/again", fields: [("content-length", "4")], length: .known(4), ends: false)
        var isReattached = false
        client.onBackFailed = { isReattached = $0.request.rewind() && other.mux.open($0) }
        link.run()
        #expect(client.isUnsent)
        #expect(isReattached)
        client.exchange?.request.put(text: "body", link.pool)
        client.exchange?.request.end()
        let second = try TestConnection(.front, HTTP2Settings(), link.client.resources)
        second.receive(other.takeOutput())
        let request = try #require(second.records.first?.exchange?.request)
        #expect(request.takeText() == "body")
        #expect(request.phase == .ended)
        client.exchange?.kill(.killed)
        second.close()
        other.close()
        link.close()
        #expect(link.pool.used == 0)
    }

    @Test("A server that refuses exchanges refuses the stream, which may be tried again") func refused() throws {
        let link = try Link()
        link.server.refusesExchanges = true
        let client = try link.request()
        link.run()
        #expect(client.failure == .serverAborted)
        #expect(client.isUnsent)
        #expect(link.server.mux.activity == .idle)
        client.exchange?.kill(.noServer)
        link.close()
        #expect(link.pool.used == 0)
    }
}
