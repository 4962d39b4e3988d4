import ArgumentParser
import Glibc
import Runtime

/// The program: a test origin in HTTP/1, HTTP/2 and HTTP/3.
@main
struct OriginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "portico-origin",
        abstract: "A test origin in HTTP/1.1, HTTP/2 and HTTP/3: size, time and status by URL.",
        discussion: """
            GET /?s=1m&t=50&r=404   a body of 1 MiB after 50 ms with status 404
              s size (k, m, g)   t delay in ms    r status    T=name:value trailer
              R=1 random bytes   k=1 chunked      C=1 close   H=name:value field
            GET /          a page that tells which protocol brought it
            GET /echo      the request, as the origin sees it
            GET /healthz   204
            """)

    @Option(name: .long, help: "Clear HTTP/1 and h2c: ADDR:PORT (repeatable).")
    var listen: [String] = []

    @Option(name: .long, help: "TLS with h2 and http/1.1: ADDR:PORT (repeatable).")
    var tls: [String] = []

    @Option(name: .long, help: "QUIC with h3: ADDR:PORT (repeatable).")
    var quic: [String] = []

    @Option(name: .long, help: "PEM file or folder with chain and key, for --tls and --quic (repeatable).")
    var certificate: [String] = []

    @Option(name: .long, help: "Worker threads.")
    var workers = 1

    func validate() throws {
        guard !(listen + tls + quic).isEmpty else {
            throw ValidationError("Nothing to listen on: add --listen 127.0.0.1:8000, --tls or --quic.")
        }
        guard (tls + quic).isEmpty || !certificate.isEmpty else {
            throw ValidationError("--tls and --quic need --certificate FILE.")
        }
        guard (1...256).contains(workers) else { throw ValidationError("--workers takes 1 to 256.") }
    }

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        let plan = try OriginPlan(
            listen: listen, tls: tls, quic: quic, certificates: certificate, workers: workers)
        let origins = try (0..<workers).map { index in try OriginThread(plan, index: index) }
        for line in plan.summary { print(line) }
        _ = fflush(nil)
        for origin in origins { origin.join() }
    }
}
