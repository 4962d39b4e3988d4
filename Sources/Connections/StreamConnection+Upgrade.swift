import Bytes
import Runtime
import Streams
public import TLSTransport

// `switch-mode`: a client's TCP connection becomes an HTTP one, with what came of it so far.
extension StreamConnection {
    /// What the next mux begins with.
    struct Upgrade {
        /// Bytes that the mux before has read already.
        var bytes: [UInt8]
        var alpn: ApplicationProtocol
        /// Whether the first bytes tell the version, as on a clear connection.
        var isDetected: Bool
    }

    /// Gives the connection to another mux at the end of this turn: the owner is asked for it, as at the start. The mux
    /// of now must have no exchange any more.
    ///
    /// - Parameters:
    ///   - bytes: what the mux of now has read and not used.
    ///   - alpn: the version to speak; nil: what TLS agreed on, or what the first bytes tell.
    public func upgradeToHTTP(after bytes: [UInt8], alpn: ApplicationProtocol?) {
        guard phase == .open, role == .client else { return }
        let agreed = tls?.alpn ?? .none
        upgrade = Upgrade(
            bytes: bytes, alpn: alpn ?? (agreed == .h2 ? .h2 : .http11), isDetected: alpn == nil && agreed == .none)
        session?.isUpgradedToHTTP = true
        loop.schedule(self)
    }

    /// Puts the bytes back, and asks the owner for the mux.
    func changeMux() {
        guard let next = upgrade else { return }
        upgrade = nil
        mux = nil
        var all = next.bytes
        let waiting = input.take(input.count)
        unsafe all.append(contentsOf: waiting.rawBytes)
        // The half that held the first bytes may hold more than one slab: what does not fit is lost, and the connection
        // with it. Heads are far smaller.
        guard input.append(all.span) == all.count else { return fail(.failed) }
        var alpn = next.alpn
        if next.isDetected, Self.beginsWithPreface(all.span) { alpn = .h2 }
        guard let mux = owner?.makeMux(for: self, alpn) else { return close(nil) }
        self.mux = mux
        endDelivered = false
        if !input.isEmpty { giveInput(mux) }
        readInput(mux)
        loop.schedule(self)
    }

    /// Whether the bytes are the start of HTTP/2's preface (RFC 9113 section 3.4).
    private static func beginsWithPreface(_ bytes: Span<UInt8>) -> Bool {
        let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
        guard bytes.count >= preface.count else { return false }
        for index in preface.indices where bytes[index] != preface[index] { return false }
        return true
    }
}
