/// Where a fetch takes its value from. It says in which rules the fetch can be used: ``places``.
public struct SampleSource: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Constants of the configuration.
    public static let constant = SampleSource(rawValue: 1 << 0)
    /// The process: date, environment, variables, counters.
    public static let process = SampleSource(rawValue: 1 << 1)
    public static let listener = SampleSource(rawValue: 1 << 2)
    public static let frontend = SampleSource(rawValue: 1 << 3)
    /// The client's addresses.
    public static let clientAddress = SampleSource(rawValue: 1 << 4)
    /// The client's connection: TLS, PROXY header, QUIC.
    public static let clientConnection = SampleSource(rawValue: 1 << 5)
    /// Bytes of the request as they came.
    public static let requestBuffer = SampleSource(rawValue: 1 << 7)
    /// Fields of the request's head, which are gone once it is sent.
    public static let requestHead = SampleSource(rawValue: 1 << 8)
    /// Facts of the request that stay: its method, its captures.
    public static let request = SampleSource(rawValue: 1 << 9)
    public static let requestBody = SampleSource(rawValue: 1 << 10)
    public static let backend = SampleSource(rawValue: 1 << 11)
    public static let server = SampleSource(rawValue: 1 << 12)
    public static let serverAddress = SampleSource(rawValue: 1 << 13)
    public static let serverConnection = SampleSource(rawValue: 1 << 14)
    public static let responseBuffer = SampleSource(rawValue: 1 << 15)
    public static let responseHead = SampleSource(rawValue: 1 << 16)
    /// Facts of the response that stay: its status.
    public static let response = SampleSource(rawValue: 1 << 17)
    public static let responseBody = SampleSource(rawValue: 1 << 18)
    /// Figures of the request that are final at its end.
    public static let requestFigures = SampleSource(rawValue: 1 << 19)
    /// Figures of the response that are final at its end.
    public static let responseFigures = SampleSource(rawValue: 1 << 20)
    public static let transactionFigures = SampleSource(rawValue: 1 << 21)
    public static let sessionFigures = SampleSource(rawValue: 1 << 22)

    /// Sources that only HTTP has.
    public static let http: SampleSource = [
        .requestHead, .request, .requestBody, .responseHead, .response, .responseBody,
    ]

    /// The places in which at least one of the sources can be read.
    public var places: RulePlace {
        var result: RulePlace = []
        for bit in 0..<UInt32(23) where contains(SampleSource(rawValue: 1 << bit)) {
            result.formUnion(Self.places(of: SampleSource(rawValue: 1 << bit)))
        }
        return result
    }

    private static func places(of source: SampleSource) -> RulePlace {
        let everywhere = RulePlace.all
        switch source {
        case .constant: return everywhere
        case .process: return everywhere.subtracting(.configuration)
        case .listener, .frontend, .sessionFigures: return .traffic
        case .clientAddress: return .traffic.union(.check)
        case .clientConnection: return .traffic.subtracting(.connectionAccept)
        case .requestBuffer, .requestHead: return .requestData
        case .request: return .requestData.union(.responseData).union([.log, .serverConnect])
        case .requestBody: return RulePlace.requestData.subtracting([.frontendRequestContent, .frontendRequestHead])
        case .backend: return RulePlace.backendRequest.union([.serverConnect, .log, .check]).union(.responseData)
        case .server: return RulePlace.responseData.union([.serverConnect, .log, .check])
        case .serverAddress, .serverConnection: return RulePlace.responseData.union([.log, .check])
        case .responseBuffer, .responseHead: return RulePlace.responseData.union(.check)
        case .response: return RulePlace.responseData.union([.log, .check])
        case .responseBody:
            return RulePlace.responseData.union(.check).subtracting([.backendResponseContent, .backendResponseHead])
        case .requestFigures, .transactionFigures:
            return RulePlace.requestData.union(.responseData).union([.serverConnect, .log])
        case .responseFigures: return RulePlace.responseData.union([.backendSetServer, .serverConnect, .log])
        default: return []
        }
    }

    /// The words with which messages name the sources.
    public var names: String {
        let words: [(SampleSource, String)] = [
            (.process, "internal state"), (.listener, "listener"), (.frontend, "frontend"),
            (.clientAddress, "client address"), (.clientConnection, "client-side connection"),
            (.requestBuffer, "request buffer"), (.requestHead, "HTTP request headers"), (.request, "HTTP request"),
            (.requestBody, "HTTP request body"), (.backend, "backend"), (.server, "server"),
            (.serverAddress, "server address"), (.serverConnection, "server-side connection"),
            (.responseBuffer, "response buffer"), (.responseHead, "HTTP response headers"),
            (.response, "HTTP response"), (.responseBody, "HTTP response body"),
            (.requestFigures, "request buffer statistics"), (.responseFigures, "response buffer statistics"),
            (.transactionFigures, "transaction statistics"), (.sessionFigures, "session statistics"),
        ]
        return words.filter { contains($0.0) }.map(\.1).joined(separator: ",")
    }
}

/// The places at which expressions are evaluated: rule sets of the front and back halves, logs, checks, and more.
public struct RulePlace: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// `tcp-request connection`, `quic-initial`.
    public static let connectionAccept = RulePlace(rawValue: 1 << 0)
    /// `tcp-request session`.
    public static let sessionAccept = RulePlace(rawValue: 1 << 1)
    /// `tcp-request content` of a frontend.
    public static let frontendRequestContent = RulePlace(rawValue: 1 << 2)
    /// `http-request` of a frontend, its redirects, captures and `monitor fail`.
    public static let frontendRequestHead = RulePlace(rawValue: 1 << 3)
    public static let frontendRequestBody = RulePlace(rawValue: 1 << 4)
    /// `use_backend`.
    public static let setBackend = RulePlace(rawValue: 1 << 5)
    public static let backendRequestContent = RulePlace(rawValue: 1 << 6)
    public static let backendRequestHead = RulePlace(rawValue: 1 << 7)
    public static let backendRequestBody = RulePlace(rawValue: 1 << 8)
    /// `use-server`, `balance`, `force-persist`.
    public static let backendSetServer = RulePlace(rawValue: 1 << 9)
    /// `source`, `sni` of a server.
    public static let serverConnect = RulePlace(rawValue: 1 << 10)
    public static let backendResponseContent = RulePlace(rawValue: 1 << 11)
    public static let backendResponseHead = RulePlace(rawValue: 1 << 12)
    public static let backendResponseBody = RulePlace(rawValue: 1 << 13)
    public static let storeRules = RulePlace(rawValue: 1 << 14)
    public static let frontendResponseContent = RulePlace(rawValue: 1 << 15)
    public static let frontendResponseHead = RulePlace(rawValue: 1 << 16)
    public static let frontendResponseBody = RulePlace(rawValue: 1 << 17)
    /// Log lines, at the end of the exchange.
    public static let log = RulePlace(rawValue: 1 << 18)
    /// Health checks.
    public static let check = RulePlace(rawValue: 1 << 19)
    /// While the configuration is read: `set-var` of the global section.
    public static let configuration = RulePlace(rawValue: 1 << 20)
    /// The runtime API.
    public static let runtimeAPI = RulePlace(rawValue: 1 << 21)

    public static let all = RulePlace(rawValue: (1 << 22) - 1)
    /// Places that have a client's connection.
    public static let traffic = RulePlace(rawValue: (1 << 19) - 1)
    /// Places at which the request is still here, or is sent.
    public static let requestData: RulePlace = [
        .frontendRequestContent, .frontendRequestHead, .frontendRequestBody, .setBackend, .backendRequestContent,
        .backendRequestHead, .backendRequestBody, .backendSetServer, .serverConnect,
    ]
    public static let backendRequest: RulePlace = [
        .backendRequestContent, .backendRequestHead, .backendRequestBody, .backendSetServer,
    ]
    public static let responseData: RulePlace = [
        .backendResponseContent, .backendResponseHead, .backendResponseBody, .storeRules, .frontendResponseContent,
        .frontendResponseHead, .frontendResponseBody,
    ]

    /// The direction whose message a fetch for both directions reads here.
    public var direction: MessageDirection {
        isDisjoint(with: Self.responseData.union([.log])) ? .request : .response
    }
}
