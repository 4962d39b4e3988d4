import Configuration
import Glibc
import Language

/// The machine's files, and no host names: tests ask no name server.
struct NamelessSystem: LanguageSystem {
    private let linux = LinuxSystem()

    func read(_ path: String) throws(SystemError) -> [UInt8] {
        if path == "/etc/resolv.conf" { throw SystemError(reason: "No such file or directory") }
        return try linux.read(path)
    }
    func entries(of path: String) throws(SystemError) -> [String]? { try linux.entries(of: path) }
    func isRegularFile(_ path: String) -> Bool { linux.isRegularFile(path) }
    func address(of name: String, family: AddressFamily?) -> IPAddress? { nil }
}

/// Reads a text as the only file, named `test.cfg`.
func load(
    _ text: String, environment: [String: String] = [:], dialect: Dialect = Dialect(), diagnostic: Bool = false,
    system: any LanguageSystem = NamelessSystem()
) -> ConfigurationLoader.Result {
    ConfigurationLoader(dialect: dialect, environment: environment, isDiagnostic: diagnostic, system: system)
        .load(text: text.hasSuffix("\n") || text.isEmpty ? text : text + "\n", named: "test.cfg")
}

extension ConfigurationLoader.Result {
    /// Messages of one severity, each as `line:column message`; the column counts from 1 and is left out when nothing
    /// is marked.
    func messages(_ severity: Diagnostic.Severity) -> [String] {
        diagnostics.filter { $0.severity == severity }.map { diagnostic in
            let column = diagnostic.excerpt.map { ":\($0.column + 1)" } ?? ""
            return "\(diagnostic.location?.line ?? 0)\(column) \(diagnostic.message)"
        }
    }

    var alerts: [String] { messages(.alert) }
    var warnings: [String] { messages(.warning) }
}

/// A directory that is gone when the last reference to it is.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/portico-language-XXXXXX".utf8CString)
        path = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe String(cString: mkdtemp(buffer.baseAddress!))
        }
    }

    deinit {
        remove(below: path)
    }

    private func remove(below directory: String) {
        let system = LinuxSystem()
        for name in (try? system.entries(of: directory)) ?? [] {
            let entry = directory + "/" + name
            if unsafe unlink(entry) != 0 { remove(below: entry) }
        }
        unsafe rmdir(directory)
    }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ name: String, _ text: String) -> String {
        let file = path + "/" + name
        let fd = unsafe open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        precondition(fd >= 0, "\(file) can not be written")
        defer { close(fd) }
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(fd, $0.baseAddress, $0.count) }
            precondition(count > 0, "\(file) can not be written")
            bytes = bytes.dropFirst(count)
        }
        return file
    }

    /// Makes a directory and returns its path.
    @discardableResult
    func makeDirectory(_ name: String) -> String {
        let directory = path + "/" + name
        unsafe mkdir(directory, 0o700)
        return directory
    }
}
