public import Samples

/// How a server is chosen (`balance`).
public enum BalanceAlgorithm: Sendable, Hashable {
    case roundrobin
    case staticRR
    case leastconn
    case first
    /// By a hash of the client's address.
    case source
    /// By a hash of the request's URI.
    case uri(URIKey)
    /// By a hash of a parameter of the query string, or of the body of a POST request.
    case urlParameter(name: String, checksBody: Bool)
    /// By a hash of a header field, or of the part of a host name before its top-level domain.
    case header(name: String, domainOnly: Bool)
    /// By a hash of a cookie in RDP's connection request.
    case rdpCookie(HashExpression)
    /// By a hash of what an expression gives.
    case hash(HashExpression)
    /// Always the same server, as long as it is usable: of log lines only.
    case sticky
    /// By a hash of what the converters of an expression make of a log line.
    case logHash(HashExpression)
    /// The least loaded of `draws` servers drawn by weight. The default, with 2 draws.
    case random(draws: Int)

    /// Whether servers are chosen by a hash of a key.
    public var usesKey: Bool {
        switch self {
        case .roundrobin, .staticRR, .leastconn, .first, .random, .sticky: false
        case .source, .uri, .urlParameter, .header, .rdpCookie, .hash, .logHash: true
        }
    }

    /// Whether it chooses for log lines, and for nothing else.
    public var isForLogs: Bool {
        switch self {
        case .sticky, .logHash: true
        default: false
        }
    }

    /// Whether the key is found in HTTP requests only.
    public var needsHTTP: Bool {
        switch self {
        case .uri, .urlParameter, .header: true
        default: false
        }
    }
}

/// Which part of a URI is the key of `balance uri`.
public struct URIKey: Sendable, Hashable {
    /// The query string belongs to it (`whole`).
    public var includesQuery = false
    /// Scheme and authority do not belong to it (`path-only`).
    public var isPathOnly = false
    /// The first so many bytes count (`len`); nil: all.
    public var length: Int?
    /// So many levels of directories count (`depth`); nil: all.
    public var depth: Int?

    public init() {}
}

/// An expression of `balance hash`, `sni` or `pool-conn-name`. Two with the same text are equal.
public struct HashExpression: Sendable, Hashable {
    public let expression: Expression
    public init(_ expression: Expression) { self.expression = expression }

    public static func == (left: HashExpression, right: HashExpression) -> Bool {
        left.expression.text == right.expression.text
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(expression.text) }
}

/// What becomes of a key: how it is hashed, and how its hash finds a server (`hash-type` and its companions).
public struct HashSettings: Sendable, Hashable {
    public enum Method: Sendable {
        /// The hash's place in a table of all usable servers (`map-based`).
        case map
        /// The nearest of a server's points on a ring (`consistent`).
        case consistent
    }

    public enum Function: String, Sendable, CaseIterable {
        case sdbm, djb2, wt6, crc32
        /// The key is a decimal number, and the hash itself.
        case none
    }

    /// What a server that has all it can take means for keys that belong to it (`hash-preserve-affinity`).
    public enum Affinity: String, Sendable {
        /// Their exchanges wait for it.
        case always
        /// They go to the next server on the ring.
        case maxconn
        /// They do when its queue is full as well.
        case maxqueue
    }

    public var method = Method.map
    public var function = Function.sdbm
    /// The hash is stirred once more (`avalanche`).
    public var avalanches = false
    /// The share of the average load that a server may have, in percent (`hash-balance-factor`); 0: any.
    public var balanceFactor = 0
    public var affinity = Affinity.always

    public init() {}
}

/// What the points of a server on the ring of `hash-type consistent` come from (`hash-key`).
public enum ServerHashKey: String, Sendable {
    case id, id32, guid, addr
    case addressAndPort = "addr-port"
}

extension BackendSettings {
    /// Whether servers' weights can change while they are up: by an operator, or with `slowstart`.
    public var hasDynamicWeights: Bool {
        switch balance {
        case .roundrobin, .leastconn, .first, .random: true
        case .staticRR, .sticky: false
        case .source, .uri, .urlParameter, .header, .rdpCookie, .hash, .logHash: hashing.method == .consistent
        }
    }
}
