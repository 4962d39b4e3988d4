import Bytes
import Messages
import MuxHTTP1
import Streams
import TestSupport

extension FuzzTarget {
    /// What a client sends. A second proxy stands behind the first: what goes on must be the same requests to it, none
    /// of them refused, or bytes were smuggled.
    static let http1Forward = FuzzTarget("http1-forward", "HTTP/1 requests on their way to a server") { input in
        let bytes = input.indices.map { input[$0] }
        var seen: [[String]] = []
        for pace in [Int.max, 1] {
            let chain = HTTP1Chain(pace: pace)
            chain.run(bytes)
            seen.append(chain.front.takeEvents().filter { $0.hasPrefix("request") || $0.hasPrefix("rejected") })
            chain.close()
        }
        promise(seen[0] == seen[1], "the size of reads decides: \(seen)")
    }

    /// What a server sends, after a byte that chooses the request. What goes on to the client must be a response that
    /// another mux takes.
    static let http1Return = FuzzTarget("http1-return", "HTTP/1 responses on their way to a client") { input in
        guard !input.isEmpty else { return }
        let bytes = (1..<input.count).map { input[$0] }
        let requests = [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
            "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
        ]
        let request = requests[Int(input[0]) % requests.count]
        var texts: [String] = []
        for pace in [Int.max, 1] {
            let first = http1Proxy(pace: pace)
            first.client.send(request)
            first.run()
            first.server.readSize = pace
            first.server.send(bytes)
            first.run()
            first.server.end()
            first.run()
            let response = first.client.received
            let isWhole = first.events.last == "ended" && !first.events.contains { $0.hasPrefix("back failed") }
            texts.append(first.events.joined(separator: ", "))

            let second = http1Proxy(pace: pace)
            second.client.send(request)
            second.run()
            second.server.send(response)
            second.run()
            if first.client.isClosed || first.client.sawEnd { second.server.end() }
            second.run()
            let error = (second.server.mux as? HTTP1BackMux)?.lastError
            promise(error == nil, "a response that goes on is refused: \(String(describing: error))")
            if isWhole { promise(second.events.last == "ended", "a whole response is broken: \(second.events)") }
            finish(first)
            finish(second)
        }
        promise(texts[0] == texts[1], "the size of reads decides: \(texts)")
    }
}

private func http1Proxy(pace: Int) -> MemoryProxy {
    let proxy = MemoryProxy(
        resources: WorkerResources(buffers: BufferPool(slabSize: 16_384)), front: { HTTP1FrontMux(host: $0) },
        back: { HTTP1BackMux(host: $0, seed: 1) })
    proxy.client.readSize = pace
    return proxy
}

private func finish(_ proxy: MemoryProxy) {
    proxy.stop()
    promise(proxy.exchanges.allSatisfy(\.isOver), "an exchange is not over")
    promise(proxy.resources.buffers.used == 0, "\(proxy.resources.buffers.used) slabs are left")
    promise(proxy.resources.heads.used == 0, "\(proxy.resources.heads.used) heads are left")
    promise(!proxy.events.contains("endless"), "the loop does not end")
}

/// Two proxies in a row; the second answers by itself. Each connection of the first to its server is one of a client to
/// a second.
private final class HTTP1Chain {
    let front: MemoryProxy
    private var behind: [MemoryProxy] = []
    private var moved: [Int] = []

    init(pace: Int) { front = http1Proxy(pace: pace) }

    func run(_ bytes: [UInt8]) {
        front.client.send(bytes)
        front.client.end()
        var isMoving = true
        while isMoving {
            front.run()
            isMoving = false
            for index in front.servers.indices where carry(index) { isMoving = true }
        }
        var routed = front.events.filter { $0.hasPrefix("request") }[...]
        for proxy in behind {
            for event in proxy.events {
                promise(!event.hasPrefix("rejected"), "the server refuses what goes on: \(proxy.events)")
                guard event.hasPrefix("request") else { continue }
                guard let place = routed.firstIndex(of: event) else {
                    fatalError("broken promise: the server sees \(event), which is none of \(front.events)")
                }
                routed = routed[(place + 1)...]
            }
        }
    }

    /// Moves bytes between connection `index` and its server; true when there were some.
    private func carry(_ index: Int) -> Bool {
        if index == behind.count {
            behind.append(answering())
            moved.append(0)
        }
        let connection = front.servers[index]
        let server = behind[index]
        let isNew = connection.received.count > moved[index]
        if isNew {
            server.client.send(Array(connection.received[moved[index]...]))
            moved[index] = connection.received.count
            server.run()
        }
        if connection.isClosed, !server.client.isClosed {
            server.client.fail(.reset)
            server.run()
        }
        let answer = server.client.takeText()
        if !answer.isEmpty { connection.send(answer) }
        if server.client.isClosed, !connection.isClosed, moved[index] >= 0 { connection.end() }
        return isNew || !answer.isEmpty
    }

    /// A proxy that answers a request when all of it is here.
    private func answering() -> MemoryProxy {
        let proxy = http1Proxy(pace: .max)
        proxy.onRequest = { [unowned proxy] exchange in
            let head = exchange.request.head
            // Tunnels are refused: what follows is no message.
            proxy.answer(exchange, head?.bodyLength == .tunnel ? 403 : 200, "ok")
            return true
        }
        return proxy
    }

    func close() {
        finish(front)
        for proxy in behind { finish(proxy) }
    }
}
