import Messages
import Testing

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Lines as `name=value` separated by `|`; names keep a leading colon.
private func lines(_ text: String) -> [(name: [UInt8], value: [UInt8])] {
    text.split(separator: "|", omittingEmptySubsequences: true).map { (line: Substring) in
        let name = line.prefix { $0 != "=" }
        return (bytes(String(name)), bytes(String(line.dropFirst(name.count + 1))))
    }
}

private func assemble(
    _ text: String, end: Bool = true, _ make: (MessageHead) -> HeadAssembler, kind: MessageHead.Kind
) -> Result<MessageHead, MessageError> {
    var assembler = make(MessageHead(kind))
    do throws(MessageError) {
        for line in lines(text) { try assembler.add(name: line.name.span, value: line.value.span) }
        return .success(try assembler.finish(endOfStream: end))
    } catch {
        return .failure(error)
    }
}

private func request(
    _ text: String, end: Bool = true, allowsProtocol: Bool = true, allowsFragment: Bool = false
) -> Result<MessageHead, MessageError> {
    assemble(
        text, end: end,
        {
            HeadAssembler(
                request: $0, version: .http2, allowsProtocol: allowsProtocol, allowsFragment: allowsFragment)
        }, kind: .request)
}

private func response(
    _ text: String, end: Bool = false, to method: Method = .get, opensTunnel: Bool = false
) -> Result<MessageHead, MessageError> {
    assemble(
        text, end: end, { HeadAssembler(response: $0, version: .http3, to: method, opensTunnel: opensTunnel) },
        kind: .response)
}

private func fields(_ head: MessageHead) -> [String] {
    (0..<head.fieldCount).map { "\(head.nameText(at: $0).string)=\(head.value(at: $0).string)" }
}

private func sent(_ head: MessageHead) -> [String] {
    var lines: [String] = []
    head.forEachLine(scheme: "https") { lines.append("\($1.string)=\($2.string)") }
    return lines
}

private func failure(_ result: Result<MessageHead, MessageError>) -> MessageError? {
    if case .failure(let error) = result { error } else { nil }
}

private let plain = ":method=GET|:scheme=https|:authority=a.test|:path=/"

@Suite("Heads from HTTP/2 and HTTP/3 field sections") struct HeadAssemblerTests {
    @Test(
        "A fragment in a path passes only where that is allowed",
        arguments: ["/a#b", "/#", "/a?b#c", "/a#b#c", "/a#/?"])
    func fragment(path: String) throws {
        let text = ":method=GET|:scheme=https|:authority=a.test|:path=\(path)"
        #expect(failure(request(text)) == .badPath)
        let head = try request(text, allowsFragment: true).get()
        let passed = head.path.string
        #expect(passed == path)
    }

    @Test("What else a path may not have stays refused", arguments: ["#", "a#b", "/a#b c", "/a\u{7f}#b", "/é#b"])
    func fragmentAmongOthers(path: String) {
        let text = ":method=GET|:scheme=https|:authority=a.test|:path=\(path)"
        #expect(failure(request(text, allowsFragment: true)) != nil)
    }

    @Test("A request comes out with its start line, one host field and its length") func goodRequest() throws {
        let head = try request(
            ":method=POST|:scheme=https|:authority=a.test:8443|:path=/x?y=1|content-length=12|x-a=b", end: false
        ).get()
        #expect(head.method == .post)
        #expect(head.scheme.string == "https")
        #expect(head.authority.string == "a.test:8443")
        #expect(head.path.string == "/x?y=1")
        #expect(head.bodyLength == .known(12))
        #expect(fields(head) == ["host=a.test:8443", "content-length=12", "x-a=b"])
        #expect(try request(plain).get().bodyLength == .none)
        #expect(try request(plain, end: false).get().bodyLength == .unknown)
    }

    @Test("HTTP/2 needs no authority, and its own one counts; HTTP/3 wants one that is what host says")
    func authority() throws {
        let none = ":method=GET|:scheme=https|:path=/"
        #expect(try fields(request(none).get()) == [])
        #expect(try fields(request(plain + "|host=b.test").get()) == ["host=a.test"])
        let make = { HeadAssembler(request: $0, version: .http3, allowsProtocol: true) }
        #expect(failure(assemble(none, make, kind: .request)) == .missingAuthority)
        #expect(failure(assemble(plain + "|host=b.test", make, kind: .request)) == .hostMismatch)
    }

    @Test(
        "The port that the scheme has anyway is left out of the authority",
        arguments: [
            ("http", "h:80", "h"), ("http", "h:", "h"), ("http", "h:8080", "h:8080"), ("https", "h:443", "h"),
            ("https", "h:80", "h:80"), ("https", "[::1]:443", "[::1]"),
        ])
    func usualPort(scheme: String, authority: String, sent: String) throws {
        let head = try request(":method=GET|:scheme=\(scheme)|:authority=\(authority)|:path=/").get()
        #expect(head.authority.string == sent)
        #expect(fields(head) == ["host=\(sent)"])
    }

    @Test(
        "A request that breaks a rule is malformed, and the error names the rule",
        arguments: [
            // Pseudo-header fields: order, doubles, unknown, missing.
            (":method=GET|:scheme=https|:authority=a|x=1|:path=/", .pseudoFieldAfterField),
            (plain + "|:path=/", .duplicatePseudoField),
            (plain + "|:method=GET", .duplicatePseudoField),
            (plain + "|:foo=1", .unknownPseudoField),
            (plain + "|:status=200", .unknownPseudoField),
            (plain + "|:=1", .unknownPseudoField),
            (":scheme=https|:authority=a|:path=/", .missingMethod),
            (":method=GET|:authority=a|:path=/", .missingScheme),
            (":method=GET|:scheme=https|:authority=a", .missingPath),
            // Names and values.
            (plain + "|X-Upper=1", .upperCaseName),
            (plain + "|=1", .emptyName),
            (plain + "|a b=1", .badName),
            (plain + "|a\u{0}=1", .badName),
            (plain + "|a:b=1", .badName),
            (plain + "|a\u{7f}=1", .badName),
            (plain + "|é=1", .badName),
            (plain + "|a=x\u{0}y", .badValue),
            (plain + "|a=x\ry", .badValue),
            (plain + "|a=x\ny", .badValue),
            (plain + "|a=0123456789abcdef\n0123", .badValue),
            (plain + "|a=0123456789abcdef\u{7f}0123", .badValue),
            (plain + "|a= x", .badValue),
            (plain + "|a=x ", .badValue),
            (plain + "|a=\tx", .badValue),
            (plain + "|a= ", .badValue),
            (":method=GET|:scheme=https|:authority=a|:path=/\r\nx: y", .badValue),
            // Fields of one connection.
            (plain + "|connection=close", .connectionSpecificField),
            (plain + "|keep-alive=timeout", .connectionSpecificField),
            (plain + "|proxy-connection=close", .connectionSpecificField),
            (plain + "|transfer-encoding=chunked", .connectionSpecificField),
            (plain + "|upgrade=h2c", .connectionSpecificField),
            (plain + "|te=gzip", .badTE),
            (plain + "|te=trailers, gzip", .badTE),
            // Authority and host.
            (plain + "|host=a.test|host=a.test", .duplicateHost),
            (":method=GET|:scheme=https|:path=/|host=a b", .badAuthority),
            (":method=GET|:scheme=https|:authority=|:path=/", .badAuthority),
            (":method=GET|:scheme=https|:authority=u@a|:path=/", .badAuthority),
            (":method=GET|:scheme=https|:authority=a:b|:path=/", .badAuthority),
            (":method=GET|:scheme=https|:authority=a:1:2|:path=/", .badAuthority),
            (":method=GET|:scheme=https|:authority=a:65536|:path=/", .badAuthority),
            (":method=GET|:scheme=https|:authority=a/b|:path=/", .badAuthority),
            (":method=GET|:scheme=https|:authority=[::1|:path=/", .badAuthority),
            (":method=GET|:scheme=https|:authority=[::1]x|:path=/", .badAuthority),
            // Start line.
            (":method=|:scheme=https|:authority=a|:path=/", .badMethod),
            (":method=GE T|:scheme=https|:authority=a|:path=/", .badMethod),
            (":method=GET|:scheme=1s|:authority=a|:path=/", .badScheme),
            (":method=GET|:scheme=|:authority=a|:path=/", .badScheme),
            (":method=GET|:scheme=https|:authority=a|:path=", .badPath),
            (":method=GET|:scheme=https|:authority=a|:path=x", .badPath),
            (":method=GET|:scheme=https|:authority=a|:path=*", .badTarget),
            (":method=GET|:scheme=https|:authority=a|:path=/a b", .badPath),
            (":method=GET|:scheme=https|:authority=a|:path=/a#b", .badPath),
            (":method=GET|:scheme=https|:authority=a|:path=/\u{e9}", .badPath),
            (":method=OPTIONS|:scheme=https|:authority=a|:path=**", .badPath),
            // CONNECT.
            (":method=CONNECT|:scheme=https|:authority=a:1", .unexpectedScheme),
            (":method=CONNECT|:path=/|:authority=a:1", .unexpectedPath),
            (":method=CONNECT|:authority=a", .badConnectAuthority),
            (":method=CONNECT", .missingAuthority),
            (":method=CONNECT|:authority=a|:protocol=websocket", .missingScheme),
            (":method=CONNECT|:authority=a|:scheme=https|:protocol=websocket", .missingPath),
            (":method=CONNECT|:authority=a|:scheme=https|:path=*|:protocol=websocket", .badPath),
            (":method=CONNECT|:authority=a|:scheme=https|:path=/|:protocol=web socket", .badProtocol),
            (plain + "|:protocol=websocket", .unexpectedProtocol),
            // content-length.
            (plain + "|content-length=", .badContentLength),
            (plain + "|content-length=+1", .badContentLength),
            (plain + "|content-length=-1", .badContentLength),
            (plain + "|content-length=0x1", .badContentLength),
            (plain + "|content-length=1 1", .badContentLength),
            (plain + "|content-length=0,", .badContentLength),
            (plain + "|content-length=99999999999999999999", .badContentLength),
            (plain + "|content-length=0|content-length=1", .conflictingContentLength),
            (plain + "|content-length=0, 1", .conflictingContentLength),
            (plain + "|content-length=5", .bodyShorterThanLength),
        ] as [(String, MessageError)])
    func malformed(_ text: String, _ error: MessageError) {
        #expect(failure(request(text)) == error)
    }

    @Test("Forms that are unusual and right are taken") func rightForms() throws {
        let asterisk = try request(":method=OPTIONS|:scheme=https|:authority=a|:path=*").get()
        #expect(asterisk.path.string == "*")
        let literal = try request(":method=GET|:scheme=https|:authority=[::1]:8|:path=/{}\\\"").get()
        #expect(literal.authority.string == "[::1]:8")
        #expect(try fields(request(plain + "|host=A.TEST").get()) == ["host=a.test"])
        #expect(try fields(request(":method=GET|:scheme=http|:path=/|host=b:80").get()) == ["host=b:80"])
        #expect(
            try fields(request(plain + "|content-length=0, 0|content-length=0").get()) == [
                "host=a.test", "content-length=0",
            ])
        #expect(
            try fields(request(plain + "|te=Trailers|a=|b=é").get()) == ["host=a.test", "te=Trailers", "a=", "b=é"])
        #expect(try fields(request(plain + "|http2-settings=x").get()) == ["host=a.test"])
    }

    @Test("Cookie crumbs become one field at the place of the first") func cookies() throws {
        let head = try request(plain + "|cookie=a=1|x=1|cookie=b=2|y=2|cookie=c=3").get()
        #expect(fields(head) == ["host=a.test", "cookie=a=1; b=2; c=3", "x=1", "y=2"])
        // An empty crumb would leave a space at the end, which no HTTP/2 or HTTP/3 server takes.
        let crumbs = try request(plain + "|cookie=|cookie=a=1|cookie=|cookie=b=2|cookie=").get()
        #expect(fields(crumbs) == ["host=a.test", "cookie=a=1; b=2"])
    }

    @Test("CONNECT is a tunnel; an extended CONNECT reads as GET with an upgrade") func connect() throws {
        let head = try request(":method=CONNECT|:authority=a.test:443|content-length=3", end: false).get()
        #expect(head.method == .connect)
        #expect(head.bodyLength == .tunnel)
        #expect(!head.isExtendedConnect)
        #expect(fields(head) == ["host=a.test:443"])
        #expect(sent(head) == [":method=CONNECT", ":authority=a.test:443"])
        let text = ":method=CONNECT|:scheme=https|:authority=a|:path=/chat|:protocol=websocket|sec-websocket-version=13"
        let extended = try request(text, end: false).get()
        #expect(extended.method == .get)
        #expect(extended.isExtendedConnect)
        #expect(extended.upgradeProtocol.string == "websocket")
        #expect(extended.bodyLength == .tunnel)
        #expect(fields(extended) == ["host=a", "sec-websocket-version=13", "connection=upgrade", "upgrade=websocket"])
        #expect(
            sent(extended) == [
                ":method=CONNECT", ":protocol=websocket", ":scheme=https", ":authority=a", ":path=/chat",
                "sec-websocket-version=13",
            ])
        #expect(failure(request(text, end: false, allowsProtocol: false)) == .protocolNotEnabled)
    }

    @Test("Limits are kept") func limits() {
        let head = MessageHead(.request, byteLimit: 40, fieldLimit: 2)
        var assembler = HeadAssembler(request: head, version: .http2, allowsProtocol: false)
        #expect(throws: MessageError.headTooLarge) {
            try assembler.add(name: bytes("a").span, value: [UInt8](repeating: 97, count: 40).span)
        }
        #expect(throws: MessageError.tooManyFields) {
            for _ in 0..<3 { try assembler.add(name: bytes("a").span, value: bytes("b").span) }
        }
    }

    @Test("Responses: status, interim, tunnel and what has no body") func responses() throws {
        let head = try response(":status=200|content-length=5|server=x").get()
        #expect(head.status == 200)
        #expect(head.bodyLength == .known(5))
        #expect(sent(head) == [":status=200", "content-length=5", "server=x"])
        #expect(try response(":status=200", end: true).get().bodyLength == .none)
        #expect(try response(":status=200").get().bodyLength == .unknown)
        #expect(try response(":status=200|content-length=5", end: true, to: .head).get().bodyLength == .none)
        #expect(try fields(response(":status=304|content-length=5", end: true).get()) == ["content-length=5"])
        #expect(try fields(response(":status=204|content-length=0", end: true).get()) == [])
        #expect(try fields(response(":status=103|link=x|content-length=0").get()) == ["link=x"])
        let tunnel = try response(":status=200|content-length=9", opensTunnel: true).get()
        #expect(tunnel.bodyLength == .tunnel)
        #expect(fields(tunnel) == [])
        #expect(try response(":status=404|content-length=9", opensTunnel: true).get().bodyLength == .known(9))
    }

    @Test(
        "A response that breaks a rule is malformed",
        arguments: [
            ("server=x", .missingStatus), (":status=99", .badStatus), (":status=600", .badStatus),
            (":status=20x", .badStatus), (":status=0200", .badStatus), (":status=101", .badStatus),
            (":status=200|:status=200", .duplicatePseudoField), ("a=b|:status=200", .pseudoFieldAfterField),
            (":status=200|:path=/", .unknownPseudoField), (":status=200|te=trailers", .badTE),
            (":status=200|content-length=1|content-length=2", .conflictingContentLength),
            (":status=200|connection=close", .connectionSpecificField),
        ] as [(String, MessageError)])
    func malformedResponse(_ text: String, _ error: MessageError) {
        #expect(failure(response(text)) == error)
    }

    @Test("A response's end must fit its length and its kind") func responseEnds() {
        #expect(failure(response(":status=200|content-length=5", end: true)) == .bodyShorterThanLength)
        #expect(failure(response(":status=100", end: true)) == .interimWithEnd)
    }

    @Test("Trailers: no pseudo-header fields, no framing or routing fields") func trailers() throws {
        let make = { HeadAssembler(trailers: $0, version: .http2) }
        let head = try assemble("grpc-status=0|content-length=5|host=x|set-cookie=a|x-sum=1", make, kind: .trailers)
            .get()
        #expect(fields(head) == ["grpc-status=0", "x-sum=1"])
        #expect(sent(head) == ["grpc-status=0", "x-sum=1"])
        #expect(failure(assemble(":path=/", make, kind: .trailers)) == .pseudoFieldInTrailers)
        #expect(failure(assemble("Upper=1", make, kind: .trailers)) == .upperCaseName)
        #expect(failure(assemble("a=\u{0}", make, kind: .trailers)) == .badValue)
        #expect(failure(assemble("connection=x", make, kind: .trailers)) == .connectionSpecificField)
    }

    @Test("Sending leaves out what belongs to one connection") func sending() throws {
        let head = MessageHead(.request)
        try head.setMethod(bytes("GET").span)
        try head.setPath(bytes("/").span)
        try head.append(name: bytes("X-One").span, bytes("1").span)
        try head.setAuthorityAndHost(bytes("a.test").span)
        for (name, value) in [
            ("Connection", "close"), ("Keep-Alive", "x"), ("Proxy-Connection", "x"), ("Transfer-Encoding", "chunked"),
            ("Upgrade", "h2c"), ("HTTP2-Settings", "x"), ("TE", "gzip, trailers;q=0.5"), ("TE", "gzip, Trailers"),
        ] { try head.append(name: bytes(name).span, bytes(value).span) }
        let plain = [":method=GET", ":scheme=https", ":authority=a.test", ":path=/", "x-one=1", "te=trailers"]
        #expect(sent(head) == plain)
        let host = try #require(head.first(.host))
        try head.replaceValue(at: host, bytes("b.test").span)
        #expect(sent(head)[2] == ":authority=b.test")
        // RFC 8441 section 4: any protocol.
        try head.setUpgradeProtocol(bytes("custom").span)
        #expect(sent(head).prefix(2) == [":method=CONNECT", ":protocol=custom"])
        try head.setUpgradeProtocol(bytes("WebSocket").span)
        try head.append(.secWebSocketKey, bytes("k").span)
        #expect(sent(head).prefix(2) == [":method=CONNECT", ":protocol=WebSocket"])
        #expect(!sent(head).contains("sec-websocket-key=k"))
        #expect(sent(head).count <= head.lineLimit)
    }

    @Test("A 101 that opened a tunnel goes out as 200") func switching() throws {
        let head = MessageHead(.response)
        head.status = 101
        head.bodyLength = .tunnel
        try head.append(.upgrade, bytes("websocket").span)
        try head.append(.secWebSocketAccept, bytes("x").span)
        try head.append(.secWebSocketProtocol, bytes("chat").span)
        #expect(sent(head) == [":status=200", "sec-websocket-protocol=chat"])
    }

    @Test("The length guard counts the body") func lengthGuard() throws {
        var exact = ContentLengthGuard(.known(5))
        try exact.receive(3)
        #expect(throws: MessageError.bodyShorterThanLength) { try exact.end() }
        try exact.receive(2)
        try exact.end()
        #expect(throws: MessageError.bodyLongerThanLength) { try exact.receive(1) }
        var none = ContentLengthGuard(.none)
        try none.receive(0)
        #expect(throws: MessageError.bodyLongerThanLength) { try none.receive(1) }
        var open = ContentLengthGuard(.unknown)
        try open.receive(1 << 40)
        try open.end()
    }

    @Test("Text of the head itself can be stored again while the head grows") func selfStore() throws {
        let head = MessageHead(.request, byteLimit: 1 << 20)
        try head.append(.cookie, [UInt8](repeating: 120, count: 900).span)
        for _ in 0..<6 { try head.append(.origin, head.value(at: 0)) }
        for index in 1..<7 { #expect(head.value(at: index).string == head.value(at: 0).string) }
    }
}
