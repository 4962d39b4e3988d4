import Bytes
import Connections
import Foundation
import Glibc
import QUICTransport
import Runtime
import TestSupport
import Testing

/// Two processes of one service on one address, in one: what reaches the wrong one goes through the channel.
@Suite("Datagrams between processes", .serialized) struct QUICForwardingTests {
    /// Reads one end of a channel for a service, on a thread of its own.
    private static func pump(_ end: Int32, into service: QUICService) {
        Thread.detachNewThread {
            var buffer = [UInt8](repeating: 0, count: QUICChannel.messageLimit)
            while true {
                guard MessagePair.wait(end, milliseconds: 1000) else { continue }
                let isOver = unsafe buffer.withUnsafeMutableBytes { buffer in
                    guard case .message(let count) = unsafe MessagePair.read(end, into: buffer) else { return true }
                    if case .datagram(let bytes) = unsafe QUICChannel.parse(
                        UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                    {
                        unsafe service.take(forwarded: bytes)
                    }
                    return false
                }
                if isOver { return }
            }
        }
    }

    /// An older server and its heir at one address where nothing steers: each datagram reaches whom the hash gives it to.
    private static func servers() async throws -> (older: QUICTestServer, newer: QUICTestServer, ends: [Int32]) {
        let certificate = try await TestCertificates.file()
        let key = QUICServiceKey(random: .system())
        let first = try QUICService(workers: 2, key: key, generation: 3)
        let second = try QUICService(workers: 1, key: key, generation: 4)
        let sockets = try DatagramGroup.open(SocketAddress(ipv4: 127, 0, 0, 1, port: 0), count: 3)
        var settings = QUICTestSettings()
        settings.steers = false
        let older = try QUICTestServer(
            workers: 2, settings, certificate: certificate, descriptors: Array(sockets[..<2]), service: first)
        let newer = try QUICTestServer(
            workers: 1, settings, certificate: certificate, descriptors: Array(sockets[2...]), service: second)
        let (near, far) = try MessagePair.open()
        pump(near, into: first)
        pump(far, into: second)
        first.connect(4, channel: near, isHeir: true)
        first.leaveOthersAlone()
        second.connect(3, channel: far, isHeir: false)
        return (older, newer, [near, far])
    }

    @Test("First packets reach the newer process, and every packet its connection, whoever receives it")
    func bothWays() async throws {
        let (older, newer, ends) = try await Self.servers()
        defer { for end in ends { _ = shutdown(end, Int32(SHUT_RDWR)) } }
        let client = try QUICTestClient()
        let relay = try QUICRelay(to: older.address, on: client.host.loop)
        // One connection with each process.
        var kept: [QUICLink] = []
        for _ in 0..<30 where older.ask({ $0.accepted.count }).contains(0) || newer.ask({ $0.accepted.count }) == [0] {
            let link = try client.open(relay.address)
            _ = try client.ask(link, [1])
            kept.append(link)
            try relay.rebind()
        }
        let before = older.ask { $0.accepted.count }.reduce(0, +)
        #expect(before > 0)
        // The older one's listeners stop; its connections go on.
        _ = older.ask { $0.listener.stopAccepting() }
        let known = newer.ask { $0.accepted.count }[0]
        for round in 0..<12 as Range<UInt8> {
            let link = try client.open(older.address)
            #expect(try client.ask(link, [round]) == [0, round])
            for old in kept {
                try relay.rebind()
                #expect(try client.ask(old, [round]).last == round)
            }
        }
        #expect(older.ask { $0.accepted.count }.reduce(0, +) == before)
        #expect(newer.ask { $0.accepted.count }[0] == known + 12)
        for service in [older.service, newer.service] {
            #expect(service.traffic[.given] > 0 && service.traffic[.taken] > 0 && service.traffic[.lost] == 0)
        }
    }

    @Test("What waits on a channel is bounded; the rest is dropped and counted") func bounded() throws {
        let (near, far) = try MessagePair.open()
        defer { for end in [near, far] { close(end) } }
        var sent = 0
        let bytes = [UInt8](repeating: 1, count: 1200)
        while MessagePair.send(bytes, on: near), sent < 100_000 { sent += 1 }
        #expect(sent > 10 && sent < 10_000)
        var room = [UInt8](repeating: 0, count: 2000)
        #expect(unsafe room.withUnsafeMutableBytes { unsafe MessagePair.read(far, into: $0) } == .message(1200))
        #expect(MessagePair.send(bytes, on: near))
        // The end of the other side is told behind what it sent.
        let (one, other) = try MessagePair.open()
        _ = MessagePair.send([1], on: one)
        close(one)
        #expect(unsafe room.withUnsafeMutableBytes { unsafe MessagePair.read(other, into: $0) } == .message(1))
        #expect(unsafe room.withUnsafeMutableBytes { unsafe MessagePair.read(other, into: $0) } == .end)
        #expect(!MessagePair.send([1], on: other))
        close(other)
    }
}
