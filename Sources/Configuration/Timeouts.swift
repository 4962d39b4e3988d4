/// The `timeout` lines of a proxy, in milliseconds. Nil: not set, or 0: it never expires, or the fallback below holds.
public struct Timeouts: Sendable, Equatable {
    /// Longest silence of the client.
    public var client: Int?
    /// Longest time from accept to the end of the TLS handshake (`timeout client-hs`); without it `client`.
    public var clientHandshake: Int?
    /// Longest silence of the client once one direction has ended; without it `client`.
    public var clientFin: Int?
    /// Longest silence of the server.
    public var server: Int?
    /// Longest silence of the server once one direction has ended; without it `server`.
    public var serverFin: Int?
    /// Longest wait for a connection to a server.
    public var connect: Int?
    /// Longest wait for a place at a server; in `BackendSettings` it is `connect` when not set.
    public var queue: Int?
    /// Longest time from the first byte of a request to the end of its head; without it `client`.
    public var httpRequest: Int?
    /// Longest wait for the next request; without it `httpRequest`, and then `client`.
    public var httpKeepAlive: Int?
    /// How long a tarpitted client waits; without it `connect`.
    public var tarpit: Int?
    /// Longest time of a health check once its connection stands (`timeout check`); without it the check's interval.
    public var check: Int?
    /// Longest silence of both sides of a tunnel; without it `client` and `server`.
    public var tunnel: Int?

    public init(
        client: Int? = nil, clientFin: Int? = nil, server: Int? = nil, serverFin: Int? = nil, connect: Int? = nil,
        queue: Int? = nil, httpRequest: Int? = nil, httpKeepAlive: Int? = nil, tunnel: Int? = nil
    ) {
        self.client = client
        self.clientFin = clientFin
        self.server = server
        self.serverFin = serverFin
        self.connect = connect
        self.queue = queue
        self.httpRequest = httpRequest
        self.httpKeepAlive = httpKeepAlive
        self.tunnel = tunnel
    }

    /// `httpRequest` with its fallback.
    public var requestHead: Int? { httpRequest ?? client }
    /// `httpKeepAlive` with its fallbacks.
    public var keepAlive: Int? { httpKeepAlive ?? httpRequest ?? client }
    /// `clientFin` with its fallback.
    public var clientHalfClosed: Int? { clientFin ?? client }
    /// `serverFin` with its fallback.
    public var serverHalfClosed: Int? { serverFin ?? server }
}
