import Bytes
import Glibc
import Runtime
import Testing

/// Reads everything that comes; counts.
private final class Sink: Pollable {
    let descriptor: Int32
    var received = 0
    var flushes = 0
    var sawEnd = false
    unowned let loop: EventLoop
    init(_ descriptor: Int32, _ loop: EventLoop) {
        self.descriptor = descriptor
        self.loop = loop
    }
    override func ready(_ events: PollEvents) {
        loop.schedule(self)
        unsafe withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            while true {
                switch unsafe Socket.receive(descriptor, into: buffer) {
                case .bytes(let count): received += count
                case .end:
                    sawEnd = true
                    return
                case .wouldBlock, .failed: return
                }
            }
        }
    }
    override func flush() { flushes += 1 }
}

@Suite("The event loop") struct EventLoopTests {
    @Test("Bytes over a real connection arrive; the end is seen; one flush a turn") func transfer() throws {
        let loop = try EventLoop()
        let listener = try Socket.stream(for: .ip(SocketAddress(ipv4: 127, 0, 0, 1, port: 0)))
        try Socket.bind(listener.number, to: .ip(SocketAddress(ipv4: 127, 0, 0, 1, port: 0)))
        try Socket.listen(listener.number, backlog: 8)
        let address = Socket.localAddress(listener.number)
        #expect(address.port != 0)
        let client = try Socket.stream(for: .ip(address))
        _ = try Socket.connect(client.number, to: .ip(address))
        var accepted: (descriptor: Int32, peer: SocketAddress)?
        while accepted == nil { accepted = try Socket.accept(listener.number) }
        let server = OwnedDescriptor(adopting: try #require(accepted).descriptor)
        #expect(accepted?.peer == Socket.localAddress(client.number))

        let sink = Sink(server.number, loop)
        try loop.register(sink, descriptor: server.number)
        let pool = BufferPool()
        var output = OutputQueue(pool: pool)
        for _ in 0..<100 { output.append("0123456789") }
        let sent = Socket.send(client.number, output)
        #expect(sent == .bytes(1000))
        while sink.received < 1000 { try loop.turn(waitingAtMost: SystemClock.now().advanced(milliseconds: 5000)) }
        Socket.shutdownWrite(client.number)
        while !sink.sawEnd { try loop.turn(waitingAtMost: SystemClock.now().advanced(milliseconds: 5000)) }
        #expect(sink.flushes >= 2)
        loop.deregister(sink, descriptor: server.number)
        #expect(loop.registered == 0)
    }

    @Test("A mailbox takes messages from several threads, each thread's in order") func mailbox() throws {
        let mailbox = try Mailbox<(sender: Int, number: Int)>()
        let senders = 4
        let each = 1000
        var threads: [pthread_t] = []
        for sender in 0..<senders {
            var thread = pthread_t()
            let box = unsafe Unmanaged.passRetained(Sender(mailbox, sender, each)).toOpaque()
            _ = unsafe pthread_create(
                &thread, nil,
                { argument in
                    let sender = unsafe Unmanaged<Sender>.fromOpaque(argument!).takeRetainedValue()
                    for number in 0..<sender.count { sender.mailbox.post((sender.sender, number)) }
                    return nil
                }, box)
            threads.append(thread)
        }
        var next = [Int](repeating: 0, count: senders)
        var total = 0
        while total < senders * each {
            var poll = pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0)
            _ = unsafe Glibc.poll(&poll, 1, 5000)
            let messages = mailbox.take()
            try #require(!messages.isEmpty || poll.revents != 0)
            for message in messages {
                #expect(message.number == next[message.sender])
                next[message.sender] += 1
                total += 1
            }
        }
        for thread in threads { pthread_join(thread, nil) }
        #expect(mailbox.take().isEmpty)
    }
}

private final class Sender: Sendable {
    let mailbox: Mailbox<(sender: Int, number: Int)>
    let sender: Int
    let count: Int
    init(_ mailbox: Mailbox<(sender: Int, number: Int)>, _ sender: Int, _ count: Int) {
        self.mailbox = mailbox
        self.sender = sender
        self.count = count
    }
}
