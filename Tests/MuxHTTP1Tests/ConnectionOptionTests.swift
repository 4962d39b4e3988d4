import Messages
import MuxHTTP1
import Streams
import TestSupport
import Testing

/// What rules see of a request's `Connection` fields: not what is about the client's connection alone. The answers are
/// HAProxy's, but for fields that an option names: those are gone here (RFC 9110 section 7.6.1).
@Suite("Connection options of requests") struct ConnectionOptionTests {
    @Test(
        arguments: [
            ("Connection: close", []), ("Connection: keep-alive", []), ("Connection: Close, Keep-Alive", []),
            ("Connection: Upgrade", []), ("Connection: keep-alive, Upgrade", []), ("Connection:", []),
            ("Connection: foo, close,bar", ["foo,bar"]), ("Connection: foo ,  bar", ["foo ,  bar"]),
            ("Connection: close\r\nConnection: a", ["a"]), ("Connection: x-a, keep-alive", ["x-a"]),
            ("Connection: keep-alive, Upgrade\r\nUpgrade: one", ["Upgrade"]),
            ("Connection: Upgrade\r\nUpgrade: one", ["Upgrade"]),
            ("Connection: Upgrade, foo\r\nConnection: close\r\nUpgrade: one", ["Upgrade, foo"]),
        ] as [(String, [String])])
    func whatIsLeft(fields: String, values: [String]) {
        let proxy = http1()
        var seen: [String]?
        proxy.onRequest = { exchange in
            guard let head = exchange.request.head else { return false }
            seen = (0..<head.fieldCount).filter { head.name(at: $0) == .connection }.map {
                head.value(at: $0).string
            }
            return false
        }
        proxy.ask("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n")
        #expect(seen == values)
        proxy.expectNothingLeft()
    }
}
