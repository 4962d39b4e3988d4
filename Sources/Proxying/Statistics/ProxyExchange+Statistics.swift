import Bytes
import Configuration
import Messages
import Rules
import Samples
import Streams

// Requests for a proxy's statistics page.
extension ProxyExchange {
    /// Takes the request when it asks for the page. False: it goes its usual way.
    func startStatistics(_ page: StatisticsPageSettings?, of proxy: String) -> Bool {
        guard let page, let exchange, let head = exchange.request.head,
            let service = frontend.worker.statisticsService
        else { return false }
        let uri = head.path.string
        guard uri.hasPrefix(page.uri) else { return false }
        let isPost = head.method == .post
        // Other methods are not the page's, as in HAProxy.
        guard head.method == .get || head.method == .head || isPost else { return false }
        let isAdministrator = isAdministrator(page)
        // A form is taken whole.
        if isPost, isAdministrator, page.users.isEmpty || Self.knows(page, head) {
            guard hasBody(true) else { return true }
        }
        progress.step = .done
        serviceName = "<STATS>"
        let reply: ReplyContent
        if let refusal = refusal(of: page, head) {
            reply = refusal
        } else {
            frontend.traffic.intercepted &+= 1
            var options = uri.dropFirst(page.uri.count)
            if options.hasPrefix(";") { options = options.dropFirst() }
            let request = StatisticsRequest(
                page: page, proxy: proxy, options: String(options), isHead: head.method == .head,
                isAdministrator: isAdministrator, form: isPost ? form(isAdministrator) : nil)
            let worker = frontend.worker
            worker.ask(for: self) { service.answer(request, reply: $0) }
            return true
        }
        send(reply)
        return true
    }

    /// Whether the client may change servers on the page (`stats admin`).
    private func isAdministrator(_ page: StatisticsPageSettings) -> Bool {
        guard !page.administrators.isEmpty else { return false }
        let evaluation = frontend.worker.rules.evaluation
        evaluation.begin(self, .request)
        defer { evaluation.scratch.release() }
        return page.administrators.contains { $0.holds(evaluation) }
    }

    /// What a form sends; its body is here.
    private func form(_ isAdministrator: Bool) -> StatisticsForm {
        guard isAdministrator else { return .denied }
        guard let request = exchange?.request, request.phase == .ended, request.count <= frontend.worker.bufferSize
        else {
            return .tooLarge
        }
        var bytes: [UInt8] = []
        for piece in 0..<request.pieceCount { unsafe bytes.append(contentsOf: request.piece(piece)) }
        return .fields(bytes)
    }

    /// What a client gets that may not see the page; nil: it may. The first rule of `stats http-request` that holds
    /// decides, before the users of `stats auth`.
    private func refusal(of page: StatisticsPageSettings, _ head: MessageHead) -> ReplyContent? {
        let evaluation = frontend.worker.rules.evaluation
        evaluation.begin(self, .request)
        let rule = page.access.first { $0.condition?.holds(evaluation) ?? true }
        evaluation.scratch.release()
        switch rule?.action {
        case .allow: return nil
        case .deny:
            noteStage(.request)
            exchange.note(.denied)
            return ownMessage(403)
        case .authenticate(let realm): return unauthorized(realm ?? page.realm)
        case nil: return page.users.isEmpty || Self.knows(page, head) ? nil : unauthorized(page.realm)
        }
    }

    private func unauthorized(_ realm: String) -> ReplyContent {
        var reply = ownMessage(401)
        let realm = realm.filter { $0 != "\"" && $0 != "\\" }
        reply.fields.append((Array("www-authenticate".utf8), Array("Basic realm=\"\(realm)\"".utf8)))
        return reply
    }

    /// Whether the request's credentials (RFC 7617) are a user's. All are compared whole, so that the time tells nothing
    /// of how far a guess was right.
    private static func knows(_ page: StatisticsPageSettings, _ head: MessageHead) -> Bool {
        guard let index = head.first(.authorization) else { return false }
        let value = head.value(at: index).string
        guard value.lowercased().hasPrefix("basic "),
            let given = Base64Text.decode(value.dropFirst(6).drop { $0 == " " })
        else { return false }
        var isKnown = false
        for user in page.users {
            let wanted = Array("\(user.name):\(user.password)".utf8)
            var difference = UInt(bitPattern: wanted.count ^ given.count)
            for (index, byte) in given.enumerated() {
                difference |= UInt(byte ^ (wanted.isEmpty ? 0 : wanted[index % wanted.count]))
            }
            if difference == 0 { isKnown = true }
        }
        return isKnown
    }
}

/// Base 64 (RFC 4648 section 4), as credentials have it.
enum Base64Text {
    /// The bytes; nil when the text is none.
    static func decode(_ text: Substring) -> [UInt8]? {
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in text.utf8 {
            if byte == UInt8(ascii: "=") { break }
            guard let value = value(byte) else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
                bits &= (1 << UInt32(count)) - 1
            }
        }
        return result
    }

    private static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}

/// Exchanges of one worker that wait for what another thread does for them.
struct ServiceWaits {
    private var waiting: [UInt64: Weak] = [:]
    private var next: UInt64 = 0

    private struct Weak {
        weak var record: ProxyExchange?
    }

    mutating func insert(_ record: ProxyExchange) -> UInt64 {
        next &+= 1
        waiting[next] = Weak(record: record)
        return next
    }

    mutating func remove(_ ticket: UInt64) -> ProxyExchange? { waiting.removeValue(forKey: ticket)?.record }
}

extension Worker {
    /// Gives a request to a service, which `ask` calls; its answer goes to `record` when that is still open.
    func ask(for record: ProxyExchange, _ ask: (@escaping @Sendable (ReplyContent) -> Void) -> Void) {
        let ticket = serviceWaits.insert(record)
        let group = group
        let index = index
        ask { reply in
            group.ask(index) {
                $0.deliver(reply, to: ticket)
            } answer: { _ in
            }
        }
    }

    private func deliver(_ reply: ReplyContent, to ticket: UInt64) {
        guard let record = serviceWaits.remove(ticket), record.exchange?.isOver == false else { return }
        record.send(reply)
    }
}
