import Bytes
import Messages
import MuxHTTP1
import Streams
import TestSupport
import Testing

/// A proxy in memory with HTTP/1 on both sides.
func http1(
    front: HTTP1FrontSettings = HTTP1FrontSettings(), back: HTTP1BackSettings = HTTP1BackSettings()
) -> MemoryProxy {
    MemoryProxy(
        front: { HTTP1FrontMux(host: $0, settings: front) },
        back: { HTTP1BackMux(host: $0, settings: back, seed: 7) })
}

extension MemoryProxy {
    /// Sends text from the client and runs; gives what the server got by that.
    @discardableResult
    func ask(_ text: String) -> String {
        client.send(text)
        run()
        return servers.isEmpty ? "" : server.takeText()
    }

    /// Sends text from the server and runs; gives what the client got by that.
    @discardableResult
    func reply(_ text: String) -> String {
        server.send(text)
        run()
        return client.takeText()
    }

    /// Ends everything and looks for what is left behind.
    func expectNothingLeft(_ place: SourceLocation = #_sourceLocation) {
        stop()
        let open = exchanges.count { !$0.isOver }
        let slabs = resources.buffers.used
        let heads = resources.heads.used
        #expect(open == 0, "exchanges not over", sourceLocation: place)
        #expect(slabs == 0, "slabs in use", sourceLocation: place)
        #expect(heads == 0, "heads in use", sourceLocation: place)
        #expect(!events.contains("endless"), sourceLocation: place)
    }
}

/// The ways to cut `bytes` in two, the uncut one included.
func cuts(_ bytes: [UInt8]) -> [[[UInt8]]] {
    [[bytes]] + (1..<max(1, bytes.count)).map { [Array(bytes[..<$0]), Array(bytes[$0...])] }
}

let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

extension MemoryProxy {
    /// A chunk with `text`.
    func chunk(_ text: String) -> Chunk { Chunk(copying: Array(text.utf8).span, pool: resources.buffers) }
}

extension String {
    /// How often `part` is in the text.
    func count(of part: String) -> Int {
        let text = Array(utf8)
        let wanted = Array(part.utf8)
        guard text.count >= wanted.count else { return 0 }
        return (0...(text.count - wanted.count)).count { text[$0..<($0 + wanted.count)].elementsEqual(wanted) }
    }
}

extension Exchange {
    /// The request's path.
    var path: String {
        guard let head = request.head else { return "" }
        return head.path.string
    }
}
