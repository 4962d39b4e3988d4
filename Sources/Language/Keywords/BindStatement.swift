import Configuration
import Samples
import Words

/// `bind`: addresses, then settings.
enum BindStatement {
    static let keyword = Keyword<ProxyDraft>("bind", in: [.frontend, .listen]) { (proxy, statement) throws(Complaint) in
        let word = try statement.argument("{<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments")
        statement.name = "bind \(word.text)"
        var bind = BindDraft(text: word.text, mark: statement.mark(word), surroundings: proxy.surroundings)
        for text in word.text.split(separator: ",", omittingEmptySubsequences: false) {
            do throws(AddressError) {
                bind.addresses.append(try address(String(text), surroundings: proxy.surroundings))
            } catch {
                throw Complaint("'bind' : \(error.message)", at: word)
            }
        }
        if bind.isReversed || word.text.contains("rhttp@") { try checkReversed(bind, word, &statement) }
        try BindOptions.table.apply(to: &bind, &statement)
        if bind.hasQUIC, !bind.usesTLS {
            bind.usesTLS = true
            statement.warn(
                "'\(statement.name)' : QUIC protocol detected, enabling ssl. Use 'ssl' to shut this warning.", at: word)
        }
        if bind.usesTLS, bind.certificates.isEmpty {
            throw Complaint("'\(statement.name)' : no SSL certificate specified (use 'crt')", at: word)
        }
        proxy.binds.append(bind)
    }

    /// What may stand behind an address of reverse HTTP.
    private static let reversedOptions: Set = ["guid-prefix", "id", "idle-ping", "label", "name", "nbconn", "thread"]

    /// Reverse HTTP is experimental, has lines of its own, and takes few settings.
    private static func checkReversed(
        _ bind: BindDraft, _ word: Word, _ statement: inout Statement
    ) throws(Complaint) {
        guard statement.context.allowsExperiments else {
            throw Complaint(
                "'bind' : Address '\(word.text)' is experimental, must be allowed via a global"
                    + " 'expose-experimental-directives'", at: word)
        }
        let isMixed = bind.addresses.contains { entry in
            if case .reversed = entry.address { false } else { true }
        }
        if isMixed { throw Complaint("'bind' : Cannot mix reverse HTTP bind with others.", at: word) }
        var options = statement.remaining[...]
        while let option = options.first {
            // All of them have one value.
            options = options.dropFirst(2)
            if reversedOptions.contains(option.text) { continue }
            guard BindOptions.table.names.contains(option.text) || RefusedKeywords.bind.contains(option.text) else {
                return
            }
            throw Complaint("'\(option.text)' option is not accepted for reverse HTTP", at: option)
        }
    }

    /// The address of a listener.
    ///
    /// - Parameter takesDatagrams: it is one of `dgram-bind`.
    static func address(
        _ text: String, surroundings: Surroundings, takesDatagrams: Bool = false
    ) throws(AddressError) -> (BindAddress, BindTransport) {
        let parsed = try AddressText(text)
        if takesDatagrams {
            guard parsed.kind == nil || parsed.kind == .datagram else {
                throw AddressError("stream-type address not acceptable in '\(text)'")
            }
        } else if parsed.kind == .datagram {
            throw AddressError("dgram-type address not acceptable in '\(text)'")
        }
        let transport: BindTransport = parsed.kind == .quic ? .quic : .stream
        switch parsed.family {
        case .reversed:
            if takesDatagrams { throw AddressError("a server is not acceptable here in '\(text)'") }
            return (.reversed(ReverseTarget(name: parsed.host)), .stream)
        case .fd:
            return (.inherited(fd: try parsed.descriptor()), transport)
        case .unix:
            if transport == .quic { throw AddressError("QUIC needs an IP address in '\(text)'") }
            // Room for ".<pid>.tmp", which the socket has while a running process still owns its name.
            let limit = AddressText.maxPathLength - 10
            return (.unix(path: try parsed.path(prefix: surroundings.unixPrefix, limit: limit)), transport)
        case .abstract(let isPadded):
            if transport == .quic { throw AddressError("QUIC needs an IP address in '\(text)'") }
            let name = try parsed.path(limit: AddressText.maxPathLength)
            return (.abstract(name: name, isPadded: isPadded), transport)
        case .any, .ipv4, .ipv6:
            return (.ip(try ipAddress(parsed, surroundings), ports: try ports(parsed)), transport)
        }
    }

    private static func ports(_ parsed: AddressText) throws(AddressError) -> ClosedRange<UInt16> {
        switch parsed.port {
        case .none: throw AddressError("missing port specification in '\(parsed.text)'")
        case .offset: throw AddressError("port offset not permitted here in '\(parsed.text)'")
        case .range(let ports):
            guard ports.lowerBound > 0, let low = UInt16(exactly: ports.lowerBound),
                let high = UInt16(exactly: ports.upperBound)
            else { throw AddressError("invalid port '\(ports.lowerBound)' in '\(parsed.text)'") }
            return low...high
        }
    }

    private static func ipAddress(
        _ parsed: AddressText, _ surroundings: Surroundings
    ) throws(AddressError) -> IPAddress {
        if let address = try parsed.ipAddress() { return address }
        guard let address = surroundings.system.address(of: parsed.host, family: parsed.addressFamily) else {
            throw AddressError("invalid address: '\(parsed.host)' in '\(parsed.text)'")
        }
        return address
    }
}
