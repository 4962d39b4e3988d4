import Bytes
import Configuration
import Connections
import Messages
import Rules
import Samples
package import Servers
import Streams

// The key by which `balance` chooses a server (configuration.txt, "balance").
extension ProxyExchange {
    package func balanceKey(_ dispatch: Dispatch) -> UInt32? {
        guard let settings = backend?.settings else { return nil }
        let hashing = settings.hashing
        switch settings.balance {
        case .roundrobin, .staticRR, .leastconn, .first, .random, .sticky, .logHash: return nil
        case .source:
            let source = session.source
            let octets = source.octets
            switch source.family {
            case .ipv4: return KeyHash.address(octets.span.extracting(first: 4), hashing)
            case .ipv6: return KeyHash.address(octets.span, hashing)
            case .unix, .unspecified: return nil
            }
        case .uri(let key):
            guard let head = exchange.request.head else { return nil }
            return Self.uriKey(head, key, hashing)
        case .urlParameter(let name, _): return parameterKey(Array(name.utf8), hashing)
        case .header(let name, let domainOnly):
            guard let head = exchange.request.head else { return nil }
            return Self.headerKey(head, Array(name.utf8), domainOnly, hashing)
        case .rdpCookie(let expression), .hash(let expression): return expressionKey(expression.expression, hashing)
        }
    }

    /// Whether the choice of a server has to wait for the request's body.
    var balancesByBody: Bool {
        guard case .urlParameter(_, checksBody: true)? = backend?.settings.balance else { return false }
        return exchange.request.head?.method == .post
    }

    // MARK: URIs

    private static func uriKey(_ head: MessageHead, _ key: URIKey, _ hashing: HashSettings) -> UInt32 {
        let path = head.path
        if head.scheme.isEmpty || key.isPathOnly { return KeyHash.hash(cut(path, key), hashing) }
        // HTTP/2 and HTTP/3 requests have a whole URI, and so have those in absolute form.
        let uri =
            Array(copying: head.scheme) + [0x3a, 0x2f, 0x2f] + Array(copying: head.authority) + Array(copying: path)
        return KeyHash.hash(cut(uri.span, key), hashing)
    }

    @_lifetime(copy uri)
    private static func cut(_ uri: Span<UInt8>, _ key: URIKey) -> Span<UInt8> {
        let limit = min(uri.count, key.length ?? .max)
        var slashes = 0
        var end = 0
        while end < limit {
            if uri[end] == UInt8(ascii: "/") {
                slashes += 1
                if let depth = key.depth, slashes == depth + 1 { break }
            } else if uri[end] == UInt8(ascii: "?"), !key.includesQuery {
                break
            }
            end += 1
        }
        return uri.extracting(first: end)
    }

    // MARK: Parameters

    private func parameterKey(_ name: [UInt8], _ hashing: HashSettings) -> UInt32? {
        guard let head = exchange.request.head else { return nil }
        let path = head.path
        var start = 0
        while start < path.count, path[start] != UInt8(ascii: "?") { start += 1 }
        if start < path.count,
            let hash = Self.parameter(path.extracting((start + 1)..<path.count), name, hashing, isBody: false)
        {
            return hash
        }
        // The first piece of the body, as far as it is here.
        guard head.method == .post, exchange.request.pieceCount > 0 else { return nil }
        let piece = unsafe Span<UInt8>(_unsafeBytes: exchange.request.piece(0))
        return Self.parameter(piece, name, hashing, isBody: true)
    }

    /// The hash of a parameter's value; nil when it is not there. A body with bytes that no form has is none.
    private static func parameter(
        _ text: Span<UInt8>, _ name: [UInt8], _ hashing: HashSettings, isBody: Bool
    ) -> UInt32? {
        var start = 0
        while text.count - start > name.count {
            if text[start + name.count] == UInt8(ascii: "="), text.has(name.span, at: start) {
                let first = start + name.count + 1
                var end = first
                while end < text.count, text[end] != UInt8(ascii: "&") {
                    if isBody, !text[end].isTokenCharacter {
                        if text[end] == 0x20 || text[end] == 0x09 || text[end] == 0x0d || text[end] == 0x0a { break }
                        return nil
                    }
                    end += 1
                }
                return KeyHash.hash(text.extracting(first..<end), hashing)
            }
            while start < text.count, text[start] != UInt8(ascii: "&") { start += 1 }
            start += 1
        }
        return nil
    }

    // MARK: Fields

    private static func headerKey(
        _ head: MessageHead, _ name: [UInt8], _ domainOnly: Bool, _ hashing: HashSettings
    ) -> UInt32? {
        for field in 0..<head.fieldCount {
            let fieldName = head.nameText(at: field)
            guard fieldName.equals(name.span) else { continue }
            let value = firstValue(head.value(at: field))
            guard !value.isEmpty else { return nil }
            return KeyHash.hash(domainOnly ? domain(value) : value, hashing)
        }
        return nil
    }

    /// The first of a list's values.
    @_lifetime(copy text)
    private static func firstValue(_ text: Span<UInt8>) -> Span<UInt8> {
        var start = 0
        while start < text.count, text[start] == 0x20 || text[start] == 0x09 { start += 1 }
        var end = start
        var isQuoted = false
        while end < text.count, isQuoted || text[end] != UInt8(ascii: ",") {
            if text[end] == UInt8(ascii: "\"") { isQuoted.toggle() }
            end += 1
        }
        while end > start, text[end - 1] == 0x20 || text[end - 1] == 0x09 { end -= 1 }
        return text.extracting(start..<end)
    }

    /// The label before the top-level domain: `1wt` of `haproxy.1wt.eu`.
    @_lifetime(copy host)
    private static func domain(_ host: Span<UInt8>) -> Span<UInt8> {
        var end = host.count
        var start = host.count
        var isInside = false
        while start > 0 {
            if isInside {
                if host[start - 1] == UInt8(ascii: ".") { break }
            } else if start < host.count, host[start] == UInt8(ascii: ".") {
                end = start
                isInside = true
            }
            start -= 1
        }
        return host.extracting(start..<end)
    }

    // MARK: Expressions

    private func expressionKey(_ expression: Expression, _ hashing: HashSettings) -> UInt32? {
        let evaluation = frontend.worker.rules.evaluation
        evaluation.begin(self, .request)
        defer { evaluation.scratch.release() }
        var sample = Sample()
        guard expression.evaluate(evaluation, &sample, as: hashing.function == .none ? .str : .bin) else { return nil }
        return KeyHash.hash(sample.bytes, hashing)
    }
}
