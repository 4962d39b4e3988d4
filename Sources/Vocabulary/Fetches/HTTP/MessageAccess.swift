import Messages
import Samples

// How fetches find the message that they read.
extension Evaluation {
    /// The head of the message in a direction; nil when there is none. `sample` is told whether it may still come.
    func head(_ direction: MessageDirection, _ sample: inout Sample) -> MessageHead? {
        let found = direction == .request ? requestHead : responseHead
        if found != nil || isFinal || exchange == nil { return found }
        if direction == .request, case .invalid = rawRequest { return nil }
        sample.flags.insert(.mayChange)
        return nil
    }
}

extension MessageHead {
    /// The path with its query; nil when the target has none (`*`, CONNECT).
    var pathAndQuery: Span<UInt8>? {
        @_lifetime(borrow self) get {
            let text = path
            return method == .connect || text.isEmpty || text[0] != 0x2f ? nil : text
        }
    }

    /// The path without its query; nil as above.
    var pathOnly: Span<UInt8>? {
        @_lifetime(borrow self) get {
            guard let text = pathAndQuery else { return nil }
            return text.extracting(0..<text.end(before: 0x3f))
        }
    }
}

extension Span<UInt8> {
    /// Where `byte` first stands, or the end.
    func end(before byte: UInt8) -> Int {
        var index = 0
        while index < count, self[index] != byte { index += 1 }
        return index
    }
}
