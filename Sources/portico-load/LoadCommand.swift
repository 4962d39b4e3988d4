import ArgumentParser
import Glibc
import Synchronization

/// The program: a load generator for HTTP/1, HTTP/2 and HTTP/3.
@main
struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "portico-load",
        abstract: "A load generator for HTTP/1.1, HTTP/2 and HTTP/3.",
        discussion: "Any whole response counts as a success, whatever its status.")

    @Flag(help: "Version; HTTP/2 without TLS is h2c.")
    var version = LoadVersion.http1

    @Option(name: [.customShort("c"), .long], help: ArgumentHelp("Connections.", valueName: "n"))
    var connections = 1

    @Option(name: [.customShort("m"), .long], help: ArgumentHelp("Requests at once per connection.", valueName: "n"))
    var streams = 1

    @Option(name: [.customShort("n"), .long], help: ArgumentHelp("Requests in all.", valueName: "n"))
    var requests: UInt64?

    @Option(help: ArgumentHelp("Requests on a connection; then a new one takes its place.", valueName: "n"))
    var perConnection: Int?

    @Option(name: [.customShort("d"), .long], help: ArgumentHelp("Seconds to run (10, unless -n).", valueName: "s"))
    var duration: Double?

    @Option(name: [.customShort("r"), .long], help: ArgumentHelp("Requests per second in all.", valueName: "n"))
    var rate: Double?

    @Option(help: ArgumentHelp("Threads.", valueName: "n"))
    var workers = 1

    @Option(help: ArgumentHelp("Send so many bytes: 500, 64k, 1m, 5g.", valueName: "size"))
    var body: LoadSize?

    @Option(name: [.customShort("X"), .long], help: ArgumentHelp("Method (GET; POST with --body).", valueName: "name"))
    var method: String?

    @Option(
        name: [.customShort("H"), .long],
        help: ArgumentHelp("Add a field, 'name: value' (repeatable).", valueName: "field"))
    var header: [String] = []

    @Option(help: ArgumentHelp("Seconds until a request has failed.", valueName: "s"))
    var timeout = 30.0

    @Option(name: .customLong("ca"), help: ArgumentHelp("Trust the authorities in this file.", valueName: "file"))
    var authorities: String?

    @Flag(help: "Trust any certificate.")
    var insecure = false

    @Flag(help: "HTTP/3: resume the sessions of earlier connections.")
    var resume = false

    @Flag(help: "HTTP/3: send requests before the handshake of resumed connections is complete (0-RTT).")
    var earlyData = false

    @Option(help: ArgumentHelp("HTTP/3: change a connection's keys after so many responses.", valueName: "n"))
    var keyUpdate: Int?

    @Option(help: ArgumentHelp("HTTP/3: move a connection to another port after so many responses.", valueName: "n"))
    var migrate: Int?

    @Flag(name: .customLong("quic2"), help: "HTTP/3: prefer QUIC version 2 (compatible version negotiation).")
    var prefersQUIC2 = false

    @Option(help: ArgumentHelp("HTTP/3: write a qlog file for each connection.", valueName: "folder"))
    var qlog: String?

    @Option(help: ArgumentHelp("Write the result there ('-': standard output).", valueName: "file"))
    var json: String?

    @Argument(help: "http://HOST[:PORT]/PATH or https://…")
    var url: String

    func validate() throws {
        guard (1...100_000).contains(connections) else { throw ValidationError("-c takes 1 to 100000.") }
        guard (1...10_000).contains(streams) else { throw ValidationError("-m takes 1 to 10000.") }
        guard streams == 1 || version != .http1 else {
            throw ValidationError("HTTP/1 has one request at a time on a connection: take more with -c.")
        }
        guard perConnection.map({ $0 >= 1 }) ?? true else { throw ValidationError("--per-connection takes 1 or more.") }
        guard requests == nil || duration == nil else { throw ValidationError("Either -n or -d.") }
        guard requests != 0 else { throw ValidationError("-n takes 1 or more.") }
        guard duration.map({ $0 > 0 && $0 <= 1e7 }) ?? true else { throw ValidationError("-d takes more than 0.") }
        guard rate.map({ $0 > 0 && $0 <= 1e8 }) ?? true else { throw ValidationError("-r takes more than 0.") }
        guard timeout > 0, timeout <= 1e6 else { throw ValidationError("--timeout takes more than 0.") }
        guard (1...256).contains(workers) else { throw ValidationError("--workers takes 1 to 256.") }
        let needsQUIC = resume || earlyData || keyUpdate != nil || migrate != nil || prefersQUIC2 || qlog != nil
        guard version == .http3 || !needsQUIC else {
            throw ValidationError("--resume, --early-data, --key-update, --migrate, --quic2 and --qlog need --http3.")
        }
        guard !earlyData || (body == nil && ["GET", "HEAD", nil].contains(method)) else {
            throw ValidationError("Only GET and HEAD go as early data: it may be replayed.")
        }
        guard keyUpdate.map({ $0 >= 1 }) ?? true else { throw ValidationError("--key-update takes 1 or more.") }
        guard migrate.map({ $0 >= 1 }) ?? true else { throw ValidationError("--migrate takes 1 or more.") }
    }

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        do {
            try load()
        } catch let error as LoadError {
            StandardError.write("portico-load: \(error)\n")
            throw ExitCode.failure
        }
    }

    private func load() throws {
        let plan = try LoadPlan(self)
        // The first interruption ends the load and shows its result, the second the program.
        signal(SIGINT) { _ in
            if isInterrupted.exchange(true, ordering: .relaxed) { _exit(130) }
        }
        let result = try LoadRun.run(plan)
        let report = LoadReport(plan, result)
        if json != "-" { print(report.text) }
        if let json { try report.writeJSON(to: json) }
        if result.failed > 0 { throw ExitCode.failure }
    }
}

/// The operator wants the load to end.
let isInterrupted = Atomic<Bool>(false)

/// A number of bytes: `64k`.
struct LoadSize: ExpressibleByArgument, Sendable {
    let bytes: UInt64

    init?(argument: String) {
        let shift: UInt64 =
            switch argument.last?.lowercased() {
            case "k": 10
            case "m": 20
            case "g": 30
            default: 0
            }
        guard let number = UInt64(shift == 0 ? argument[...] : argument.dropLast()),
            number.leadingZeroBitCount > shift
        else { return nil }
        bytes = number << shift
    }
}

/// The version of HTTP that the load uses.
enum LoadVersion: EnumerableFlag, Sendable {
    case http1, http2, http3

    static func name(for value: LoadVersion) -> NameSpecification { .customLong("\(value)") }

    var text: String {
        switch self {
        case .http1: "HTTP/1.1"
        case .http2: "HTTP/2"
        case .http3: "HTTP/3"
        }
    }
}
