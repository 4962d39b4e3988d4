import Bytes
import Messages

/// Writes heads as HTTP/1.1 text (RFC 9112). The fields of one connection are left out and written anew, as are those
/// that frame the body.
enum HeadWriter {
    /// What the mux decides about a request.
    struct RequestPlan {
        /// How the body goes out.
        var framing: Framing
        /// False adds `connection: close`.
        var persists: Bool
        /// Whether the request goes out as HTTP/1.0; nil: when it came so and has no host.
        var isOld: Bool?
        /// The key for a WebSocket upgrade that brings none.
        var webSocketKey: WebSocketHandshake.Key?
        /// How names are written that are not to be in lower case; nil: all are.
        var cases: FieldCases?
    }

    /// What the mux decides about a response.
    struct ResponsePlan {
        /// How the body goes out.
        var framing: Framing
        /// True when the body is left out although the head describes one: an answer to HEAD, 304.
        var describesBody: Bool
        /// False adds `connection: close`.
        var persists: Bool
        /// The client's version: HTTP/1.0 is told when the connection stays.
        var clientVersion: HTTPVersion
        /// The answer to a WebSocket key, when the server gave none.
        var webSocketAccept: WebSocketHandshake.Accept?
        /// As in a request's plan.
        var cases: FieldCases?
    }

    // MARK: Requests

    /// Writes a request's head. Returns its bytes.
    static func request(_ head: MessageHead, _ plan: RequestPlan, into output: inout OutputQueue) -> Int {
        output.appendHead(bound: head.writtenBound) { room in
            let authority = head.sentAuthority
            let hasHost = !authority.isEmpty || head.first(.host) != nil
            room.put(head.methodText)
            room.put(" ")
            if head.method == .connect {
                room.put(authority)
            } else {
                // What came to a proxy goes on as such: HTTP/1 in absolute form (RFC 9112 section 3.2.2).
                if head.version <= .http11, !head.scheme.isEmpty, !authority.isEmpty, !head.path.equals("*") {
                    room.put(head.scheme)
                    room.put("://")
                    room.put(authority)
                }
                room.put(head.path)
            }
            // RFC 9112 section 3.2: HTTP/1.1 needs a Host. A client of HTTP/1.0 that sent none speaks 1.0 here too; a
            // body without a length is something that HTTP/1.0 does not know.
            let isOld = plan.isOld ?? (!hasHost && head.version == .http10 && plan.framing != .chunked)
            room.put(isOld ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n")
            if hasHost { room.line(FieldName.host.bytes, authority) }
            let asksTrailers = putFields(of: head, keepsLength: false, into: &room)
            putFraming(head, plan.framing, into: &room)
            if let key = plan.webSocketKey { room.line(FieldName.secWebSocketKey.bytes, key.span) }
            let upgrades = plan.framing == .tunnel && head.isUpgrade
            if upgrades { room.line(FieldName.upgrade.bytes, head.upgradeProtocol) }
            let keepAlive = plan.persists && isOld && !hasHost
            // HTTP/1.0 closes without being told.
            let closes = !plan.persists && !isOld
            if upgrades || asksTrailers || closes || keepAlive {
                var options = ConnectionList()
                if upgrades { options.put("upgrade", into: &room) }
                if asksTrailers { options.put("te", into: &room) }
                if closes, !upgrades { options.put("close", into: &room) }
                if keepAlive { options.put("keep-alive", into: &room) }
                room.put("\r\n")
            }
            room.put("\r\n")
            if let cases = plan.cases { room.adjust(cases, hasStartLine: true) }
        }
    }

    private static func putFraming(_ head: MessageHead, _ framing: Framing, into room: inout HeadRoom) {
        switch framing {
        case .length(let bytes): putLength(bytes, into: &room)
        case .chunked: room.put("transfer-encoding: chunked\r\n")
        case .none:
            // RFC 9110 section 8.6: a length of 0 is told where the method makes one expect content.
            if head.first(.contentLength) != nil || head.method == .post || head.method == .put || head.method == .patch
            {
                putLength(0, into: &room)
            }
        case .untilClose, .tunnel: break
        }
    }

    // MARK: Responses

    /// Writes a response's head. Returns its bytes.
    static func response(_ head: MessageHead, _ plan: ResponsePlan, into output: inout OutputQueue) -> Int {
        output.appendHead(bound: head.writtenBound) { room in
            let switches = plan.framing == .tunnel && head.isUpgrade
            let status = switches ? 101 : head.status
            putStatus(status, head, into: &room)
            _ = putFields(of: head, keepsLength: plan.describesBody, into: &room)
            if status >= 200, status != 204, !plan.describesBody {
                switch plan.framing {
                case .none: putLength(0, into: &room)
                case .length(let bytes): putLength(bytes, into: &room)
                case .chunked: room.put("transfer-encoding: chunked\r\n")
                case .untilClose, .tunnel: break
                }
            }
            if switches {
                if let accept = plan.webSocketAccept {
                    room.line(FieldName.secWebSocketAccept.bytes, accept.span)
                }
                room.line(FieldName.upgrade.bytes, head.upgradeProtocol)
                room.put("connection: upgrade\r\n")
            } else if status >= 200, plan.framing != .tunnel {
                if !plan.persists {
                    room.put("connection: close\r\n")
                } else if plan.clientVersion == .http10 {
                    room.put("connection: keep-alive\r\n")
                }
            }
            room.put("\r\n")
            if let cases = plan.cases { room.adjust(cases, hasStartLine: true) }
        }
    }

    private static func putStatus(_ status: Int, _ head: MessageHead, into room: inout HeadRoom) {
        if status == 200, head.reason.isEmpty { return room.put("HTTP/1.1 200 OK\r\n") }
        room.put("HTTP/1.1 ")
        room.put(StatusText.bytes(status))
        room.put(" ")
        if head.reason.isEmpty || status != head.status {
            room.put(StatusText.reason(status))
        } else {
            room.put(head.reason)
        }
        room.put("\r\n")
    }

    // MARK: Trailers

    /// Writes a trailer section with its empty line. Returns its bytes.
    static func trailers(_ head: MessageHead, _ cases: FieldCases?, into output: inout OutputQueue) -> Int {
        output.appendHead(bound: head.writtenBound) { room in
            for index in 0..<head.fieldCount where !head.name(at: index).isForbiddenInTrailers {
                room.line(head.nameText(at: index), head.value(at: index))
            }
            room.put("\r\n")
            if let cases { room.adjust(cases, hasStartLine: false) }
        }
    }

    // MARK: Fields

    /// Writes the fields that go on as they are. True when the head asks for trailers (`te`).
    private static func putFields(of head: MessageHead, keepsLength: Bool, into room: inout HeadRoom) -> Bool {
        var asksTrailers = false
        let isRequest = head.kind == .request
        for index in 0..<head.fieldCount {
            let token = head.name(at: index)
            switch token {
            case .other: break
            case .te:
                if isRequest, !asksTrailers, head.value(at: index).listContains("trailers") {
                    asksTrailers = true
                    room.put("te: trailers\r\n")
                }
                continue
            case .host:
                if isRequest { continue }
            case .contentLength:
                if !keepsLength { continue }
            default:
                if token.isHopByHop { continue }
            }
            room.line(head.nameText(at: index), head.value(at: index))
        }
        return asksTrailers
    }

    private static func putLength(_ bytes: UInt64, into room: inout HeadRoom) {
        room.put("content-length: ")
        room.put(decimal: bytes)
        room.put("\r\n")
    }

    /// The members of one `connection` field.
    private struct ConnectionList {
        private var isEmpty = true

        mutating func put(_ option: StaticString, into room: inout HeadRoom) {
            room.put(isEmpty ? "connection: " : ", ")
            isEmpty = false
            room.put(option)
        }
    }
}
