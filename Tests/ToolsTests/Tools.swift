import Foundation
import TestSupport
import Testing

/// portico-origin in a process of its own, on free ports.
final class Origin: Sendable {
    let clear: Int
    /// TLS on TCP, and QUIC.
    let secure: Int
    private let process: ChildProcess

    init() async throws {
        clear = try Ports.free()
        secure = try Ports.free()
        process = try ChildProcess(
            Repository.program("portico-origin"),
            [
                "--listen", "127.0.0.1:\(clear)", "--tls", "127.0.0.1:\(secure)", "--quic", "127.0.0.1:\(secure)",
                "--certificate", try await TestCertificates.directory(),
            ])
        let (clear, secure) = (clear, secure)
        try await process.ready("the ports", within: .seconds(60)) {
            Ports.listens(clear) && Ports.listens(secure) && Ports.listensUDP(secure)
        }
    }

    func stop() async throws { try await process.stop() }

    /// One for all tests: it keeps nothing between requests.
    static func shared() async throws -> Origin { try await common.value }
    private static let common = Task { try await Origin() }
}

/// A version of HTTP on a transport.
enum Way: String, CaseIterable, CustomTestStringConvertible {
    case http1, http1TLS, http2, http2TLS, http3

    var testDescription: String { rawValue }
    var isSecure: Bool { self == .http1TLS || self == .http2TLS || self == .http3 }
    var isHTTP1: Bool { self == .http1 || self == .http1TLS }

    /// The origin's URL with that path.
    func url(_ origin: Origin, _ path: String) -> String {
        isSecure ? "https://localhost:\(origin.secure)\(path)" : "http://127.0.0.1:\(origin.clear)\(path)"
    }

    /// Those that Debian's curl speaks.
    static let ofCurl = [Way.http1, .http1TLS, .http2, .http2TLS]
}

/// What portico-load writes with `--json`.
struct LoadResult: Decodable {
    struct Times: Decodable {
        let count: Int
        let min: Double
        let mean: Double
        let p50: Double
        let p99: Double
        let max: Double
    }
    let seconds: Double
    let requests: Int
    let completed: Int
    let failed: Int
    let errors: [String: Int]
    let status: [String: Int]
    let bytesReceived: Int
    let bytesSent: Int
    let requestsPerSecond: Double
    let latency: Times
    let handshakes: Times
    let connectionsReopened: Int
    let requestsSentAgain: Int
    let requestsNotStarted: Int
    let handshakesResumed: Int
    let earlyDataOffered: Int
    let earlyDataRejected: Int
    let keyUpdates: Int
    let migrations: Int
}

enum Load {
    /// Runs portico-load with these arguments.
    static func run(_ arguments: [String]) async throws -> ChildProcess.Result {
        try await ChildProcess.run(Repository.program("portico-load"), arguments, within: .seconds(60))
    }

    /// Runs portico-load against a URL of any server and reads its JSON.
    static func result(_ arguments: [String], url: String) async throws -> (LoadResult, status: Int32) {
        let run = try await run(arguments + ["--json", "-", url])
        return (try decode(run), run.status)
    }

    /// Reads the JSON that a run wrote to its standard output.
    static func decode(_ run: ChildProcess.Result) throws -> LoadResult {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let result = try? decoder.decode(LoadResult.self, from: Data(run.output.utf8)) else {
            throw SupportError.failed(command: "portico-load", status: run.status, output: run.output + run.errors)
        }
        return result
    }

    /// Runs portico-load against the origin in one of the ways.
    static func result(
        _ way: Way, _ path: String, _ arguments: [String]
    ) async throws -> (LoadResult, status: Int32) {
        var arguments = arguments
        arguments.append(way.isHTTP1 ? "--http1" : way == .http3 ? "--http3" : "--http2")
        if way.isSecure { arguments += ["--ca", try await TestCertificates.authority()] }
        return try await result(arguments, url: way.url(try await Origin.shared(), path))
    }
}

/// curl's view of a response.
struct Curl {
    let status: Int
    /// The lines of head and trailers, in lower case.
    let fields: [String]
    let body: Data
    let seconds: Double

    func has(_ field: String) -> Bool { fields.contains(field) }
    func names(_ name: String) -> Bool { fields.contains { $0.hasPrefix(name + ":") } }
    var text: String { String(decoding: body, as: UTF8.self) }

    /// Sends one request to the origin.
    static func get(_ way: Way, _ path: String, _ arguments: [String] = [], input: Data = Data()) async throws -> Curl {
        let files = FileManager.default.temporaryDirectory.appending(path: "portico-test-\(UUID().uuidString)")
        let head = files.appendingPathExtension("head")
        let body = files.appendingPathExtension("body")
        defer { for file in [head, body] { try? FileManager.default.removeItem(at: file) } }
        let version: [String] =
            switch way {
            case .http1, .http1TLS: ["--http1.1"]
            case .http2: ["--http2-prior-knowledge"]
            case .http2TLS, .http3: ["--http2"]
            }
        let url = way.url(try await Origin.shared(), path)
        let result = try await ChildProcess.run(
            "curl",
            version + [
                "-s", "-S", "--max-time", "30", "--cacert", try await TestCertificates.authority(), "-D", head.path(),
                "-o", body.path(), "-w", "%{http_code} %{time_total}",
            ] + arguments + [url], input: input)
        let numbers = result.output.split(separator: " ")
        guard result.status == 0, numbers.count == 2, let status = Int(numbers[0]), let seconds = Double(numbers[1])
        else { throw SupportError.failed(command: "curl \(url)", status: result.status, output: result.errors) }
        let lines = String(decoding: try Data(contentsOf: head), as: UTF8.self)
        return Curl(
            status: status, fields: lines.lowercased().split(whereSeparator: \.isNewline).map(String.init),
            body: (try? Data(contentsOf: body)) ?? Data(), seconds: seconds)
    }
}
