import Foundation

/// The certificates of `certs/generate`, made when they are not there yet.
package enum TestCertificates {
    /// The root that clients trust.
    package static func authority() async throws -> String {
        try await generated.value
        return Repository.path("certs/out/ca.pem")
    }

    /// The directory that `crt` takes: all names and key types.
    package static func directory() async throws -> String {
        try await generated.value
        return Repository.path("certs/out/server")
    }

    /// Chain and key in one file, for `localhost` or `example.test`, `ecdsa` or `rsa`.
    package static func file(_ name: String = "localhost", _ algorithm: String = "ecdsa") async throws -> String {
        try await directory() + "/\(name).\(algorithm).pem"
    }

    private static let generated = Task {
        let result = try await ChildProcess.run(Repository.path("certs/generate"))
        guard result.status == 0 else {
            throw SupportError.failed(
                command: "certs/generate", status: result.status, output: result.output + result.errors)
        }
    }
}
