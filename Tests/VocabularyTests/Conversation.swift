import Bytes
import Connections
import Messages
import MuxHTTP1
import MuxPassThrough
import Samples
import Streams
import TestSupport
import Vocabulary
import Words

/// One exchange in memory, read by the real parsers, over which expressions are evaluated.
final class Conversation {
    let proxy: MemoryProxy
    let session: Session
    let transaction: Transaction
    let evaluator: Evaluator
    private let facts: TestFacts
    private var exchange: Exchange? { proxy.exchanges.first }

    /// - Parameters:
    ///   - request: HTTP/1 text. Its body stays in the proxy.
    ///   - response: what the server answers, if the exchange goes that far.
    convenience init(
        _ request: String, response: String? = nil, from source: String = "127.0.0.1", facts: TestFacts = TestFacts()
    ) {
        self.init(
            front: { HTTP1FrontMux(host: $0, settings: HTTP1FrontSettings()) }, Array(request.utf8), response: response,
            from: source, facts: facts)
    }

    private init(
        front: (MemoryConnection) -> any ByteStreamMux, _ request: [UInt8], response: String? = nil,
        from source: String = "127.0.0.1", facts: TestFacts = TestFacts()
    ) {
        let clock = TurnClock(now: Instant(nanoseconds: 1_000_000_000), wall: 1_700_000_000_123_456_789)
        let resources = WorkerResources(clock: clock)
        proxy = MemoryProxy(
            resources: resources, front: { front($0) },
            back: { HTTP1BackMux(host: $0, settings: HTTP1BackSettings(), seed: 7) })
        session = Session(
            source: SocketAddress(text: source, port: 40_000) ?? .unspecified,
            destination: SocketAddress(text: "127.0.0.2", port: 8080) ?? .unspecified, clock: clock, isQUIC: false,
            listener: ListenerContext(frontend: 0, bind: 0, name: "mybind", givenName: "mybind"))
        transaction = Transaction(session: session)
        evaluator = Evaluator(resources: resources)
        self.facts = facts
        unsafe transaction.facts = facts
        let answers = response != nil
        proxy.onRequest = { _ in !answers }
        (proxy.client.mux as? PassThroughMux)?.start()
        proxy.client.send(request)
        proxy.run()
        if let response {
            proxy.client.isPeerReading = false
            proxy.server.send(response)
            while proxy.server.turn() {}
        }
        transaction.exchange = exchange
        evaluator.evaluation.begin(transaction, response == nil ? .request : .response)
    }

    /// A TCP connection whose first bytes wait in the proxy.
    convenience init(bytes: [UInt8]) {
        self.init(
            front: { connection in
                PassThroughMux(role: .front, host: connection)
            }, bytes)
    }

    /// Whether an expression without a value may get one when more comes.
    func mayChange(_ expression: String) throws(Complaint) -> Bool {
        evaluator.evaluation.isFinal = false
        defer { evaluator.evaluation.isFinal = true }
        return try evaluator.mayChange(expression)
    }

    /// The expression's value as text, bytes in hexadecimal; nil when it has none.
    func text(_ expression: String) throws(Complaint) -> String? { try evaluator.hexadecimalText(expression) }

    /// All values that a condition would look at, in their order.
    func values(_ expression: String) throws(Complaint) -> [String] { try evaluator.values(expression) }
}

/// What a test tells of an exchange.
final class TestFacts: TransactionFacts {
    var frontendFacts: (any ProxyFacts)?
    var backendFacts: (any ProxyFacts)?
    var serverFacts: (any ServerFigures)?
    var number: UInt64 = 1
    var serverStatus: Int

    init(status: Int = 200) { serverStatus = status }

    /// Frontend `fe` before backend `be` with server `s1`, times of five seconds.
    static var standard: TestFacts {
        let facts = TestFacts()
        let server = TestServer()
        let backend = TestProxy("be", 3, server)
        facts.backendFacts = backend
        facts.frontendFacts = TestProxy("fe", 2, server, backend)
        facts.serverFacts = server
        return facts
    }
}

final class TestProxy: ProxyFacts {
    let nameBytes: [UInt8]
    let identifier: Int
    let defaultBackendFacts: (any ProxyFacts)?
    private let server: TestServer

    init(_ name: String, _ identifier: Int, _ server: TestServer, _ backend: TestProxy? = nil) {
        nameBytes = Array(name.utf8)
        self.identifier = identifier
        self.server = server
        defaultBackendFacts = backend
    }

    var times: ProxyTimes {
        var times = ProxyTimes()
        times.client = 5000
        times.server = 5000
        times.connect = 5000
        return times
    }
    var retries: Int { 3 }
    var serverCount: Int { 1 }
    func server(_ index: Int) -> (any ServerFigures)? { index == 0 ? server : nil }
}

final class TestServer: ServerFigures {
    let nameBytes = Array("s1".utf8)
    let identifier = 1
    var isUp = true
    var isUsable = true
    var currentConnections = 0
    var maximumConnections = 0
    var waiting = 0
    var currentWeight = 1
}
