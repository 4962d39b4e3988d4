import Bytes
import Configuration
import Runtime
import Servers
import Synchronization
import Testing

/// A backend whose events are kept.
final class WatchedBackend: Sendable {
    let backend: SharedBackend
    private let log: Words

    final class Words: Sendable {
        let lines = Mutex<[String]>([])
        let events = Mutex<[String]>([])
    }

    init(
        _ servers: [String], logsHealthChecks: Bool = false, change: (inout ServerSettings) -> Void = { _ in }
    ) {
        let words = Words()
        let events = ServerEvents()
        events.subscribe { event in
            switch event {
            case .message(_, let level, let text): words.lines.withLock { $0.append("\(level): \(text)") }
            case .purge(let server): words.events.withLock { $0.append("purge \(server.settings.name)") }
            case .serverAdded(let server): words.events.withLock { $0.append("add \(server.settings.name)") }
            case .serverRemoved(let server): words.events.withLock { $0.append("remove \(server.settings.name)") }
            case .shutdownSessions(let server, _):
                words.events.withLock { $0.append("shutdown \(server.settings.name)") }
            default: break
            }
        }
        let place = SourceLocation(file: "test.cfg", line: 1)
        var settings = BackendSettings(name: "be", mode: .http, location: place)
        settings.balance = .roundrobin
        settings.options.logsHealthChecks = logsHealthChecks
        let backend = SharedBackend(settings: settings, index: 0, events: events)
        self.backend = backend
        log = words
        for name in servers {
            var server = ServerSettings(name: name, address: .host(.ip(.v4(0x7f00_0001)), .fixed(80)), location: place)
            change(&server)
            let made = server
            backend.add { index, id in
                SharedServer(
                    settings: made, backend: backend, index: index, id: id,
                    address: .ip(SocketAddress(ipv4: 127, 0, 0, 1, port: 80)))
            }
        }
        _ = takeEvents()
    }

    subscript(name: String) -> SharedServer { backend.server(named: name)! }

    /// What was said since the last call.
    func takeLines() -> [String] {
        log.lines.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }

    func takeEvents() -> [String] {
        log.events.withLock { events in
            defer { events = [] }
            return events
        }
    }
}
