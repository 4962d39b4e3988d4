import Bytes
import CLinux
import Glibc
import Runtime
import Streams
import TLSTransport

// From the bare socket to a mux: TCP connect, PROXY header, TLS handshake, protocol detection.
extension StreamConnection {
    /// Starts: registers with the loop and goes as far as it can.
    func start() throws(SystemError) {
        try loop.register(self, descriptor: descriptor)
        manager.insert(self)
        armHandshakeTimer()
        // A fresh socket is often ready: try before epoll says so.
        if role == .client {
            readReady = true
            writeReady = true
            if phase == .header { readHeader() } else { transportReady() }
        }
    }

    /// The connect has ended, one way or the other.
    func finishConnect() {
        guard writeReady else { return }
        let code = Socket.pendingError(descriptor)
        guard code == 0 else { return close(.connect(SystemError("connect", code))) }
        guard socks == nil || askSOCKSProxy() else { return }
        if preamble.isEmpty || sendPreamble() { transportReady() }
    }

    /// What a connection to a server sends before anything else, TLS too: for what names its own address, which it has from
    /// its start. Only in the turn in which it was started.
    public func precede(with bytes: [UInt8]) { preamble = bytes[...] }

    /// Sends what goes before TLS; true when all of it is gone.
    private func sendPreamble() -> Bool {
        while !preamble.isEmpty {
            switch Socket.send(descriptor, preamble) {
            case .bytes(let count): preamble = preamble.dropFirst(count)
            case .wouldBlock:
                writeReady = false
                return false
            case .end, .failed:
                close(.transport(.reset))
                return false
            }
        }
        return true
    }

    /// TCP stands: TLS comes next, or the mux.
    func transportReady() {
        if tls != nil {
            phase = .handshake
            shakeHands()
        } else if role == .client, settings.detectsHTTP2 {
            phase = .detecting
            armDetectionTimer()
            detectProtocol()
        } else {
            openMux(.none)
        }
    }

    /// Reads the header that the session expects before everything else.
    func readHeader() {
        guard readReady else { return }
        let kind = session?.expectedHeader ?? .proxy
        var failure: ConnectionFailure?
        var header: ProxyHeader?
        unsafe withUnsafeTemporaryAllocation(byteCount: ProxyHeader.maximumLength, alignment: 8) { room in
            let count = retryingInterrupts {
                unsafe recv(descriptor, room.baseAddress, room.count, Int32(MSG_PEEK))
            }
            if count == 0 {
                failure = kind == .proxy ? .proxyHeader(.closed) : .addressHeader(.closed)
            } else if count < 0 {
                if errno == EAGAIN { readReady = false } else { failure = .transport(.reset) }
            } else {
                let bytes = unsafe UnsafeRawBufferPointer(rebasing: room[..<count])
                do throws(ConnectionFailure) {
                    header = try unsafe kind.parse(Span<UInt8>(_unsafeBytes: bytes))
                } catch {
                    failure = error
                }
                if header == nil, failure == nil {
                    if count == room.count { failure = .proxyHeader(.badHeader) }
                    if endIsNear { failure = .proxyHeader(.truncated) }
                }
                // Peeked bytes stay in the socket: only new ones make epoll speak again.
                if header == nil { readReady = false }
            }
            if let header {
                _ = retryingInterrupts { unsafe recv(descriptor, room.baseAddress, header.length, 0) }
            }
        }
        if let failure { return close(failure) }
        guard let header else { return }
        if kind == .proxy { proxyHeader = header }
        if let source = header.source { session?.source = source }
        if let destination = header.destination { session?.destination = destination }
        transportReady()
    }

    func shakeHands() {
        guard let tls else { return }
        do throws(TLSError) {
            switch try tls.handshake() {
            case .done:
                // The engine may hold what came behind the peer's Finished: no event tells of that.
                readReady = true
                if let session {
                    session.tls = TLSFacts(
                        version: tls.version, cipher: tls.cipher ?? "", serverName: tls.serverName ?? "",
                        alpn: tls.alpn,
                        isResumed: tls.isResumed)
                }
                // The handshake reads ahead: the first request may be in the engine already, and epoll has no more to say.
                readReady = true
                openMux(tls.alpn)
            case .wantsRead: readReady = false
            case .wantsWrite: writeReady = false
            }
        } catch {
            close(error.code == .truncated ? .closedEarly : .handshake(error))
        }
    }

    /// Looks at the first bytes of a clear client connection: HTTP/2 by prior knowledge (RFC 9113 section 3.3) starts
    /// with a preface that no HTTP/1 request has.
    func detectProtocol() {
        let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        while readReady, input.count < preface.utf8CodeUnitCount {
            switch receive() {
            case .bytes: break
            case .wouldBlock: readReady = false
            case .end:
                sawEnd = true
                readReady = false
            case .failed: return close(.transport(.reset))
            }
            let matching = Self.matchingPrefix(of: input, preface)
            if matching < min(input.count, preface.utf8CodeUnitCount) { return openMux(.http11) }
            if matching == preface.utf8CodeUnitCount { return openMux(.h2) }
        }
        if sawEnd {
            if input.isEmpty { return close(.noRequest) }
            openMux(.http11)
        }
    }

    /// How many of the first bytes of input are those of `text`.
    private static func matchingPrefix(of input: borrowing InputBuffer, _ text: StaticString) -> Int {
        let bytes = input.bytes
        var matching = 0
        while matching < min(bytes.count, text.utf8CodeUnitCount), unsafe bytes[matching] == text.utf8Start[matching] {
            matching += 1
        }
        return matching
    }

    func openMux(_ alpn: ApplicationProtocol) {
        phase = .open
        session?.handshakenAt = loop.clock.now
        guard let mux = owner?.makeMux(for: self, alpn) else { return close(nil) }
        self.mux = mux
        if role == .server { owner?.connectionReady(self) }
        if role == .client, manager.isDraining { mux.drain() }
        if !input.isEmpty { giveInput(mux) }
        readInput(mux)
        loop.schedule(self)
    }
}
