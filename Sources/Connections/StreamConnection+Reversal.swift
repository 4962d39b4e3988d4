import Bytes
import MuxHTTP2
import Runtime
import Streams
public import TLSTransport

// Reverse HTTP: a connection goes over to the other side of the proxy, or to another worker.
extension StreamConnection {
    /// Gives the connection to the other side of the proxy. Its owner of now hears no more of it, and its mux stays.
    ///
    /// - Parameters:
    ///   - context: what the new owner keeps about the connection.
    ///   - session: the client's side of the story, for ``Role/client``.
    public func reverse(
        to role: Role, owner: any ConnectionOwner, context: AnyObject?, settings: ConnectionSettings, session: Session?
    ) {
        guard phase < .lingering else { return }
        self.session?.detach()
        resetsAtEnd = false
        manager.change(self, to: role)
        self.owner = owner
        ownerContext = context
        self.settings = settings
        self.session = session
        session?.attach(self)
        session?.handshakenAt = loop.clock.now
        timer.disarm()
        loop.schedule(self)
    }

    /// Asks the owner for another mux at the end of this turn; it goes on with what waits to be read.
    public func renewMux(_ alpn: ApplicationProtocol) {
        upgrade = Upgrade(bytes: [], alpn: alpn, isDetected: false)
        loop.schedule(self)
    }

    /// Sends bytes before whatever the mux produces.
    public func sendFirst(_ text: StaticString) { output.append(text) }

    /// The peer of an idle connection has answered: its idle time begins anew.
    public func refreshIdleTime() {
        activitySince = loop.clock.now
        loop.schedule(self)
    }

    /// Ends at the end of this turn, whatever is under way.
    public func closeSoon() {
        isVanishing = true
        loop.schedule(self)
    }

    /// Takes an idle connection of HTTP/2 off this worker; nil when something still holds it here. Its owner hears no
    /// more of it.
    public func detach() -> DetachedConnection? {
        guard phase == .open, role == .server, !isRetired, !sawEnd, upgrade == nil, let http2 = mux as? HTTP2Mux else {
            return nil
        }
        // What the mux still has to say goes along.
        http2.produce(into: &output, limit: .max)
        guard http2.isMovable else { return nil }
        let waiting = input.take(input.count)
        let received = unsafe Array(waiting.rawBytes)
        input.releaseWhenIdle()
        var unsent: [UInt8] = []
        while let chunk = output.takeFirst() { unsafe unsent.append(contentsOf: chunk.rawBytes) }
        output.removeAll()
        tls?.leaveThread()
        timer.disarm()
        loop.deregister(self, descriptor: descriptor)
        let detached = DetachedConnection(
            OwnedDescriptor(adopting: descriptor), tls, http2, settings, received: received, unsent: unsent)
        phase = .closed
        tls = nil
        mux = nil
        owner = nil
        manager.remove(self)
        return detached
    }
}

/// A connection between two workers: nothing of either holds any part of it.
public final class DetachedConnection: @unchecked Sendable {
    // It has one owner at a time: the worker that made it, the mailbox, the worker that takes it.
    fileprivate var descriptor: OwnedDescriptor?
    fileprivate let tls: TLSEngine?
    fileprivate let mux: HTTP2Mux
    fileprivate let settings: ConnectionSettings
    fileprivate let received: [UInt8]
    fileprivate let unsent: [UInt8]

    fileprivate init(
        _ descriptor: consuming OwnedDescriptor, _ tls: TLSEngine?, _ mux: HTTP2Mux, _ settings: ConnectionSettings,
        received: [UInt8], unsent: [UInt8]
    ) {
        self.descriptor = consume descriptor
        self.tls = tls
        self.mux = mux
        self.settings = settings
        self.received = received
        self.unsent = unsent
    }

    fileprivate func takeDescriptor() -> Int32? {
        guard let number = descriptor.take()?.release() else { return nil }
        return number
    }
}

extension ConnectionManager {
    /// Takes over a connection from another worker. Nil: it can not be polled here, and is closed.
    public func adopt(
        _ detached: DetachedConnection, owner: any ConnectionOwner, context: AnyObject?
    ) -> StreamConnection? {
        guard let descriptor = detached.takeDescriptor() else { return nil }
        let connection = StreamConnection(
            role: .server, descriptor: descriptor, phase: .open, manager: self, owner: owner,
            settings: detached.settings, session: nil, tls: detached.tls)
        connection.ownerContext = context
        detached.mux.move(to: connection)
        connection.mux = detached.mux
        let (received, unsent) = (detached.received, detached.unsent)
        _ = connection.input.append(received.span)
        connection.output.append(unsent.span)
        insert(connection)
        do throws(SystemError) {
            try loop.register(connection, descriptor: descriptor)
        } catch {
            connection.owner = nil
            connection.close(nil)
            return nil
        }
        connection.readReady = true
        connection.writeReady = true
        loop.schedule(connection)
        return connection
    }
}
