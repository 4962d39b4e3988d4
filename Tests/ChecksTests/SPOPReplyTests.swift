import Checks
import Configuration
import Testing

@Suite("SPOP agents' answers to a check") struct SPOPReplyTests {
    private static func text(_ value: String) -> [UInt8] { [UInt8(value.utf8.count)] + value.utf8 }

    private static func frame(_ type: UInt8, flags: UInt8 = 1, _ items: [[UInt8]]) -> [UInt8] {
        let payload: [UInt8] = [type, 0, 0, 0, flags, 0, 0] + Array(items.joined())
        return [0, 0, 0, UInt8(payload.count)] + payload
    }

    private static let version: [UInt8] = text("version") + [8] + text("2.0")
    private static let size: [UInt8] = text("max-frame-size") + [3, 0xfc, 0xf0, 0x06]
    private static let capabilities: [UInt8] = text("capabilities") + [8] + text("")

    static let cases: [(String, [UInt8], NamedReply)] = [
        ("a greeting", frame(101, [version, size, capabilities]), .passed(words: "SPOA server is ok")),
        (
            "with items that nobody knows",
            frame(
                101,
                [
                    text("a") + [0x11], text("b") + [6, 1, 2, 3, 4], text("c") + [4, 250, 3], version, size,
                    capabilities,
                ]),
            .passed(words: "SPOA server is ok")
        ),
        ("no version", frame(101, [size, capabilities]), failed(5, "version value not found")),
        ("no size", frame(101, [version, capabilities]), failed(6, "max-frame-size value not found")),
        ("no capabilities", frame(101, [version, size]), failed(7, "capabilities value not found")),
        ("an old version", frame(101, [text("version") + [8] + text("1.0")]), failed(8, "unsupported version")),
        (
            "a size too small", frame(101, [version, text("max-frame-size") + [3, 200], capabilities]),
            failed(9, "max-frame-size too big or too small")
        ),
        ("a version that is a number", frame(101, [text("version") + [3, 2]]), failed(4, "invalid frame received")),
        ("flags without FIN", frame(101, flags: 0, []), failed(4, "invalid frame received")),
        ("another frame", frame(103, []), failed(4, "invalid frame received")),
        ("a text that is cut off", frame(101, [[9, 65]]), failed(4, "invalid frame received")),
        (
            "an endless number", frame(101, [[255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]]),
            failed(4, "invalid frame received")
        ),
        (
            "a goodbye",
            frame(102, [text("status-code") + [3, 3], text("message") + [8] + text("much too big")]),
            failed(3, "much too big")
        ),
        (
            "a goodbye without words", frame(102, [text("status-code") + [3, 200]]),
            failed(99, "an unknown error occurred")
        ),
    ]

    private static func failed(_ code: Int, _ words: String) -> NamedReply {
        .failed(.l7response, code: code, words: words)
    }

    @Test("Whole frames", arguments: cases) func whole(name: String, bytes: [UInt8], reply: NamedReply) {
        #expect(SPOPReply.read(bytes, isComplete: false) == reply)
        #expect(SPOPReply.read(bytes, isComplete: true) == reply)
    }

    @Test("Parts of a frame are waited for, and invalid once no more comes") func parts() {
        let whole = Self.frame(101, [Self.version, Self.size, Self.capabilities])
        for count in 0..<whole.count {
            let part = Array(whole.prefix(count))
            #expect(SPOPReply.read(part, isComplete: false) == .wait, "\(count)")
            #expect(SPOPReply.read(part, isComplete: true) == Self.failed(4, "invalid frame received"), "\(count)")
        }
    }
}
