/// Which connection each connection ID leads to, on one worker: endpoints that share it know each other's connections, so
/// that a client may move from one address of ours to another. It owns no connection: each one removes its own entries
/// when its closing period is over.
@safe
public final class ConnectionIDTable {
    public init() {}

    private var connections: [ConnectionID: Unmanaged<QUICConnection>] = unsafe [:]
    private var resetTokens: [StatelessResetToken: Unmanaged<QUICConnection>] = unsafe [:]

    /// Entries in the table; a connection has several.
    var count: Int { unsafe connections.count }

    func connection(for id: ConnectionID) -> QUICConnection? {
        guard let entry = unsafe connections[id] else { return nil }
        return unsafe entry.takeUnretainedValue()
    }

    func contains(_ id: ConnectionID) -> Bool { unsafe connections[id] != nil }

    func insert(_ id: ConnectionID, for connection: QUICConnection) {
        unsafe connections[id] = Unmanaged.passUnretained(connection)
    }

    /// Removes `id` if it leads to `connection`.
    func remove(_ id: ConnectionID, of connection: QUICConnection) {
        guard unsafe connections[id]?.toOpaque() == Unmanaged.passUnretained(connection).toOpaque() else { return }
        unsafe connections[id] = nil
    }

    /// The connection whose peer would prove a stateless reset with `token`.
    func connection(for token: StatelessResetToken) -> QUICConnection? {
        guard unsafe !resetTokens.isEmpty, let entry = unsafe resetTokens[token] else { return nil }
        return unsafe entry.takeUnretainedValue()
    }

    func insert(_ token: StatelessResetToken, for connection: QUICConnection) {
        unsafe resetTokens[token] = Unmanaged.passUnretained(connection)
    }

    func remove(_ token: StatelessResetToken, of connection: QUICConnection) {
        guard unsafe resetTokens[token]?.toOpaque() == Unmanaged.passUnretained(connection).toOpaque() else { return }
        unsafe resetTokens[token] = nil
    }
}
