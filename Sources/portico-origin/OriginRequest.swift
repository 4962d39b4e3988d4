import Bytes
import Messages

/// What a request's target asks the origin for.
struct OriginRequest {
    enum Page { case sized, welcome, echo, health, missing }

    var page = Page.sized
    /// Bytes of the body; nil: the default.
    var size: UInt64?
    /// Milliseconds before the answer.
    var delay = 0
    var status = 200
    var isRandom = false
    var isChunked = false
    var closes = false
    var trailers: [(name: [UInt8], value: [UInt8])] = []
    var fields: [(name: [UInt8], value: [UInt8])] = []
    let isHead: Bool

    init(_ head: MessageHead) {
        isHead = head.method == .head
        let path = head.path
        var query = path.count
        for index in path.indices where path[index] == 0x3f {
            query = index
            break
        }
        let route = path.extracting(0..<query)
        if route.equals("/echo") {
            page = .echo
        } else if route.equals("/healthz") {
            page = .health
            status = 204
        } else if route.equals("/favicon.ico") {
            page = .missing
            status = 404
        } else if query == path.count, Self.wantsHTML(head) {
            page = .welcome
        }
        guard query < path.count else { return }
        var start = query + 1
        var index = start
        while index <= path.count {
            if index == path.count || path[index] == 0x26 || path[index] == 0x2f {
                apply(path.extracting(start..<index))
                start = index + 1
            }
            index += 1
        }
    }

    private static func wantsHTML(_ head: MessageHead) -> Bool {
        guard let index = head.first(.accept) else { return false }
        return head.value(at: index).string.contains("text/html")
    }

    /// One `name=value`.
    private mutating func apply(_ part: Span<UInt8>) {
        guard part.count >= 3, part[1] == 0x3d else { return }
        let value = part.extracting(2..<part.count)
        switch part[0] {
        case 0x73: size = Self.number(value)
        case 0x74: delay = Int(clamping: min(Self.number(value) ?? 0, 3_600_000))
        case 0x72:
            // 1xx and 101 are no final answers.
            if let code = Self.number(value), (200...599).contains(code) { status = Int(code) }
        case 0x52: isRandom = value[0] == 0x31
        case 0x6b: isChunked = value[0] == 0x31
        case 0x43: closes = value[0] == 0x31
        case 0x54: if let pair = Self.pair(value) { trailers.append(pair) }
        case 0x48: if let pair = Self.pair(value) { fields.append(pair) }
        default: break
        }
    }

    /// A number with a binary suffix: k, m, g. Nil when it is none or too large.
    private static func number(_ text: Span<UInt8>) -> UInt64? {
        var result: UInt64 = 0
        for index in text.indices {
            let byte = text[index]
            if byte >= 0x30, byte <= 0x39 {
                let (product, over) = result.multipliedReportingOverflow(by: 10)
                let (sum, overflow) = product.addingReportingOverflow(UInt64(byte - 0x30))
                if over || overflow { return nil }
                result = sum
                continue
            }
            guard index == text.count - 1 else { return nil }
            let shift: UInt64
            switch byte.asciiLowercased {
            case 0x6b: shift = 10
            case 0x6d: shift = 20
            case 0x67: shift = 30
            default: return nil
            }
            return result.leadingZeroBitCount >= shift + 1 ? result << shift : nil
        }
        return result
    }

    private static func pair(_ text: Span<UInt8>) -> (name: [UInt8], value: [UInt8])? {
        let bytes = Array(text.string.utf8)
        guard let colon = bytes.firstIndex(of: 0x3a), colon > 0 else { return nil }
        return (bytes[..<colon].map(\.asciiLowercased), Array(bytes[(colon + 1)...]))
    }
}
