// Bytes through two engines: integrity under backpressure, closing, buffers.

import Bytes
import Glibc
import TLSTransport
import Testing

@Suite struct TLSDataTests {
    let contexts = TestContexts()

    private func pair(bufferSize: Int32? = nil, version: TLSProtocolVersion = .tls13) throws -> EnginePair {
        let serving = try contexts.server(contexts.store(.leaf("one.example")))
        let pair = try EnginePair(
            serving, contexts.client { $0.settings.maxVersion = version }, bufferSize: bufferSize)
        pair.open()
        return pair
    }

    /// Bytes that differ from place to place.
    private func pattern(_ count: Int) -> [UInt8] {
        var state: UInt32 = 1
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(truncatingIfNeeded: state >> 24)
        }
    }

    // MARK: Transfer

    @Test func smallMessagesPassBothWays() throws {
        let pair = try pair()
        #expect(pair.client.write(Array("hello".utf8)) == .bytes(5))
        #expect(pair.server.readAll().bytes == Array("hello".utf8))
        #expect(pair.server.write(Array("world".utf8)) == .bytes(5))
        let (bytes, end) = pair.client.readAll()
        #expect(bytes == Array("world".utf8))
        #expect(end == .wouldBlock(.read))
        #expect(pair.client.write([UInt8]()) == .bytes(0))
    }

    @Test(arguments: [TLSProtocolVersion.tls12, .tls13])
    func manyRecordsSurviveAFullSocket(_ version: TLSProtocolVersion) throws {
        let pair = try pair(bufferSize: 8192, version: version)
        let message = pattern(1_000_003)
        var sent = 0
        var received: [UInt8] = []
        var blocks = 0
        while received.count < message.count {
            if sent < message.count {
                // The rest moves to another address each time, and grows: both are allowed.
                let rest = Array(message[sent..<min(sent + 50_000 + blocks, message.count)])
                switch pair.server.write(rest) {
                case .bytes(let count):
                    sent += count
                    if count < rest.count { blocks += 1 }
                case .wouldBlock(.write): blocks += 1
                case let other:
                    Issue.record("\(other)")
                    return
                }
            }
            received += pair.client.readAll(limit: 30_000, chunk: 7000).bytes
        }
        #expect(blocks > 10)
        #expect(received == message)
    }

    @Test func queueOfSmallPiecesLeavesInFullRecords() throws {
        let pair = try pair()
        let pool = BufferPool()
        var queue = OutputQueue(pool: pool)
        let message = pattern(40_000)
        for start in stride(from: 0, to: message.count, by: 1000) {
            let piece = Array(message[start..<start + 1000])
            queue.append(piece.span)
        }
        let before = pair.sockets.queuedAtClient
        #expect(pair.server.write(queue) == .bytes(40_000))
        // 3 records of TLS 1.3 with 22 bytes around each (RFC 8446, section 5.2).
        #expect(pair.sockets.queuedAtClient - before == 40_000 + 3 * 22)
        #expect(pair.client.readAll().bytes == message)
    }

    @Test func queueSurvivesAFullSocket() throws {
        let pair = try pair(bufferSize: 8192)
        let pool = BufferPool()
        var queue = OutputQueue(pool: pool)
        let message = pattern(600_000)
        var queued = 0
        var received: [UInt8] = []
        var size = 1
        while received.count < message.count {
            // Pieces of all sizes join while others wait.
            while queued < message.count, queue.count < 100_000 {
                size = size * 7 % 9973
                let piece = Array(message[queued..<min(queued + size, message.count)])
                queue.append(piece.span)
                queued += piece.count
            }
            switch pair.server.write(queue) {
            case .bytes(let count): queue.consume(count)
            case .wouldBlock(.write): break
            case let other:
                Issue.record("\(other)")
                return
            }
            received += pair.client.readAll(limit: 20_000).bytes
        }
        #expect(received == message)
    }

    @Test func oneReadTakesAllRecordsThatHaveCome() throws {
        let pair = try pair()
        for _ in 0..<10 { #expect(pair.client.write(pattern(100)) == .bytes(100)) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        #expect(unsafe buffer.withUnsafeMutableBytes { unsafe pair.server.read(into: $0) } == .bytes(1000))
        #expect(!pair.server.hasPending)
        #expect(pair.server.isDrained)
    }

    @Test func unreadBytesArePending() throws {
        let pair = try pair()
        #expect(pair.client.write(pattern(1000)) == .bytes(1000))
        var buffer = [UInt8](repeating: 0, count: 100)
        #expect(unsafe buffer.withUnsafeMutableBytes { unsafe pair.server.read(into: $0) } == .bytes(100))
        #expect(pair.server.hasPending)
        #expect(!pair.server.isDrained)
        #expect(pair.server.readAll().bytes.count == 900)
        #expect(!pair.server.hasPending)
    }

    @Test func splitRecordWaitsForItsRest() throws {
        let serving = try contexts.server(contexts.store(.leaf("one.example")))
        let asking = try contexts.client()
        let near = try EnginePair(serving, asking)
        near.open()
        #expect(near.client.write(pattern(1000)) == .bytes(1000))
        // Take the record off the wire and hand it over in two parts.
        var record = [UInt8](repeating: 0, count: 4096)
        let count = unsafe recv(near.sockets.server, &record, record.count, 0)
        #expect(count == 1022)
        #expect(unsafe send(near.sockets.client, &record, 500, 0) == 500)
        #expect(near.server.readAll().end == .wouldBlock(.read))
        let rest = Array(record[500..<count])
        #expect(unsafe send(near.sockets.client, rest, rest.count, 0) == rest.count)
        #expect(near.server.readAll().bytes == pattern(1000))
    }

    // MARK: Closing

    @Test func closeNotifyIsEndOfStream() throws {
        let pair = try pair()
        #expect(pair.client.write([1, 2, 3]) == .bytes(3))
        #expect(try pair.client.shutdown() == .done)
        pair.sockets.closeClient()
        let (bytes, end) = pair.server.readAll()
        #expect(bytes == [1, 2, 3])
        #expect(end == .endOfStream)
        #expect(pair.server.readAll().end == .endOfStream)
    }

    @Test func halfCloseLeavesTheOtherDirectionOpen() throws {
        let pair = try pair()
        #expect(try pair.client.shutdown() == .done)
        #expect(pair.server.readAll().end == .endOfStream)
        #expect(pair.server.write([4, 5]) == .bytes(2))
        #expect(try pair.server.shutdown() == .done)
        let (bytes, end) = pair.client.readAll()
        #expect(bytes == [4, 5])
        #expect(end == .endOfStream)
    }

    @Test(arguments: [TLSProtocolVersion.tls12, .tls13])
    func closeWithoutCloseNotifyIsTruncation(_ version: TLSProtocolVersion) throws {
        let pair = try pair(version: version)
        #expect(pair.client.write([1, 2, 3]) == .bytes(3))
        pair.sockets.closeClient()
        let (bytes, end) = pair.server.readAll()
        #expect(bytes == [1, 2, 3])
        #expect(end == .truncated)
        #expect(pair.server.readAll().end == .truncated)
    }

    @Test func truncatedRequestCanStillBeAnswered() throws {
        let pair = try pair()
        shutdown(pair.sockets.client, Int32(SHUT_WR))
        #expect(pair.server.readAll().end == .truncated)
        #expect(pair.server.write([7]) == .bytes(1))
        #expect(pair.client.readAll().bytes == [7])
    }

    @Test func cutRecordIsTruncation() throws {
        let pair = try pair()
        #expect(pair.client.write(pattern(1000)) == .bytes(1000))
        var record = [UInt8](repeating: 0, count: 4096)
        _ = unsafe recv(pair.sockets.server, &record, record.count, 0)
        #expect(unsafe send(pair.sockets.client, &record, 500, 0) == 500)
        pair.sockets.closeClient()
        #expect(pair.server.readAll().end == .truncated)
    }

    @Test func brokenPipeIsASystemErrorAndReadingGoesOn() throws {
        let pair = try pair()
        #expect(pair.server.write([9]) == .bytes(1))
        pair.sockets.closeServer()
        guard case .failed(let error) = pair.client.write(pattern(10)) else {
            Issue.record("the write went on")
            return
        }
        #expect(error.code == .system && error.errno == EPIPE)
        #expect(pair.client.readAll().bytes == [9])
        #expect(pair.client.readAll().end == .truncated)
        // close_notify can not be sent any more; that is no further error.
        #expect(try pair.client.shutdown() == .done)
    }

    @Test func forgedRecordIsRefusedWithAnAlert() throws {
        let pair = try pair()
        #expect(pair.client.write(pattern(100)) == .bytes(100))
        var record = [UInt8](repeating: 0, count: 4096)
        let count = unsafe recv(pair.sockets.server, &record, record.count, 0)
        record[50] ^= 1
        #expect(unsafe send(pair.sockets.client, &record, count, 0) == count)
        guard case .failed(let error) = pair.server.readAll().end else {
            Issue.record("the forged record was accepted")
            return
        }
        #expect(error.code == .record)
        #expect(error.alert == TLSAlert(rawValue: 20))
        guard case .failed(let received) = pair.client.readAll().end else {
            Issue.record("the alert did not arrive")
            return
        }
        #expect(received.code == .alertReceived && received.alert == TLSAlert(rawValue: 20))
    }
}

extension SocketPair {
    /// Bytes on their way to the client.
    var queuedAtClient: Int {
        var count: Int32 = 0
        _ = unsafe ioctl(client, UInt(FIONREAD), &count)
        return Int(count)
    }
}
