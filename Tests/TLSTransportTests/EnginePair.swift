// Two engines on the two ends of a socket pair.

import Bytes
import COpenSSL
import Glibc
import TLSTransport

/// A non-blocking pair of connected stream sockets, closed with this object.
final class SocketPair {
    private(set) var client: Int32
    private(set) var server: Int32

    init(bufferSize: Int32? = nil) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        precondition(unsafe socketpair(AF_UNIX, type, 0, &ends) == 0)
        client = ends[0]
        server = ends[1]
        if var size = bufferSize {
            for end in ends {
                unsafe setsockopt(end, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
            }
        }
    }

    func closeClient() {
        close(client)
        client = -1
    }

    func closeServer() {
        close(server)
        server = -1
    }

    deinit {
        if client >= 0 { close(client) }
        if server >= 0 { close(server) }
    }
}

/// How one side's handshake ended.
enum HandshakeEnd {
    case done
    case failed(TLSError)
    case stuck

    var error: TLSError? {
        if case .failed(let error) = self { return error }
        return nil
    }

    var isDone: Bool {
        if case .done = self { return true }
        return false
    }
}

/// A client engine and a server engine that talk to each other.
struct EnginePair {
    let sockets: SocketPair
    let client: TLSEngine
    let server: TLSEngine

    init(
        _ serving: TLSServerContext, _ asking: TLSClientContext, serverName: String? = "one.example",
        bufferSize: Int32? = nil
    ) throws {
        sockets = SocketPair(bufferSize: bufferSize)
        client = try asking.makeEngine(descriptor: sockets.client, serverName: serverName)
        server = try serving.makeEngine(descriptor: sockets.server)
    }

    /// Runs both handshakes to their ends.
    @discardableResult
    func shakeHands() -> (client: HandshakeEnd, server: HandshakeEnd) {
        var client = HandshakeEnd.stuck
        var server = HandshakeEnd.stuck
        for _ in 0..<20 {
            if case .stuck = client { client = Self.step(self.client) }
            if case .stuck = server { server = Self.step(self.server) }
        }
        return (client, server)
    }

    private static func step(_ engine: TLSEngine) -> HandshakeEnd {
        do throws(TLSError) {
            return try engine.handshake() == .done ? .done : .stuck
        } catch {
            return .failed(error)
        }
    }

    /// Shakes hands and lets the client read the tickets that follow.
    func open() {
        shakeHands()
        _ = client.readAll()
    }
}

extension TLSEngine {
    /// Reads until nothing more comes: the bytes, and what ended the reading.
    func readAll(limit: Int = .max, chunk: Int = 32_768) -> (bytes: [UInt8], end: Outcome) {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: chunk)
        while bytes.count < limit {
            let outcome = unsafe buffer.withUnsafeMutableBytes { unsafe read(into: $0) }
            guard case .bytes(let count) = outcome else { return (bytes, outcome) }
            bytes += buffer[..<count]
        }
        return (bytes, .bytes(bytes.count))
    }

    func write(_ bytes: ArraySlice<UInt8>, more: Bool = false) -> Outcome {
        unsafe bytes.withUnsafeBytes { unsafe write($0, more: more) }
    }

    /// Whether the peer's certificate has an elliptic curve key; nil when it has shown none.
    var peerHasEllipticKey: Bool? {
        guard let der = peerCertificate else { return nil }
        return unsafe der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            guard let certificate = unsafe d2i_X509(nil, &start, bytes.count) else { return nil }
            defer { unsafe X509_free(certificate) }
            return unsafe EVP_PKEY_get_base_id(X509_get0_pubkey(certificate)) == EVP_PKEY_EC
        }
    }

    func write(_ bytes: [UInt8], more: Bool = false) -> Outcome {
        write(bytes[...], more: more)
    }
}

/// Contexts over certificates made for the test.
struct TestContexts {
    let directory = TemporaryDirectory()

    func store(_ certificates: TestCertificate...) throws -> CertificateStore {
        var files: [String] = []
        for (index, certificate) in certificates.enumerated() {
            files.append(directory.write("\(index).pem", certificate))
        }
        return try CertificateStore(loading: files)
    }

    func server(
        _ store: CertificateStore, ticketKeys: TicketKeyRing? = nil, clock: TurnClock = TurnClock(),
        configure: (inout TLSServerContext.Options) -> Void = { _ in }
    ) throws -> TLSServerContext {
        var options = TLSServerContext.Options(
            certificates: store, ticketKeys: try ticketKeys ?? TicketKeyRing())
        configure(&options)
        return try TLSServerContext(options, clock: clock)
    }

    func trust(_ authority: TestCertificate = .authority) throws -> TrustStore {
        try TrustStore(path: directory.write("ca.pem", authority.pem))
    }

    /// A client that verifies against the test authority.
    func client(
        verifies: Bool = true, configure: (inout TLSClientContext.Options) -> Void = { _ in }
    ) throws -> TLSClientContext {
        var options = TLSClientContext.Options()
        if verifies { options.trust = try trust() }
        configure(&options)
        return try TLSClientContext(options)
    }
}
