import Glibc
import TestSupport
import Testing

/// What the kernel drops before QUIC sees it.
@Suite("A receive buffer that is full") struct OverflowTests {
    @Test("Lost datagrams are counted, and the operator is told once") func overflow() async throws {
        let edge = try await Edge(
            servers: ["s1 127.0.0.1:1"],
            frontend: """
                http-request use-service prometheus-exporter if { path /metrics }
                http-request return status 200
                """,
            // Less than the system's default: the buffer stays as small as it is.
            global: "nbthread 1\ntune.rcvbuf.frontend 4096")
        func lost() async throws -> Int {
            let text = try await Client.h1.fetch("/metrics?metrics=portico_quic_overflowed_datagrams_total", edge).body
            let line = text.split(separator: "\n").first { $0.hasPrefix("portico_quic_overflowed_datagrams_total ") }
            return line?.split(separator: " ").last.flatMap { Int($0) } ?? -1
        }
        #expect(try await lost() == 0)
        // A worker that does not come to read, as on a machine that is too slow.
        edge.process.signal(SIGSTOP)
        let sender = DatagramSocket()
        let datagram = String(repeating: "x", count: 1200)
        for _ in 0..<4000 { sender.send(datagram, to: edge.securePort) }
        edge.process.signal(SIGCONT)
        // The count comes with the next datagram that has room.
        try await eventually("lost datagrams in the metrics") {
            sender.send("more", to: edge.securePort)
            return try await lost() > 0
        }
        let count = try await lost()
        try await eventually("a warning in \(edge.process.errors)") {
            edge.process.errors.contains("QUIC: the kernel dropped ")
        }
        let warnings = edge.process.errors.split(separator: "\n").filter { $0.contains("the kernel dropped") }
        #expect(warnings.count == 1)
        #expect(warnings[0].hasPrefix("[WARNING]"))
        #expect(
            warnings[0].hasSuffix(
                "QUIC: the kernel dropped \(count) datagrams of clients because a receive buffer was full. Raise"
                    + " net.core.rmem_max or 'tune.rcvbuf.frontend', or give the process more threads ('nbthread')."))
        #expect(try await Client.h3.fetch("/", edge).status == 200)
    }
}
