import Foundation

/// Our HTTP/3 client on aioquic (`interop/clients/aioquic_get.py`), run as its own process.
package enum Aioquic {
    /// What the client reports.
    package struct Report: Decodable, Sendable {
        package struct Handshake: Decodable, Sendable {
            package let alpn: String?
            package let resumed: Bool
            package let earlyDataAccepted: Bool
        }
        package struct Response: Decodable, Sendable {
            package let stream: Int
            package let interim: [Int]
            package let status: Int?
            package let headers: [[String]]
            package let bodyBytes: Int
            package let bodySha256: String
            package let trailers: [[String]]
            /// True when the response came to its end.
            package let ended: Bool
            /// Code of the peer's RESET_STREAM.
            package let reset: Int?
            /// Code of the peer's STOP_SENDING.
            package let stopSending: Int?
            package let cancelled: Bool
            package let seconds: Double?
            /// With `--show-body` only.
            package let body: String?

            /// The value of the first field of that name, which is in lower case.
            package subscript(name: String) -> String? { headers.first { $0[0] == name }?[1] }
        }
        package struct Close: Decodable, Sendable {
            package let errorCode: Int
            package let frameType: Int?
            package let reason: String
        }
        /// Nil when there was no connection; then `error` tells why.
        package let handshake: Handshake?
        package let responses: [Response]?
        /// How the peer closed the connection, if it did.
        package let closed: Close?
        package let error: String?
    }

    /// Runs the client with the arguments that its `--help` lists.
    package static func get(
        _ url: String, _ arguments: [String] = [], within limit: Duration = .seconds(60)
    ) async throws -> Report {
        let python = Repository.path(".build/peers/bin/python")
        let script = Repository.path("interop/clients/aioquic_get.py")
        let result = try await ChildProcess.run(python, [script, url] + arguments, within: limit)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let report = try? decoder.decode(Report.self, from: Data(result.output.utf8)) else {
            throw SupportError.failed(
                command: "aioquic_get.py \(url)", status: result.status, output: result.output + result.errors)
        }
        return report
    }
}
