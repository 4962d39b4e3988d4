import Bytes
package import Configuration
import Messages
import Rules
import Runtime
import Samples
import Streams

// Whole responses that the proxy gives by itself: error messages, `errorfile`s, and what rules answer.
extension ReplyContent {
    /// Puts the answer into an exchange's response. One that is larger than the response's queue goes there piece by
    /// piece when the worker's loop is given.
    func send(_ exchange: Exchange, loop: EventLoop? = nil) {
        guard exchange.response.phase == .idle else { return }
        if isSilent { return exchange.kill(exchange.failure ?? .killed) }
        let head = exchange.resources.heads.obtain(.response)
        head.version = .http11
        head.status = status
        head.bodyLength = .known(UInt64(body.count))
        do throws(MessageError) {
            // Without a phrase the muxes write the standard one.
            if let reason { try head.setReason(reason.span) }
            try head.append(.contentLength, Array(String(body.count).utf8).span)
            if closes { try head.append(.connection, Span("close")) }
            for field in fields { try head.append(name: field.name.span, field.value.span) }
        } catch {
            return exchange.kill(.internalError)
        }
        exchange.response.put(head)
        // Rules of `http-after-response` may have put another answer in its place.
        guard !exchange.isOver, exchange.response.phase == .body else { return }
        if body.count > exchange.response.limit, let loop { return LargeReply(body, loop).attach(to: exchange) }
        var offset = 0
        while offset < body.count {
            let chunk = Chunk(copying: body.span.extracting(offset..<body.count), pool: exchange.resources.buffers)
            offset += chunk.count
            exchange.response.put(chunk)
        }
        exchange.response.end()
    }
}

/// The answers of one proxy by status, over the built-in ones: `errorfile`, `errorfiles`, `http-error`, `errorloc`.
package struct ErrorAnswers: Sendable {
    private enum Answer: Sendable {
        case content(ReplyContent)
        case reply(any RuleReply)
    }

    private var answers: [Int: Answer] = [:]

    /// - Parameter files: the proxy's error files; those that are no HTTP response are refused at load already.
    package init(_ files: [ErrorFile]) {
        for file in files {
            if let reply = file.reply {
                answers[file.status] = .reply(reply)
            } else if let content = ReplyContent(response: file.content, status: file.status) {
                answers[file.status] = .content(content)
            }
        }
    }

    /// The answer for a status; nil when the proxy has none of its own.
    func answer(_ status: Int, _ run: RuleRun) -> ReplyContent? {
        switch answers[status] {
        case .content(let content): content
        case .reply(let reply): reply.make(run)
        case nil: nil
        }
    }
}
