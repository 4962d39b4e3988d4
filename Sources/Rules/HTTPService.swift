/// What a service is asked: a request that `use-service` brings to it. The fields of the request are not among it.
package struct ServiceRequest: Sendable {
    /// The proxy whose rule it was.
    package let proxy: String
    package let method: [UInt8]
    /// The path with its query.
    package let target: [UInt8]

    package init(proxy: String, method: [UInt8], target: [UInt8]) {
        self.proxy = proxy
        self.method = method
        self.target = target
    }
}

/// Something in the process that answers requests in a server's place (`use-service`). It works on a thread of its own:
/// workers give it requests and go on.
package protocol HTTPService: AnyObject, Sendable {
    /// Calls `reply` once, from any thread.
    func answer(_ request: ServiceRequest, reply: @escaping @Sendable (ReplyContent) -> Void)
}

/// The names of the services that the process has; each is given to the workers when they start.
package enum ServiceNames {
    package static let all = ["prometheus-exporter"]
}
