import Bytes
import Connections
import Messages
import Samples
import Words

/// Fetches of the start line (configuration.txt section 7.3.6): method, target and its parts, version, status.
enum StartLineFetches {
    static let all: [Fetch] = targets + hashes + versions + statuses

    private static let targets: [Fetch] = [
        Fetch("method", "The request's method.", gives: .meth, from: .request) { evaluation, _, sample in
            evaluation.withHead(.request, &sample) { head, sample in
                sample.setMethod(head.method, text: head.methodText)
                return true
            }
        },
        Fetch("path", "The request's path, without host and query.", gives: .str, from: .requestHead) {
            evaluation, _, sample in
            evaluation.withHead(.request, &sample) { head, sample in
                guard let path = head.pathOnly else { return false }
                sample.setText(path)
                return true
            }
        },
        Fetch("pathq", "The request's path with its query.", gives: .str, from: .requestHead) { evaluation, _, sample in
            evaluation.withHead(.request, &sample) { head, sample in
                guard let path = head.pathAndQuery else { return false }
                sample.setText(path)
                return true
            }
        },
        Fetch(
            "query", "The request's query, after the question mark.", example: "query(with_qm)",
            takes: ArgumentSignature([.string], required: 0), gives: .str, from: .requestHead,
            prepare: { values, _ throws(Complaint) in try QueryOption(values) }
        ) { evaluation, arguments, sample in
            guard let head = evaluation.head(.request, &sample) else { return false }
            let path = head.path
            let mark = path.firstIndex(of: 0x3f)
            guard mark < path.count else { return false }
            // The mark alone is no query: it is left out then.
            let keepsMark = arguments.object(QueryOption.self).keepsMark && mark + 1 < path.count
            sample.setText(path.extracting((keepsMark ? mark : mark + 1)..<path.count))
            return true
        },
        Fetch("url", "The request's target as it came.", gives: .str, from: .requestHead) { evaluation, _, sample in
            guard let head = evaluation.head(.request, &sample) else { return false }
            return sample.setTarget(of: head, evaluation.scratch)
        },
        Fetch("url_ip", "The IPv4 address that the target names as its host.", gives: .ipv4, from: .requestHead) {
            evaluation, _, sample in
            guard let head = evaluation.head(.request, &sample), let (address, _) = targetAddress(head) else {
                return false
            }
            sample.setIPv4(address)
            return true
        },
        Fetch(
            "url_port", "The port behind the IPv4 address in the target, or the scheme's.", gives: .sint,
            from: .requestHead
        ) { evaluation, _, sample in
            guard let head = evaluation.head(.request, &sample), let (_, port) = targetAddress(head) else {
                return false
            }
            sample.setInteger(port)
            return true
        },
        Fetch("base", "The first host field's value and the path.", gives: .str, from: .requestHead) {
            evaluation, _, sample in
            base(evaluation, &sample, withQuery: false)
        },
        Fetch("baseq", "The first host field's value and the path with its query.", gives: .str, from: .requestHead) {
            evaluation, _, sample in
            base(evaluation, &sample, withQuery: true)
        },
    ]

    private static let hashes: [Fetch] = [
        Fetch("base32", "A hash of 32 bits of what `base` gives.", gives: .sint, from: .requestHead) {
            evaluation, _, sample in
            guard let head = evaluation.head(.request, &sample) else { return false }
            sample.setInteger(Int64(hash(head, isWhole: false)))
            return true
        },
        Fetch(
            "base32+src", "What `base32` gives and the client's address, as bytes.", gives: .bin, from: .requestHead
        ) { evaluation, _, sample in
            guard let head = evaluation.head(.request, &sample) else { return false }
            return hashAndSource(evaluation, hash(head, isWhole: false), &sample)
        },
        Fetch("url32", "A hash of 32 bits of host, path and query.", gives: .sint, from: .requestHead) {
            evaluation, _, sample in
            guard let head = evaluation.head(.request, &sample) else { return false }
            sample.setInteger(Int64(hash(head, isWhole: true)))
            return true
        },
        Fetch("url32+src", "What `url32` gives and the client's address, as bytes.", gives: .bin, from: .requestHead) {
            evaluation, _, sample in
            guard let head = evaluation.head(.request, &sample) else { return false }
            return hashAndSource(evaluation, hash(head, isWhole: true), &sample)
        },
    ]

    private static let versions: [Fetch] =
        ["req.ver", "req_ver"].map { name in
            Fetch(name, "The request's version: 1.1.", gives: .str, from: .request) { evaluation, _, sample in
                guard let head = evaluation.head(.request, &sample) else { return false }
                sample.setText(number(head.version))
                return true
            }
        }
        + ["res.ver", "resp_ver"].map { name in
            Fetch(name, "The response's version: 1.1.", gives: .str, from: .response) { evaluation, _, sample in
                guard let head = evaluation.head(.response, &sample) else { return false }
                sample.setText(number(head.version))
                return true
            }
        }
        + ["req.proto_http", "req_proto_http"].map { name in
            Fetch(name, "True when the request is HTTP.", gives: .bool, from: .request) { evaluation, _, sample in
                guard evaluation.head(.request, &sample) != nil else { return false }
                sample.setBool(true)
                return true
            }
        }

    private static let statuses: [Fetch] = [
        Fetch("status", "The response's status code.", gives: .sint, from: .response) { evaluation, _, sample in
            guard let head = evaluation.head(.response, &sample) else { return false }
            sample.setInteger(Int64(head.status))
            return true
        },
        Fetch(
            "server_status", "The status code that the server answered with; -1 without an answer of a server.",
            gives: .sint, from: .response
        ) { evaluation, _, sample in
            guard let head = evaluation.head(.response, &sample) else { return false }
            sample.setInteger(Int64(evaluation.facts?.serverStatus ?? head.status))
            return true
        },
        Fetch("txn.status", "The status code that the client sees or saw.", gives: .sint, from: .response) {
            evaluation, _, sample in
            guard let head = evaluation.head(.response, &sample) else { return false }
            sample.setInteger(Int64(head.status))
            return true
        },
    ]

    // MARK: Parts

    private static func number(_ version: HTTPVersion) -> StaticString {
        switch version {
        case .http10: "1.0"
        case .http11: "1.1"
        case .http2: "2.0"
        case .http3: "3.0"
        }
    }

    private static let hostName = FieldSelector(.host)

    private static func base(_ evaluation: Evaluation, _ sample: inout Sample, withQuery: Bool) -> Bool {
        guard let head = evaluation.head(.request, &sample) else { return false }
        var walk = FieldWalk(head, hostName)
        let place = walk.next() ?? 0..<0
        let path = withQuery ? head.pathAndQuery : head.pathOnly
        if place.isEmpty {
            guard let path else { return false }
            sample.setText(path)
            return true
        }
        var text = evaluation.scratch.text()
        text.append(head.value(at: walk.index).extracting(place))
        if let path { text.append(path) }
        return text.give(&sample)
    }

    private static func hash(_ head: MessageHead, isWhole: Bool) -> UInt32 {
        var hash: UInt32 = 0
        var walk = FieldWalk(head, hostName, isWhole: isWhole)
        if let place = walk.next() { add(head.value(at: walk.index).extracting(place), to: &hash) }
        if isWhole {
            if let path = head.pathAndQuery { add(path, to: &hash) }
        } else if let path = head.pathOnly {
            add(path, to: &hash)
        }
        return ByteHash.avalanche(hash)
    }

    /// SDBM's hash, over signed bytes.
    private static func add(_ text: Span<UInt8>, to hash: inout UInt32) {
        for index in text.indices {
            let byte = UInt32(bitPattern: Int32(Int8(bitPattern: text[index])))
            hash = byte &+ (hash << 6) &+ (hash << 16) &- hash
        }
    }

    private static func hashAndSource(_ evaluation: Evaluation, _ hash: UInt32, _ sample: inout Sample) -> Bool {
        guard let source = evaluation.source else { return false }
        let size: Int
        switch source.family {
        case .ipv4: size = 4
        case .ipv6: size = 16
        case .unix, .unspecified: return false
        }
        var text = evaluation.scratch.text()
        for shift in 0..<4 { text.append(UInt8(truncatingIfNeeded: hash >> UInt32(24 - 8 * shift))) }
        for index in 0..<size { text.append(source.octets[index]) }
        return text.give(&sample, .bin)
    }

    /// The address and port of a target in absolute form with an IPv4 address for its host.
    private static func targetAddress(_ head: MessageHead) -> (UInt32, Int64)? {
        var port: Int64
        let scheme = head.scheme
        if scheme.equals("http") {
            port = 80
        } else if scheme.equals("https") {
            port = 443
        } else {
            return nil
        }
        let host = head.authority
        guard let (address, length) = IPv4Text.read(host, from: 0) else { return nil }
        if length < host.count, host[length] == 0x3a {
            port = host.extracting((length + 1)..<host.count).leadingInteger & 0xffff
        }
        return (address, port)
    }
}

/// The option of `query`.
private final class QueryOption: Sendable {
    let keepsMark: Bool

    init(_ values: [Argument]) throws(Complaint) {
        guard case .string(let text) = values.first, !text.isEmpty else {
            keepsMark = false
            return
        }
        guard text == Array("with_qm".utf8) else { throw Complaint("supported options are: 'with_qm'") }
        keepsMark = true
    }
}

extension Sample {
    /// Shows the request's target as HTTP/1 would write it: in absolute form when the version carries the scheme.
    mutating func setTarget(of head: MessageHead, _ scratch: ScratchArena) -> Bool {
        if head.method == .connect {
            setText(head.authority)
            return true
        }
        let path = head.path
        // What the asterisk asks of has no place in an absolute form.
        if head.scheme.isEmpty || path.equals("*") {
            setText(path)
            return true
        }
        var text = scratch.text()
        text.append(head.scheme)
        text.append("://")
        text.append(head.authority)
        text.append(path)
        return text.give(&self)
    }
}
