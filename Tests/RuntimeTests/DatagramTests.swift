import Bytes
import Glibc
import Runtime
import Testing

/// One datagram as it arrived.
private struct Arrival: Equatable {
    var bytes: [UInt8]
    var local: SocketAddress
    var remote: SocketAddress
    var ecn: UInt8
}

private let loopback4 = SocketAddress(ipv4: 127, 0, 0, 1, port: 0)
private let loopback6 = SocketAddress(text: "::1", port: 0)!
private let wildcard4 = SocketAddress(ipv4: 0, 0, 0, 0, port: 0)
private let wildcard6 = SocketAddress(text: "::", port: 0)!

private func bound(_ address: SocketAddress, options: DatagramSocket.Options = .init()) throws -> DatagramSocket {
    try DatagramSocket(
        adopting: DatagramSocket.bind(to: address, reusesPort: false, ipv6Only: false), options: options)
}

/// Waits until `socket` is readable, and takes all that waits, until `count` datagrams have come.
private func take(_ count: Int, on socket: DatagramSocket, _ receiver: DatagramReceiver) throws -> [Arrival] {
    var arrivals: [Arrival] = []
    while arrivals.count < count {
        var poll = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
        try #require(unsafe Glibc.poll(&poll, 1, 5000) == 1)
        guard case .messages(let messages, _) = receiver.receive(on: socket) else { continue }
        for index in 0..<messages {
            let message = receiver[index]
            for segment in 0..<message.count {
                arrivals.append(
                    Arrival(
                        bytes: unsafe Array(message[segment]), local: message.local, remote: message.remote,
                        ecn: message.ecn))
            }
        }
    }
    return arrivals
}

/// A run to send: `sizes` all equal but the last.
private struct Outgoing {
    var bytes: [UInt8]
    var segment: Int
    var ecn: UInt8 = 0
    var local: SocketAddress
    var remote: SocketAddress

    /// The datagrams that should arrive.
    var datagrams: [[UInt8]] {
        stride(from: 0, to: bytes.count, by: segment).map { Array(bytes[$0..<min($0 + segment, bytes.count)]) }
    }
}

private func send(
    _ runs: [Outgoing], on socket: DatagramSocket, _ sender: DatagramSender, from start: DatagramSender.Position? = nil
) -> DatagramSender.Position {
    sender.send(on: socket, from: start ?? .init(run: 0), to: runs.count) { index in
        let run = runs[index]
        // The arrays live in `runs`, which outlives the call.
        return unsafe run.bytes.withUnsafeBytes { bytes in
            unsafe DatagramRun(
                bytes: bytes, segmentSize: run.segment, ecn: run.ecn, local: run.local, remote: run.remote)
        }
    }
}

private func pattern(_ count: Int, _ seed: UInt8 = 0) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 / 251) &+ seed }
}

@Suite("Datagrams") struct DatagramTests {
    @Test(
        "A run arrives as it was cut, with both addresses and its ECN mark",
        arguments: [
            (loopback4, loopback4, true), (loopback4, wildcard4, true), (loopback6, wildcard6, true),
            (loopback4, loopback4, false), (loopback6, loopback6, false), (loopback4, wildcard6, true),
        ])
    func run(_ from: SocketAddress, _ to: SocketAddress, _ offloads: Bool) throws {
        var options = DatagramSocket.Options()
        options.offloads = offloads
        let client = try bound(from, options: options)
        let server = try bound(to, options: options)
        #expect(client.segments == offloads && server.gathers == offloads)
        // A socket for both families names IPv4 peers in IPv6.
        let isMapped = to.family != from.family
        func seen(_ address: SocketAddress) -> SocketAddress {
            isMapped ? SocketAddress(text: "::ffff:\(address.host)", port: address.port)! : address
        }
        var target = from
        target.port = server.localAddress.port
        let outgoing = Outgoing(
            bytes: pattern(10 * 1200 + 500), segment: 1200, ecn: 2, local: client.localAddress, remote: target)
        let end = send([outgoing], on: client, DatagramSender())
        #expect(end == .init(run: 1))
        #expect(client.counters.sent == 11 && client.counters.sentBytes == 12_500)
        #expect(client.counters.sendCalls == 1)

        let receiver = DatagramReceiver()
        let arrivals = try take(11, on: server, receiver)
        #expect(arrivals.map(\.bytes) == outgoing.datagrams)
        #expect(
            arrivals.allSatisfy {
                $0.ecn == 2 && $0.remote == seen(client.localAddress) && $0.local == seen(target)
            })
        #expect(server.counters.received == 11)
        if offloads { #expect(server.counters.receiveCalls == 1) }

        // The answer leaves from the address that the question went to.
        let answer = Outgoing(bytes: pattern(3000, 9), segment: 1000, ecn: 1, local: seen(target), remote: seen(from))
        var addressed = answer
        addressed.remote = arrivals[0].remote
        #expect(send([addressed], on: server, DatagramSender()) == .init(run: 1))
        let answers = try take(3, on: client, receiver)
        #expect(answers.map(\.bytes) == answer.datagrams)
        #expect(answers.allSatisfy { $0.remote == target && $0.ecn == 1 })
    }

    @Test("A wildcard socket sends from the address it is told") func sourceAddress() throws {
        let server = try bound(wildcard4)
        let client = try bound(loopback4)
        let source = SocketAddress(ipv4: 127, 0, 0, 9, port: server.localAddress.port)
        let run = Outgoing(bytes: [1, 2, 3], segment: 3, local: source, remote: client.localAddress)
        #expect(send([run], on: server, DatagramSender()) == .init(run: 1))
        #expect(try take(1, on: client, DatagramReceiver()).map(\.remote) == [source])
    }

    @Test("Runs to several peers take one call; one call receives from several peers") func manyPeers() throws {
        let server = try bound(wildcard4)
        let clients = try (0..<20).map { _ in try bound(loopback4) }
        let receiver = DatagramReceiver()
        var local = loopback4
        local.port = server.localAddress.port
        let runs = clients.enumerated().map { index, client in
            Outgoing(
                bytes: pattern(2500, UInt8(index)), segment: 1200, local: local, remote: client.localAddress)
        }
        #expect(send(runs, on: server, DatagramSender()) == .init(run: 20))
        #expect(server.counters.sendCalls == 1 && server.counters.sent == 60)
        for (run, client) in zip(runs, clients) {
            #expect(try take(3, on: client, receiver).map(\.bytes) == run.datagrams)
            var back = run
            back.local = client.localAddress
            back.remote = local
            _ = send([back], on: client, DatagramSender())
        }
        let arrivals = try take(60, on: server, receiver)
        #expect(server.counters.receiveCalls == 1)
        for (run, client) in zip(runs, clients) {
            #expect(arrivals.filter { $0.remote == client.localAddress }.map(\.bytes) == run.datagrams)
        }
    }

    @Test("More messages than a call takes are sent and received in turns") func manyMessages() throws {
        let server = try bound(loopback4)
        let client = try bound(loopback4)
        let runs = (0..<150).map {
            Outgoing(
                bytes: [UInt8($0)], segment: 1200, ecn: UInt8($0 & 1), local: client.localAddress,
                remote: server.localAddress)
        }
        #expect(send(runs, on: client, DatagramSender(capacity: 64)) == .init(run: 150))
        #expect(client.counters.sendCalls == 3)
        let receiver = DatagramReceiver(capacity: 40)
        guard case .messages(40, isDrained: false) = receiver.receive(on: server) else {
            Issue.record("the first call takes as many as there are slots")
            return
        }
        #expect((0..<40).allSatisfy { unsafe receiver[$0][0].first == UInt8($0) })
        let rest = try take(110, on: server, receiver)
        #expect(rest.map(\.bytes) == runs.dropFirst(40).map(\.bytes))
        #expect(receiver.receive(on: server) == .wouldBlock)
    }

    @Test("What is too large for the path is dropped and counted; the rest goes on") func tooLarge() throws {
        let server = try bound(loopback4)
        let client = try bound(loopback4)
        func outgoing(_ count: Int) -> Outgoing {
            Outgoing(bytes: pattern(count), segment: count, local: client.localAddress, remote: server.localAddress)
        }
        let runs = [outgoing(100), outgoing(65_530), outgoing(200)]
        #expect(send(runs, on: client, DatagramSender()) == .init(run: 3))
        #expect(client.counters.tooLarge == 1 && client.counters.sent == 2)
        #expect(client.segments)
        #expect(try take(2, on: server, DatagramReceiver()).map(\.bytes.count) == [100, 200])
    }

    @Test("A run that the kernel does not segment goes datagram by datagram") func refusedSegments() throws {
        let server = try bound(loopback4)
        let client = try bound(loopback4)
        // No kernel takes 200 segments.
        let run = Outgoing(
            bytes: pattern(200), segment: 1, local: client.localAddress, remote: server.localAddress)
        #expect(send([run], on: client, DatagramSender()) == .init(run: 1))
        #expect(client.counters.sent == 200 && !client.segments)
        #expect(try take(200, on: server, DatagramReceiver()).map(\.bytes) == run.datagrams)
        // From then on each datagram is a message of its own, and one call takes many.
        let calls = client.counters.sendCalls
        let next = Outgoing(
            bytes: pattern(50), segment: 1, local: client.localAddress, remote: server.localAddress)
        #expect(send([next], on: client, DatagramSender()) == .init(run: 1))
        #expect(client.counters.sendCalls == calls + 1)
        #expect(try take(50, on: server, DatagramReceiver()).map(\.bytes) == next.datagrams)
    }

    @Test("A full send buffer stops the sender, which goes on where it stopped") func full() throws {
        var pair: [Int32] = [0, 0]
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue)
        try #require(unsafe socketpair(AF_UNIX, type, 0, &pair) == 0)
        let client = try DatagramSocket(adopting: OwnedDescriptor(adopting: pair[0]))
        let server = try DatagramSocket(adopting: OwnedDescriptor(adopting: pair[1]))
        let runs = (0..<2000).map {
            Outgoing(bytes: pattern(2048, UInt8($0 & 63)), segment: 1024, local: .unix, remote: .unix)
        }
        let sender = DatagramSender()
        let receiver = DatagramReceiver()
        var position = DatagramSender.Position(run: 0)
        var arrivals: [Arrival] = []
        while position.run < runs.count {
            position = send(runs, on: client, sender, from: position)
            arrivals += try take(1, on: server, receiver)
        }
        #expect(client.counters.sendBlocked > 0)
        arrivals += try take(4000 - arrivals.count, on: server, receiver)
        #expect(arrivals.map(\.bytes) == runs.flatMap(\.datagrams))
    }

    @Test("A closed port is told to a connected socket, and does no harm") func refused() throws {
        let closed: SocketAddress
        do { closed = try bound(loopback4).localAddress }
        let client = try DatagramSocket(adopting: DatagramSocket.connect(to: closed))
        #expect(client.peerAddress == closed && client.localAddress.host == "127.0.0.1")
        let run = Outgoing(bytes: [1], segment: 1, local: client.localAddress, remote: closed)
        #expect(send([run], on: client, DatagramSender()) == .init(run: 1))
        #expect(DatagramReceiver().receive(on: client) == .failed(ECONNREFUSED))
        #expect(send([run], on: client, DatagramSender()) == .init(run: 1))
        // The error that the last datagram caused waits for the next call, which is tried again.
        #expect(send([run], on: client, DatagramSender()) == .init(run: 1))
        #expect(client.counters.sent == 3)
    }

    @Test("Datagrams that the kernel had no room for are counted") func overflow() throws {
        var options = DatagramSocket.Options()
        options.receiveBuffer = 4096
        let server = try bound(loopback4, options: options)
        Socket.set(server.descriptor, level: SOL_SOCKET, option: SO_RCVBUF, 4096)
        let client = try bound(loopback4)
        let run = Outgoing(
            bytes: pattern(1000), segment: 1000, local: client.localAddress, remote: server.localAddress)
        let sender = DatagramSender()
        for _ in 0..<100 { _ = send([run], on: client, sender) }
        let receiver = DatagramReceiver()
        var received = try take(1, on: server, receiver).count
        _ = send([run], on: client, sender)
        received += try take(1, on: server, receiver).count
        #expect(server.counters.overflowed == UInt64(101 - received))
        #expect(received < 101)
    }

    @Test("A group's program chooses the socket by the payload; without an answer the hash does") func steering() throws
    {
        let sockets = try DatagramGroup.open(loopback4, count: 3).map {
            try DatagramSocket(adopting: OwnedDescriptor(adopting: $0))
        }
        #expect(Set(sockets.map(\.localAddress)).count == 1)
        // Returns the first byte of the payload.
        try DatagramGroup.steer(
            sockets[1].descriptor,
            by: [
                .init(code: 0x30, jumpTrue: 0, jumpFalse: 0, operand: 0),
                .init(code: 0x16, jumpTrue: 0, jumpFalse: 0, operand: 0),
            ])
        let clients = try (0..<4).map { _ in try bound(loopback4) }
        let sender = DatagramSender()
        let receiver = DatagramReceiver()
        for client in clients {
            for byte in [2, 0, 1] as [UInt8] {
                let run = Outgoing(
                    bytes: [byte], segment: 1, local: client.localAddress, remote: sockets[0].localAddress)
                _ = send([run], on: client, sender)
            }
        }
        for (index, socket) in sockets.enumerated() {
            let arrivals = try take(4, on: socket, receiver)
            #expect(arrivals.map(\.bytes) == [[UInt8]](repeating: [UInt8(index)], count: 4))
        }
        let stray = Outgoing(
            bytes: [200], segment: 1, local: clients[0].localAddress, remote: sockets[0].localAddress)
        _ = send([stray], on: clients[0], sender)
        let found = sockets.filter { if case .messages = receiver.receive(on: $0) { true } else { false } }
        #expect(found.count == 1)
    }

    @Test("Beside an inherited socket stand others, if it shares its port") func inherited() throws {
        let shared = DatagramGroup.join(try DatagramSocket.bind(to: loopback4, reusesPort: true), count: 3)
        let alone = DatagramGroup.join(try DatagramSocket.bind(to: loopback4, reusesPort: false), count: 3)
        #expect(shared.count == 3 && alone.count == 1)
        #expect(Set(shared.map { Socket.localAddress($0).port }).count == 1)
        for number in shared + alone { close(number) }
    }

    @Test("Something else than a datagram socket is refused") func wrongKind() throws {
        let stream = try Socket.stream(for: .ip(loopback4))
        #expect(throws: SystemError("socket type", EPROTOTYPE)) {
            try DatagramSocket(adopting: OwnedDescriptor(adopting: dup(stream.number)))
        }
    }
}
