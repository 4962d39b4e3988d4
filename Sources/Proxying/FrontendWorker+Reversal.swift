import Bytes
package import Connections
import MuxHTTP2
import Runtime
import Servers
import Streams
import TLSTransport

// Connections that a rule gives to a server (`attach-srv`): they stay the frontend's until the peer has shown that it
// speaks HTTP/2.
extension FrontendWorker {
    /// The mux of such a connection: it reads the preface, then it is a session in the client's role.
    func reversedMux(
        for connection: StreamConnection, _ session: Session, _ attachment: Attachment, _ alpn: ApplicationProtocol
    ) -> (any ByteStreamMux)? {
        guard alpn == .h2, let server = server(of: attachment), let side = server.context as? ServerSide else {
            worker.log?.connectionFailed(session, self, .reversal)
            return nil
        }
        guard attachment.hasPreface else { return HTTP2PrefaceMux(host: connection) }
        var settings = side.muxes.http2
        settings.isReversed = true
        settings.isSecure = session.tls != nil
        return try? HTTP2Mux(side: .back, settings: settings, host: connection)
    }

    /// The preface is complete, or the peer's SETTINGS have come.
    package func streamsChanged(on connection: StreamConnection) {
        guard let session = connection.session, let attachment = session.attachment else { return }
        if let preface = connection.mux as? HTTP2PrefaceMux {
            guard preface.isComplete, !attachment.hasPreface else { return }
            attachment.hasPreface = true
            connection.renewMux(.h2)
        } else if let http2 = connection.mux as? HTTP2Mux, http2.isEstablished {
            guard let server = server(of: attachment), let backend = worker.find(server.shared.backend) else {
                return connection.drain()
            }
            backend.attach(connection, to: server, name: attachment.name)
            leave(session)
        }
    }

    private func server(of attachment: Attachment) -> PoolServer? {
        guard worker.backends.indices.contains(attachment.backend),
            let backend = worker.backends[attachment.backend]?.backend,
            let server = backend.server(at: attachment.server)
        else { return nil }
        return backend.find(server)
    }
}
