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

    /// Calls `body` with the head of the message in a direction, without counting a reference; false when there is none,
    /// as with ``head(_:_:)``.
    @inline(__always)
    func withHead(
        _ direction: MessageDirection, _ sample: inout Sample, _ body: (MessageHead, inout Sample) -> Bool
    ) -> Bool {
        if let held = unsafe direction == .request ? heldRequest : heldResponse {
            return unsafe held._withUnsafeGuaranteedRef { body($0, &sample) }
        }
        guard let head = head(direction, &sample) else { return false }
        return body(head, &sample)
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
            return text.extracting(0..<text.firstIndex(of: 0x3f))
        }
    }
}
