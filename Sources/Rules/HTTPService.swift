/// What a service is asked: a request that `use-service` brings to it. The fields of the request are not among it.
public struct ServiceRequest: Sendable {
    /// The proxy whose rule it was.
    public let proxy: String
    public let method: [UInt8]
    /// The path with its query.
    public let target: [UInt8]

    public init(proxy: String, method: [UInt8], target: [UInt8]) {
        self.proxy = proxy
        self.method = method
        self.target = target
    }
}

/// Something in the process that answers requests in a server's place (`use-service`). It works on a thread of its own:
/// workers give it requests and go on.
public protocol HTTPService: AnyObject, Sendable {
    /// What logs call it in the place of a server.
    var logName: String { get }
    /// Calls `reply` once, from any thread.
    func answer(_ request: ServiceRequest, reply: @escaping @Sendable (ReplyContent) -> Void)
}

/// The names of the services that the process has; each is given to the workers when they start.
public enum ServiceNames {
    public static let all = ["prometheus-exporter"]
}
