package import Foundation

/// Where things are in the checkout that the tests were built from.
package enum Repository {
    package static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized

    /// A path below the top of the repository.
    package static func path(_ relative: String) -> String { root.appending(path: relative).path() }

    /// A program of this package, from the build that the tests belong to: it lies beside their own file.
    package static func program(_ name: String) throws -> String {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path = URL(filePath: own).deletingLastPathComponent().appending(path: name).path()
        guard FileManager.default.isExecutableFile(atPath: path) else { throw SupportError.missing(path) }
        return path
    }
}

/// Why a test could not be set up.
package enum SupportError: Error, CustomStringConvertible {
    /// A program is not installed or not built.
    case missing(String)
    /// A program ended in another way than asked for.
    case failed(command: String, status: Int32, output: String)
    /// Something did not happen in time.
    case timeout(String)
    /// No port was free.
    case noPort

    package var description: String {
        switch self {
        case .missing(let name): "\(name) is not here: run `make test`, which installs and builds what tests need"
        case .failed(let command, let status, let output): "\(command) ended with \(status):\n\(output)"
        case .timeout(let what): "not in time: \(what)"
        case .noPort: "no port from 20000 to 32000 is free for both TCP and UDP"
        }
    }
}
