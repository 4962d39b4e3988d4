import Connections
package import Servers

// What the runtime API changes about TLS. On the worker's thread.
extension Worker {
    /// A bind line has other certificates: connections from now on see them, on TCP and QUIC.
    package func renewTLS(frontend: Int, bind: Int) {
        guard frontends.indices.contains(frontend) else { return }
        frontends[frontend].renewTLS(bind: bind)
    }

    /// A server's line has other certificates or authorities.
    package func renewTLS(of server: SharedServer) {
        guard let backend = find(server.backend), let pool = backend.backend.find(server) else { return }
        backend.prepare(pool)
    }
}
