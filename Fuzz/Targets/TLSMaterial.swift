import TLSTransport

/// TLS of fuzzed ends, from the certificates that `certs/generate` makes.
enum TLSMaterial {
    nonisolated(unsafe) static let server: QUICTLSContext = {
        let folder = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        do {
            let store = try CertificateStore(loading: [folder + "/certs/out/server"])
            return try QUICTLSContext(
                server: QUICTLSContext.ServerOptions(certificates: store, ticketKeys: try TicketKeyRing()))
        } catch {
            fatalError("no certificates, run certs/generate: \(error)")
        }
    }()

    nonisolated(unsafe) static let client: QUICTLSContext = {
        do {
            return try QUICTLSContext(client: QUICTLSContext.ClientOptions())
        } catch {
            fatalError("no TLS for a client: \(error)")
        }
    }()
}
