import Bytes
import Connections
import Servers

// Connections that servers have opened to us (reverse HTTP).
extension BackendWorker {
    /// A client's connection becomes an idle one to a server.
    ///
    /// - Parameter name: what exchanges have to ask for; nil: nothing.
    func attach(_ connection: StreamConnection, to server: PoolServer, name: [UInt8]?) {
        let link = ServerLink(server, nil, key: name.map { FNV.hash($0) } ?? 0)
        connection.reverse(to: .server, owner: self, context: link, settings: connectionSettings, session: nil)
        link.stream = connection
        server.begin(link)
        (server.context as? ServerSide)?.reversed?.insert(link)
        server.settle(link)
    }

    /// Another worker's connection comes for an exchange of this one. False when it can not be kept.
    func adopt(_ detached: DetachedLink, of server: SharedServer, for wish: ConnectionWish) -> Bool {
        guard let pool = backend.find(server), let reversed = (pool.context as? ServerSide)?.reversed else {
            return false
        }
        let link = ServerLink(pool, nil, key: detached.key)
        link.uses = detached.uses
        guard let connection = worker.connections.adopt(detached.connection, owner: self, context: link) else {
            return false
        }
        link.stream = connection
        pool.receive(link)
        reversed.arrived(link, for: wish)
        pool.settle(link)
        return true
    }
}
