import Configuration
import Synchronization

/// Where relative paths of configuration files start (`default-path`).
enum DefaultPath: Sendable, Equatable {
    /// Where the process was started.
    case current
    /// Where the file is that names them.
    case config
    /// The directory above that one.
    case parent
    /// This directory.
    case origin(String)
}

/// A machine whose files are found by paths that start where the configuration wants them to.
final class DirectedSystem: LanguageSystem {
    private struct State: Sendable {
        var mode = DefaultPath.current
        var file = ""
    }

    private let system: any LanguageSystem
    private let state = Mutex(State())

    init(_ system: any LanguageSystem) { self.system = system }

    /// Paths start there from now on.
    func follow(_ mode: DefaultPath) { state.withLock { $0.mode = mode } }

    /// The lines of a file come next.
    func begin(file: String) { state.withLock { $0.file = file } }

    /// Where relative paths start now, with a slash at the end; empty: where the process was started.
    var directory: String {
        let (mode, file) = state.withLock { ($0.mode, $0.file) }
        switch mode {
        case .current: return ""
        case .origin(let path): return path.hasSuffix("/") ? path : path + "/"
        case .config: return Self.directory(of: file)
        case .parent: return Self.directory(of: file) + "../"
        }
    }

    private static func directory(of file: String) -> String {
        file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
    }

    /// The path by which the process finds what a configuration file calls `path`. An empty one stays empty.
    func resolved(_ path: String) -> String {
        path.isEmpty || path.hasPrefix("/") ? path : directory + path
    }

    /// The directory in which relative paths start below a directory that the file names; empty: the process's own.
    func base(_ path: String) -> String {
        guard path.isEmpty else { return resolved(path) }
        // Without a slash, which is put between the two.
        return directory.isEmpty ? "" : String(directory.dropLast())
    }

    func read(_ path: String) throws(SystemError) -> [UInt8] { try system.read(resolved(path)) }
    func entries(of path: String) throws(SystemError) -> [String]? { try system.entries(of: resolved(path)) }
    func isRegularFile(_ path: String) -> Bool { system.isRegularFile(resolved(path)) }
    func address(of name: String, family: AddressFamily?) -> IPAddress? {
        system.address(of: name, family: family)
    }
}
