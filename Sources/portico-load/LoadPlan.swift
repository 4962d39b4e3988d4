import ArgumentParser
import Bytes
import Connections
import TLSTransport

/// What all workers share: what to send, where to, how often. Checked, so that no worker finds a fault in it.
final class LoadPlan: Sendable {
    let version: LoadVersion
    let target: LoadTarget
    /// At least one.
    let addresses: [SocketAddress]
    let request: LoadRequest

    let workers: Int
    let connections: Int
    let streams: Int
    /// Requests on one connection before another takes its place; nil keeps it.
    let perConnection: Int?
    let requests: UInt64?
    /// Milliseconds; nil: until all requests are over.
    let duration: Int?
    /// Requests per second.
    let rate: Double?
    /// Milliseconds.
    let timeout: Int

    /// Whether connections resume the sessions of earlier ones, and whether they send early data then.
    let resumes: Bool
    let sendsEarlyData: Bool
    /// Responses after which a QUIC connection changes its keys, and its path; nil: never.
    let keyUpdateAfter: Int?
    let migrationAfter: Int?
    /// Whether connections prefer QUIC version 2.
    let prefersQUIC2: Bool
    /// Where QUIC connections write qlog files; nil: nowhere.
    let qlog: String?

    /// Whom to trust; nil trusts any certificate.
    let trust: TrustStore?

    init(_ command: LoadCommand) throws {
        guard let target = LoadTarget(command.url) else {
            throw ValidationError("'\(command.url)' is no URL like http://127.0.0.1:8000/ or https://localhost/.")
        }
        guard target.isSecure || command.version != .http3 else { throw ValidationError("HTTP/3 needs https://.") }
        let (addresses, error) = target.resolve()
        guard !addresses.isEmpty else { throw LoadError("cannot find \(target.host): \(error)") }
        self.target = target
        self.addresses = addresses
        version = command.version
        request = try LoadRequest(
            target, version, method: command.method ?? (command.body == nil ? "GET" : "POST"), header: command.header,
            body: command.body?.bytes)

        // No worker without a connection, and none without a request.
        workers = min(command.workers, command.connections, Int(clamping: command.requests ?? .max))
        connections = command.connections
        streams = command.streams
        perConnection = command.perConnection
        requests = command.requests
        duration = command.requests == nil ? Int(max(1, (command.duration ?? 10) * 1000)) : nil
        rate = command.rate
        timeout = Int(max(1, command.timeout * 1000))
        resumes = command.resume || command.earlyData
        sendsEarlyData = command.earlyData
        keyUpdateAfter = command.keyUpdate
        migrationAfter = command.migrate
        prefersQUIC2 = command.prefersQUIC2
        qlog = command.qlog
        trust = try Self.trust(command, target)
    }

    private static func trust(_ command: LoadCommand, _ target: LoadTarget) throws -> TrustStore? {
        guard target.isSecure, !command.insecure else { return nil }
        if let file = command.authorities { return try TrustStore(path: file) }
        do {
            return try TrustStore.system()
        } catch {
            throw LoadError("the system has no authorities to trust: add --ca FILE or --insecure (\(error))")
        }
    }

    /// Connections of one worker.
    func connections(of worker: Int) -> Int { connections / workers + (worker < connections % workers ? 1 : 0) }

    /// When one worker's requests are due.
    func pace(of worker: Int) -> Pace {
        let count = UInt64(workers)
        let quota = requests.map { $0 / count + (UInt64(worker) < $0 % count ? 1 : 0) }
        return Pace(quota: quota, rate: rate.map { $0 / Double(workers) })
    }

    /// The server as messages name it.
    func place(_ address: SocketAddress) -> String {
        target.host == address.host ? address.description : "\(target.host):\(target.port) (\(address))"
    }
}

/// Why there is no result.
struct LoadError: Error, CustomStringConvertible {
    let description: String
    init(_ text: String) { description = text }
}
