import Bytes
import Configuration
import Glibc
import Samples
import Synchronization
import Words

/// The rings that log targets name, by the numbers that were given to them: rings of sections, which may stand further
/// down, and those that targets over streams have for themselves.
final class RingRegistry: Sendable {
    enum Entry: Sendable {
        case named(String, Mark)
        case stream(ServerSettings, Mark)
    }

    private let entries = Mutex<[Entry]>([])

    private init() {}

    /// The registry of a configuration.
    static func of(_ context: CompilationContext) -> RingRegistry {
        let key = "log rings"
        if let known = context.shared[key] as? RingRegistry { return known }
        let registry = RingRegistry()
        context.shared[key] = registry
        return registry
    }

    var all: [Entry] { entries.withLock { $0 } }

    /// The number of the ring of that name.
    func number(of name: String, _ mark: Mark) -> Int {
        entries.withLock { entries in
            let known = entries.firstIndex { if case .named(name, _) = $0 { true } else { false } }
            if let known { return known }
            entries.append(.named(name, mark))
            return entries.count - 1
        }
    }

    /// The number of the ring of a target over a stream. Lines for the same server have one.
    func number(of server: ServerSettings, _ mark: Mark) -> Int {
        entries.withLock { entries in
            let known = entries.firstIndex {
                if case .stream(let other, _) = $0 { other.address == server.address } else { false }
            }
            if let known { return known }
            entries.append(.stream(server, mark))
            return entries.count - 1
        }
    }
}

/// Makes `ring` sections and log targets over streams into rings.
struct RingAssembler {
    private let sections: SectionParser
    private let settings: GlobalSettings
    private(set) var diagnostics: [Diagnostic] = []

    init(_ sections: SectionParser, settings: GlobalSettings) {
        self.sections = sections
        self.settings = settings
    }

    /// The rings: those that log targets name by their numbers, then the others.
    mutating func rings() -> [RingSettings] {
        var made: [String: RingSettings] = [:]
        for draft in sections.rings where made[draft.settings.name] == nil {
            made[draft.settings.name] = ring(of: draft)
        }
        var result: [RingSettings] = []
        var named: Set<String> = []
        for entry in RingRegistry.of(sections.context).all {
            switch entry {
            case .named(let name, let mark):
                named.insert(name)
                if let ring = made[name] {
                    result.append(ring)
                    continue
                }
                let hint = Nearest.word(to: name, among: made.keys).map { "; did you mean '\($0)' maybe ?" } ?? ""
                report("log server uses unknown ring named '\(name)'\(hint)", mark)
                result.append(RingSettings(name: name, location: mark.location))
            case .stream(let server, let mark): result.append(stream(server, mark))
            }
        }
        return result + sections.rings.map(\.settings.name).filter { !named.contains($0) }.compactMap { made[$0] }
    }

    private mutating func ring(of draft: RingDraft) -> RingSettings {
        var ring = draft.settings
        let size = ring.size ?? settings.tune.bufsize
        for server in draft.servers {
            do throws(AssemblyError) {
                let made = try ServerAssembler.settings(
                    of: server.draft, mode: .tcp, location: server.draft.mark?.location ?? ring.location,
                    verifies: sections.global.verifiesServers)
                if made.tls != nil {
                    throw AssemblyError(message: "'ssl' is not supported: lines of a ring go to its servers in clear.")
                }
                ring.servers.append(RingServer(settings: made, framing: server.framing))
            } catch {
                report("'server \(ring.name)/\(server.draft.name)' : \(error.message)", server.draft.mark ?? draft.mark)
            }
        }
        var memory = EventRing(size: size)
        if let path = ring.backingFile {
            do throws(SystemError) {
                memory = try Self.map(path, size: (size + 4095) & ~4095)
            } catch {
                report("cannot open backing-file '\(path)' for ring '\(ring.name)': \(error.reason).", draft.mark)
            }
        }
        let sink = Sink(ring.name, ring.summary, ring: memory)
        sections.context.sinks.add(sink)
        ring.sink = sink
        return ring
    }

    private func stream(_ server: ServerSettings, _ mark: Mark) -> RingSettings {
        var ring = RingSettings(name: server.name, location: mark.location)
        ring.summary =
            "created from log directive declared into '\(mark.location.file)' at line \(mark.location.line)"
        ring.keepsFraming = true
        ring.timeouts.connect = 1000
        ring.timeouts.server = 5000
        ring.servers = [RingServer(settings: server, framing: .legacy)]
        let sink = Sink(ring.name, ring.summary, ring: EventRing(size: settings.tune.bufsize))
        sections.context.sinks.add(sink)
        ring.sink = sink
        return ring
    }

    /// Maps a ring's memory from a file. What an earlier process left there is kept with the ending `.bak`.
    private static func map(_ path: String, size: Int) throws(SystemError) -> EventRing {
        var facts = stat()
        if unsafe stat(path, &facts) == 0, facts.st_size > 0 { unsafe rename(path, path + ".bak") }
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemError(reason: unsafe String(cString: strerror(errno))) }
        defer { close(descriptor) }
        guard let ring = EventRing(size: size, file: descriptor) else {
            throw SystemError(reason: unsafe String(cString: strerror(errno)))
        }
        return ring
    }

    private mutating func report(_ message: String, _ mark: Mark) {
        diagnostics.append(Diagnostic(.alert, message, at: mark.location, excerpt: mark.excerpt))
    }
}
