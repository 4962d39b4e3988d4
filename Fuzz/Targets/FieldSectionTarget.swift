import Messages

/// One field section, as HPACK or QPACK would give it: names and values of the input, each behind its length in a byte.
struct FieldLines {
    var lines: [(name: [UInt8], value: [UInt8])] = []

    init() {}

    init(_ input: borrowing Span<UInt8>) {
        var position = 0
        func next() -> [UInt8]? {
            guard position < input.count else { return nil }
            let start = position + 1
            let end = min(input.count, start + Int(input[position]))
            position = end
            return (start..<end).map { input[$0] }
        }
        while let name = next(), let value = next() { lines.append((name, value)) }
    }

    /// The lines that a head sends.
    init(of head: MessageHead) {
        head.forEachLine(scheme: "https") { _, name, value in
            lines.append((name.indices.map { name[$0] }, value.indices.map { value[$0] }))
        }
    }

    /// The head that these lines make, or nil when they break a rule.
    func assembled(_ assembler: HeadAssembler, endOfStream: Bool) -> MessageHead? {
        var assembler = assembler
        for (name, value) in lines {
            guard (try? assembler.add(name: name.span, value: value.span)) != nil else { return nil }
        }
        return try? assembler.finish(endOfStream: endOfStream)
    }
}

extension FuzzTarget {
    /// Header and trailer sections of HTTP/2 and HTTP/3. What is accepted has no byte that could end a field or a
    /// message on an HTTP/1 connection, and is accepted again, unchanged, when it is sent on.
    static let fieldSection = FuzzTarget("field-section", "field lines of HTTP/2 and HTTP/3") { input in
        guard !input.isEmpty else { return }
        let lines = FieldLines(input.extracting(1...))
        let endOfStream = input[0] & 1 != 0
        let version: HTTPVersion = input[0] & 2 != 0 ? .http3 : .http2
        let method: Method = input[0] & 4 != 0 ? .head : .get
        func assembler(_ kind: MessageHead.Kind) -> HeadAssembler {
            let head = MessageHead(kind)
            return switch kind {
            case .request: HeadAssembler(request: head, version: version, allowsProtocol: true)
            case .response: HeadAssembler(response: head, version: version, to: method, opensTunnel: input[0] & 8 != 0)
            case .trailers: HeadAssembler(trailers: head, version: version)
            }
        }
        for kind in [MessageHead.Kind.request, .response, .trailers] {
            guard let head = lines.assembled(assembler(kind), endOfStream: endOfStream) else { continue }
            let sent = FieldLines(of: head)
            promise(sent.lines.count <= head.lineLimit, "\(sent.lines.count) lines of at most \(head.lineLimit)")
            for (name, value) in sent.lines {
                promise(!name.isEmpty && name.allSatisfy { $0 > 0x20 && $0 < 0x7f }, "a name of other bytes")
                promise(value.allSatisfy { $0 != 0 && $0 != 0x0a && $0 != 0x0d }, "a value with CR, LF or NUL")
            }
            guard let again = sent.assembled(assembler(kind), endOfStream: endOfStream) else {
                fatalError("broken promise: an accepted head of kind \(kind) is refused when it is sent on")
            }
            let resent = FieldLines(of: again)
            promise(
                sent.lines.elementsEqual(resent.lines) { $0 == $1 }, "a head changes when it is sent on: \(sent.lines)")
            promise(again.bodyLength == head.bodyLength, "\(head.bodyLength) becomes \(again.bodyLength)")
        }
    }
}
