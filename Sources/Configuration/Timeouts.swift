/// The `timeout` lines of a proxy, in milliseconds. Nil: not set, or 0: it never expires, or the fallback below holds.
package struct Timeouts: Sendable, Equatable {
    /// Longest silence of the client.
    package var client: Int?
    /// Longest silence of the client once one direction has ended; without it `client`.
    package var clientFin: Int?
    /// Longest silence of the server.
    package var server: Int?
    /// Longest silence of the server once one direction has ended; without it `server`.
    package var serverFin: Int?
    /// Longest wait for a connection to a server.
    package var connect: Int?
    /// Longest wait for a place at a server; in `BackendSettings` it is `connect` when not set.
    package var queue: Int?
    /// Longest time from the first byte of a request to the end of its head; without it `client`.
    package var httpRequest: Int?
    /// Longest wait for the next request; without it `httpRequest`, and then `client`.
    package var httpKeepAlive: Int?
    /// How long a tarpitted client waits; without it `connect`.
    package var tarpit: Int?
    /// Longest time of a health check once its connection stands (`timeout check`); without it the check's interval.
    package var check: Int?
    /// Longest silence of both sides of a tunnel; without it `client` and `server`.
    package var tunnel: Int?

    package init(
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
    package var requestHead: Int? { httpRequest ?? client }
    /// `httpKeepAlive` with its fallbacks.
    package var keepAlive: Int? { httpKeepAlive ?? httpRequest ?? client }
    /// `clientFin` with its fallback.
    package var clientHalfClosed: Int? { clientFin ?? client }
    /// `serverFin` with its fallback.
    package var serverHalfClosed: Int? { serverFin ?? server }
}
