import Bytes
import Connections
import Glibc
import Runtime
import Streams
import TLSTransport
import Testing

/// Takes at most `share` bytes at a time, as a mux does whose exchange has little room, and says what it has seen.
private final class SlowMux: ByteStreamMux {
    let share: Int
    var taken = 0
    var sawEnd = false
    var closeIntent = CloseIntent.open
    init(share: Int) { self.share = share }

    var wantsInput: Bool { true }
    var activity: MuxActivity { .busy }
    func receive(_ input: inout InputBuffer) {
        let count = min(share, input.count)
        taken += count
        input.consume(count)
    }
    func receiveEnd(_ input: inout InputBuffer) {
        sawEnd = true
        closeIntent = .close
    }
    func transportFailed(_ failure: TransportFailure) {}
    func produce(into output: inout OutputQueue, limit: Int) {}
    func drain() {}
    func idleTimeout() {}
}

private final class Owner: ConnectionOwner {
    let mux = SlowMux(share: 100)
    var closed = false
    func makeMux(for connection: StreamConnection, _ alpn: ApplicationProtocol) -> (any ByteStreamMux)? { mux }
    func openExchange(on connection: StreamConnection, for end: any StreamEnd) -> Exchange? { nil }
    func connectionReady(_ connection: StreamConnection) {}
    func streamsChanged(on connection: StreamConnection) {}
    func connectionClosed(_ connection: StreamConnection, _ failure: ConnectionFailure?) { closed = true }
}

@Suite("Stream connections") struct StreamConnectionTests {
    @Test("One event is enough for all that came, and for an end that came with it") func givesAll() throws {
        let loop = try EventLoop()
        let manager = ConnectionManager(loop: loop, resources: WorkerResources(clock: loop.clock))
        var pair: [Int32] = [0, 0]
        #expect(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &pair) == 0)
        let peer = OwnedDescriptor(adopting: pair[1])
        let owner = Owner()
        // The bytes and the end are there before the connection looks.
        let bytes = [UInt8](repeating: 7, count: 250)
        #expect(unsafe bytes.withUnsafeBytes { unsafe write(peer.number, $0.baseAddress, $0.count) } == 250)
        Socket.shutdownWrite(peer.number)
        let context = ListenerContext(frontend: 0, bind: 0, name: "test")
        let session = Session(source: .unix, destination: .unix, clock: loop.clock, isQUIC: false, listener: context)
        manager.accept(
            pair[0], session: session, owner: owner, settings: ConnectionSettings(), tls: nil)
        for _ in 0..<20 where !owner.closed {
            try loop.turn(waitingAtMost: SystemClock.now().advanced(milliseconds: 1000))
        }
        #expect(owner.mux.taken == 250)
        #expect(owner.mux.sawEnd)
        #expect(owner.closed)
        #expect(manager.count == 0)
    }
}
