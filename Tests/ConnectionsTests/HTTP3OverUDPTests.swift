import Bytes
import Connections
import Foundation
import Messages
import MuxHTTP3
import QUICTransport
import Runtime
import Streams
import TestSupport
import Testing

/// A server of HTTP/3 origins, one for each worker.
private func startOrigin(workers: Int = 1, _ settings: QUICTestSettings = .init()) async throws -> QUICTestServer {
    try await QUICTestServer(workers: workers, settings, certificate: TestCertificates.file()) { host in
        // The origin lives as long as its worker.
        host.keeps = HTTP3Origin(on: host)
    }
}

extension QUICTestServer {
    fileprivate func requests() -> Int { ask { ($0.keeps as? HTTP3Origin)?.requests ?? 0 }.reduce(0, +) }
}

@Suite("HTTP/3 over real sockets", .serialized) struct HTTP3OverUDPTests {
    // MARK: Our own client

    private func client() throws -> QUICTestClient {
        let client = try QUICTestClient()
        let shared = HTTP3Resources(client.host.manager.resources)
        client.host.makeMux = { link in
            try? HTTP3Mux(settings: HTTP3Settings(), connection: link.connection, host: link, resources: shared)
        }
        return client
    }

    @Test("Our client: one request, then a hundred at once, all whole") func hundred() async throws {
        let server = try await startOrigin()
        let client = try client()
        let link = try client.open(server.address)
        try client.host.turn(until: "streams") { link.availableStreams >= 100 }
        let first = try HTTP3Request(1234, on: link, client.host)
        try client.host.turn(until: "the first response") { first.isComplete || first.failure != nil }
        #expect(first.status == 200 && first.received == 1234 && first.isIntact)
        // One is used up: it is given back when half of them are, long before the last is needed.
        var many = try (0..<60).map { try HTTP3Request($0 * 100, on: link, client.host) }
        try client.host.turn(until: "streams") { link.availableStreams >= 40 }
        many += try (60..<100).map { try HTTP3Request($0 * 100, on: link, client.host) }
        try client.host.turn(until: "all responses") { many.allSatisfy { $0.isComplete || $0.failure != nil } }
        for (index, request) in many.enumerated() {
            #expect(request.isComplete && request.isIntact && request.received == index * 100)
        }
        #expect(server.requests() == 101)
        #expect(server.ask { $0.accepted.first?.session?.exchanges }[0] == 101)
    }

    @Test("Our client: ten megabytes down, and three up") func large() async throws {
        let server = try await startOrigin()
        let client = try client()
        let link = try client.open(server.address)
        try client.host.turn(until: "streams") { link.availableStreams > 1 }
        let down = try HTTP3Request(10_000_000, on: link, client.host)
        let up = try HTTP3Request(0, upload: 3_000_000, on: link, client.host)
        try client.host.turn(until: "both responses", within: 120) {
            (down.isComplete || down.failure != nil) && (up.isComplete || up.failure != nil)
        }
        #expect(down.isComplete && down.isIntact && down.received == 10_000_000)
        #expect(up.isComplete && up.status == 200 && up.received == 3_000_000)
        // Segmentation offload carries a large body in far fewer calls than datagrams.
        let counters = server.ask { $0.listener.socket.counters }[0]
        #expect(counters.sent > 6000 && counters.sendCalls * 3 < counters.sent)
    }

    @Test("A reader that stops slows the server down, and memory stays flat") func slowReader() async throws {
        let server = try await startOrigin()
        let client = try client()
        let link = try client.open(server.address)
        try client.host.turn(until: "streams") { link.availableStreams > 1 }
        let request = try HTTP3Request(20_000_000, on: link, client.host)
        request.readLimit = 100_000
        try client.host.turn(until: "the limit") { request.received >= 100_000 }
        // The credit of one stream, what the half holds, and no more: other requests still go.
        for _ in 0..<5 {
            let other = try HTTP3Request(1000, on: link, client.host)
            try client.host.turn(until: "a small response") { other.isComplete }
        }
        let pool = client.host.manager.resources.buffers
        #expect(pool.used * pool.slabSize < 4_000_000)
        let used = server.ask { $0.manager.resources.buffers.used * $0.manager.resources.buffers.slabSize }[0]
        #expect(used < 4_000_000)
        request.readLimit = .max
        request.readOn()
        try client.host.turn(until: "the rest", within: 120) { request.isComplete || request.failure != nil }
        #expect(request.received == 20_000_000 && request.isIntact)
    }

    @Test("Drain: GOAWAY, open responses finish, then the connection closes without error") func drain() async throws {
        let server = try await startOrigin()
        let client = try client()
        let link = try client.open(server.address)
        try client.host.turn(until: "streams") { link.availableStreams > 1 }
        let request = try HTTP3Request(2_000_000, on: link, client.host)
        request.readLimit = 1
        try client.host.turn(until: "the response's start") { request.received > 0 }
        _ = server.ask { $0.manager.drain() }
        try client.host.turn(until: "GOAWAY") { link.availableStreams == 0 }
        #expect(link.isOpen)
        request.readLimit = .max
        request.readOn()
        try client.host.turn(until: "the response", within: 60) { request.isComplete || request.failure != nil }
        #expect(request.isComplete && request.received == 2_000_000)
        try client.host.turn(until: "the close") { !link.isOpen }
        let close = try #require(client.host.closed.first?.close)
        #expect(close.reason == .application && close.code == 0x100)
    }

    // MARK: ngtcp2's client

    private func gtlsclient(_ server: QUICTestServer, _ options: [String], _ paths: [String]) async throws
        -> ChildProcess.Result
    {
        let port = String(server.address.port)
        let uris = paths.map { "https://localhost:\(port)\($0)" }
        return try await ChildProcess.run(
            "gtlsclient", ["--exit-on-all-streams-close"] + options + ["127.0.0.1", port] + uris, within: .seconds(60))
    }

    @Test("ngtcp2's client: one request, byte by byte") func peerOne() async throws {
        let server = try await startOrigin()
        let folder = FileManager.default.temporaryDirectory.appending(path: "portico-h3-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try await gtlsclient(server, ["-q", "--download=\(folder.path())"], ["/5000"])
        #expect(result.status == 0, "\(result.errors.suffix(2000))")
        let body = try Data(contentsOf: folder.appending(path: "5000"))
        #expect(Array(body) == (0..<5000).map { HTTP3Origin.byte(at: $0) })
    }

    @Test("ngtcp2's client: a hundred requests on one connection") func peerHundred() async throws {
        let server = try await startOrigin()
        let result = try await gtlsclient(server, ["-n", "100", "--no-quic-dump", "--no-http-dump"], ["/100"])
        #expect(result.status == 0, "\(result.errors.suffix(2000))")
        let statuses = (result.output + result.errors).split(separator: "\n").filter { $0.contains(":status: 200") }
        #expect(statuses.count == 100)
        #expect(server.requests() == 100)
    }

    @Test("ngtcp2's client: ten megabytes down while it migrates, with three workers") func peerMigrates() async throws
    {
        let server = try await startOrigin(workers: 3)
        let folder = FileManager.default.temporaryDirectory.appending(path: "portico-h3-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try await gtlsclient(
            server, ["-q", "--download=\(folder.path())", "--change-local-addr=5ms"], ["/10000000"])
        #expect(result.status == 0, "\(result.errors.suffix(2000))")
        let body = try Data(contentsOf: folder.appending(path: "10000000"))
        #expect(body.count == 10_000_000)
        #expect(body.enumerated().allSatisfy { HTTP3Origin.byte(at: $0.offset) == $0.element })
        // The client moved before the end, and its worker knows where to.
        #expect(server.ask { ($0.keeps as? HTTP3Origin)?.moved ?? 0 }.reduce(0, +) == 1)
    }

    @Test("ngtcp2's client: three megabytes up while a NAT changes its port, with three workers")
    func peerRebinds() async throws {
        let server = try await startOrigin(workers: 3)
        let file = FileManager.default.temporaryDirectory.appending(path: "portico-h3-\(UUID().uuidString)")
        try Data(count: 3_000_000).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let result = try await gtlsclient(
            server, ["-q", "-m", "POST", "--data=\(file.path())", "--change-local-addr=5ms", "--nat-rebinding"], ["/0"])
        #expect(result.status == 0, "\(result.errors.suffix(2000))")
        #expect(server.ask { ($0.keeps as? HTTP3Origin)?.ended ?? [] }.joined().map { $0 == nil } == [true])
        #expect(server.ask { ($0.keeps as? HTTP3Origin)?.uploaded ?? 0 }.reduce(0, +) == 3_000_000)
        #expect(server.ask { ($0.keeps as? HTTP3Origin)?.moved ?? 0 }.reduce(0, +) == 1)
    }

    @Test("ngtcp2's client gets through loss on its side") func peerLoss() async throws {
        let server = try await startOrigin()
        let result = try await gtlsclient(
            server, ["-n", "20", "--no-quic-dump", "--no-http-dump", "-r", "0.05", "-t", "0.05"], ["/20000"])
        #expect(result.status == 0, "\(result.errors.suffix(2000))")
        #expect(server.requests() == 20)
    }

    // MARK: aioquic

    @Test("aioquic: several requests, one of a megabyte") func aioquic() async throws {
        let server = try await startOrigin()
        let report = try await Aioquic.get(
            "https://localhost:\(server.address.port)/1000000",
            ["--ca", TestCertificates.authority(), "--streams", "5", "--rounds", "2", "--rebind"])
        let responses = try #require(report.responses, "\(report.error ?? "")")
        #expect(responses.count == 10)
        #expect(responses.allSatisfy { $0.status == 200 && $0.bodyBytes == 1_000_000 && $0.ended })
    }
}
