import Configuration
import Glibc
import Servers

/// Brings back the states that servers had in an earlier process (configuration.txt, `load-server-state-from-file`).
package struct ServerStateFiles {
    /// What is said of the files, for the operator.
    package private(set) var warnings: [String] = []
    private let global: GlobalSettings

    /// Reads the files that the configuration names, and gives the servers their states. Before the workers start.
    package init(_ blueprint: Blueprint) {
        global = blueprint.configuration.global
        var all: [String: ServerStateLine]?
        for backend in blueprint.backends where !backend.servers.servers.isEmpty {
            switch backend.servers.settings.stateSource {
            case .none: break
            case .global:
                if all == nil { all = readGlobal() }
                apply(all ?? [:], to: backend)
            case .local:
                let name = backend.servers.settings.name
                let file = path(backend.servers.settings.stateFile ?? name)
                guard let lines = read(file, "Proxy '\(name)': ", "server state file", for: backend.servers) else {
                    continue
                }
                apply(lines, to: backend, isLocal: true)
            }
        }
    }

    private func path(_ name: String) -> String {
        guard !name.hasPrefix("/"), let base = global.serverStateBase else { return name }
        return base.hasSuffix("/") ? base + name : "\(base)/\(name)"
    }

    private mutating func readGlobal() -> [String: ServerStateLine] {
        guard let name = global.serverStateFile else { return [:] }
        return read(path(name), "config: ", "global server state file", for: nil) ?? [:]
    }

    /// The lines of a file by backend and server; nil when it can not be used.
    private mutating func read(
        _ path: String, _ owner: String, _ what: String, for backend: SharedBackend?
    ) -> [String: ServerStateLine]? {
        guard let file = unsafe fopen(path, "r") else {
            warnings.append("\(owner)Can't open \(what) '\(path)': \(Self.systemError())")
            return nil
        }
        defer { unsafe fclose(file) }
        var content: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe fread(&room, 1, room.count, file)
            guard count > 0 else { break }
            content += room[..<count]
        }
        let text = String(decoding: content, as: UTF8.self)
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard !text.isEmpty else {
            warnings.append("\(owner)Empty \(what) '\(path)'.")
            return nil
        }
        guard lines.removeFirst() == "1" else {
            warnings.append("\(owner)Can't get version of the \(what) '\(path)'.")
            return nil
        }
        var result: [String: ServerStateLine] = [:]
        for (number, line) in lines.enumerated() {
            let made: ServerStateLine?
            do throws(ServerStateLine.Malformed) { made = try ServerStateLine(line) } catch {
                warnings.append("\(owner)corrupted \(what) '\(path)' at line \(number + 1).")
                return nil
            }
            guard let made else { continue }
            var key = "\(made.backend) \(made.server)"
            if let backend {
                guard let own = self.key(of: made, in: backend) else { continue }
                key = own
            }
            if result[key] == nil { result[key] = made }
        }
        return result
    }

    /// The key of a line in a backend's own file; nil when it belongs to another one.
    private mutating func key(of line: ServerStateLine, in backend: SharedBackend) -> String? {
        let settings = backend.settings
        let hasID = line.backendID == settings.id
        let hasName = line.backend == settings.name
        if !hasID, !hasName { return nil }
        if !hasID {
            warnings.append(
                "Proxy '\(settings.name)': backend ID mismatch: from server state file: '\(line.backendID)', from running"
                    + " config '\(settings.id)'")
        } else if !hasName {
            warnings.append(
                "Proxy '\(settings.name)': backend name mismatch: from server state file: '\(line.backend)', from running"
                    + " config '\(settings.name)'")
            if !line.hasForcedBackendID { return nil }
        }
        return "\(settings.name) \(line.server)"
    }

    private mutating func apply(
        _ lines: [String: ServerStateLine], to backend: SharedProxyBackend, isLocal: Bool = false
    ) {
        let name = backend.servers.settings.name
        var left = lines
        for server in backend.servers.servers {
            guard let line = left.removeValue(forKey: "\(name) \(server.settings.name)") else { continue }
            let complaint = line.apply(to: server)
            if !complaint.isEmpty {
                warnings.append(
                    "server-state application failed for server '\(name)/\(server.settings.name)'\(complaint)")
            }
        }
        guard isLocal else { return }
        for line in left.values.sorted(by: { $0.server < $1.server }) {
            warnings.append("Proxy '\(name)': can't find server '\(line.server)' in backend '\(name)'")
        }
    }

    private static func systemError() -> String {
        unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "error"
    }
}
