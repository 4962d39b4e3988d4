import Bytes
import Configuration
import Messages
import Rules
import Samples
import Streams

// What is kept of messages as they come, before rules change them.
extension ProxyExchange {
    /// The request's head is here.
    func captureRequest() {
        guard isHTTP, let head = exchange.request.head else { return }
        requestHeadSize = head.countedSize
        let slots = frontend.settings.captures.request
        if !slots.isEmpty { capture(slots, of: head, .request) }
        if let cookie = frontend.settings.captures.cookie { requestCookie = Self.find(cookie, in: head, .cookie) }
        if frontend.shared.keepsRequestLine {
            let evaluation = frontend.worker.rules.evaluation
            var text = evaluation.scratch.text()
            head.appendRequestLine(to: &text, limit: frontend.requestLineLimit)
            requestLine = Array(copying: text.bytes)
            evaluation.scratch.release()
        }
    }

    /// The response's head is here.
    func captureResponse() {
        guard isHTTP, let head = exchange.response.head else { return }
        // The proxy's own answers are not captured, as in HAProxy.
        guard ownStatus == 0 else { return }
        responseHeadSize = head.countedSize
        let slots = frontend.settings.captures.response
        if !slots.isEmpty { capture(slots, of: head, .response) }
        if let cookie = frontend.settings.captures.cookie { responseCookie = Self.find(cookie, in: head, .setCookie) }
    }

    /// The last field of a name is kept.
    private func capture(_ slots: [CaptureSettings.Slot], of head: MessageHead, _ direction: MessageDirection) {
        for field in 0..<head.fieldCount {
            for (index, slot) in slots.enumerated() where !slot.name.isEmpty {
                guard head.nameText(at: field).equals(slot.name.span) else { continue }
                _ = capture(head.value(at: field), direction, slot: index)
            }
        }
    }

    /// The first cookie whose text begins with the prefix.
    private static func find(
        _ wanted: CaptureSettings.Cookie, in head: MessageHead, _ name: FieldName
    ) -> [UInt8]? {
        for field in 0..<head.fieldCount where head.name(at: field) == name {
            let value = head.value(at: field)
            var start = 0
            while start < value.count {
                while start < value.count, value[start] == 0x20 || value[start] == 0x09 { start += 1 }
                var end = start
                while end < value.count, value[end] != UInt8(ascii: ";") { end += 1 }
                var last = end
                while last > start, value[last - 1] == 0x20 || value[last - 1] == 0x09 { last -= 1 }
                if value.extracting(start..<last).has(wanted.prefix.span, at: 0) {
                    return Array(copying: value.extracting(start..<min(last, start + wanted.length)))
                }
                // Attributes follow the one cookie of a `set-cookie` field.
                if name == .setCookie { break }
                start = end + 1
            }
        }
        return nil
    }
}
