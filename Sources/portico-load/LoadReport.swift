import Bytes
import Glibc
import Runtime

/// The result for people and for machines.
struct LoadReport {
    private let plan: LoadPlan
    private let counts: LoadCounts
    /// CPU time of this process, in seconds.
    private let user: Double
    private let system: Double

    init(_ plan: LoadPlan, _ counts: LoadCounts) {
        self.plan = plan
        self.counts = counts
        var usage = rusage()
        _ = unsafe getrusage(RUSAGE_SELF.rawValue, &usage)
        user = Self.seconds(usage.ru_utime)
        system = Self.seconds(usage.ru_stime)
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

    private static let percentiles: [(name: String, share: Double)] = [
        ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999),
    ]

    private var requests: UInt64 { counts.completed + counts.failed }
    private var rate: Double { counts.seconds > 0 ? Double(counts.completed) / counts.seconds : 0 }

    // MARK: For people

    /// A table, one line for each kind of number.
    var text: String {
        var lines = ["\(plan.version.text) to \(plan.target.text)"]
        lines.append(
            "\(Self.counted(plan.connections, "connection")) with \(Self.counted(plan.streams, "request")) at once, "
                + "\(Self.counted(plan.workers, "worker")), \(Self.decimals(counts.seconds, 2)) s")
        row("requests", "\(requests)   \(Self.decimals(rate, 0)) req/s", &lines)
        let kinds = LoadFailure.allCases.filter { counts.count($0) > 0 }.map { "\($0.name) \(counts.count($0))" }
        row("errors", ["\(counts.failed)"] + kinds, &lines)
        let classes = (1...9).filter { counts.statuses[$0] > 0 }.map { "\($0)xx \(counts.statuses[$0])" }
        row("status", classes.isEmpty ? ["none"] : classes, &lines)
        row("bytes", "received \(counts.bytesReceived)   sent \(counts.bytesSent)", &lines)
        row("latency", times(counts.latency), &lines)
        row("", Self.percentiles.map { "\($0.name) \(Self.time(Double(counts.latency.percentile($0.share))))" }, &lines)
        row("handshakes", ["\(counts.handshakes.count)"] + times(counts.handshakes), &lines)
        if plan.resumes {
            row("resumed", "\(counts.resumed)   early data \(earlyTaken) of \(counts.earlyOffered)", &lines)
        }
        if counts.keyUpdates > 0 { row("key updates", "\(counts.keyUpdates)", &lines) }
        if counts.migrations > 0 { row("migrations", "\(counts.migrations)", &lines) }
        if counts.connectionsLost > 0 { row("reopened", "\(counts.connectionsLost)", &lines) }
        if counts.repeated > 0 { row("sent again", "\(counts.repeated)", &lines) }
        if counts.unstarted > 0 { row("not started", "\(counts.unstarted) (no free stream)", &lines) }
        let each = requests > 0 ? (user + system) / Double(requests) * 1e6 : 0
        row(
            "own CPU",
            "user \(Self.decimals(user, 2)) s   system \(Self.decimals(system, 2)) s   "
                + "\(Self.decimals(each, 1)) µs per request", &lines)
        return lines.joined(separator: "\n")
    }

    /// Connections whose early data the server took.
    private var earlyTaken: UInt64 { counts.earlyOffered - min(counts.earlyOffered, counts.earlyRejected) }

    private func times(_ histogram: Histogram) -> [String] {
        [
            "min \(Self.time(Double(histogram.least)))", "mean \(Self.time(histogram.mean))",
            "max \(Self.time(Double(histogram.greatest)))",
        ]
    }

    private func row(_ name: String, _ cells: [String], _ lines: inout [String]) {
        row(name, cells.joined(separator: "   "), &lines)
    }

    private func row(_ name: String, _ text: String, _ lines: inout [String]) {
        lines.append("  " + name + String(repeating: " ", count: max(1, 13 - name.count)) + text)
    }

    private static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    /// Nanoseconds in the unit that suits: `1.23 ms`.
    private static func time(_ nanoseconds: Double) -> String {
        if nanoseconds < 1e6 { return "\(decimals(nanoseconds / 1e3, 1)) µs" }
        if nanoseconds < 1e9 { return "\(decimals(nanoseconds / 1e6, 2)) ms" }
        return "\(decimals(nanoseconds / 1e9, 2)) s"
    }

    private static func decimals(_ value: Double, _ places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let whole = UInt64(max(0, value * scale).rounded())
        let unit = UInt64(scale)
        guard places > 0 else { return "\(whole)" }
        let rest = String(whole % unit)
        return "\(whole / unit)." + String(repeating: "0", count: places - rest.count) + rest
    }

    // MARK: For machines

    /// One JSON object; times in seconds.
    var json: String {
        var failures: [String] = []
        for kind in LoadFailure.allCases { failures.append("\"\(kind.name)\": \(counts.count(kind))") }
        let classes = (1...9).filter { $0 < 6 || counts.statuses[$0] > 0 }.map { "\"\($0)xx\": \(counts.statuses[$0])" }
        let members = [
            "\"url\": \(Self.quoted(plan.target.text))", "\"version\": \(Self.quoted(plan.version.text))",
            "\"connections\": \(plan.connections)", "\"streams\": \(plan.streams)", "\"workers\": \(plan.workers)",
            "\"rate\": \(plan.rate.map { "\($0)" } ?? "null")", "\"seconds\": \(counts.seconds)",
            "\"requests\": \(requests)", "\"completed\": \(counts.completed)", "\"failed\": \(counts.failed)",
            "\"errors\": {\(failures.joined(separator: ", "))}", "\"status\": {\(classes.joined(separator: ", "))}",
            "\"bytes_received\": \(counts.bytesReceived)", "\"bytes_sent\": \(counts.bytesSent)",
            "\"requests_per_second\": \(rate)", "\"latency\": \(summary(counts.latency))",
            "\"handshakes\": \(summary(counts.handshakes))", "\"connections_reopened\": \(counts.connectionsLost)",
            "\"requests_sent_again\": \(counts.repeated)", "\"requests_not_started\": \(counts.unstarted)",
            "\"handshakes_resumed\": \(counts.resumed)", "\"early_data_offered\": \(counts.earlyOffered)",
            "\"early_data_rejected\": \(counts.earlyRejected)", "\"key_updates\": \(counts.keyUpdates)",
            "\"migrations\": \(counts.migrations)",
            "\"cpu\": {\"user\": \(user), \"system\": \(system)}",
        ]
        return "{\n  " + members.joined(separator: ",\n  ") + "\n}\n"
    }

    private func summary(_ histogram: Histogram) -> String {
        var members = ["\"count\": \(histogram.count)", "\"min\": \(Double(histogram.least) / 1e9)"]
        members.append("\"mean\": \(histogram.mean / 1e9)")
        for (name, share) in Self.percentiles {
            members.append("\"\(name)\": \(Double(histogram.percentile(share)) / 1e9)")
        }
        members.append("\"max\": \(Double(histogram.greatest) / 1e9)")
        return "{\(members.joined(separator: ", "))}"
    }

    /// A JSON string (RFC 8259 section 7).
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// Writes ``json`` to a file, or to standard output for `-`.
    func writeJSON(to path: String) throws {
        if path == "-" { return print(json, terminator: "") }
        guard let file = unsafe fopen(path, "w") else { throw LoadError("\(path): \(SystemError.text(errno))") }
        let written = unsafe fputs(json, file)
        guard unsafe fclose(file) == 0, written >= 0 else { throw LoadError("\(path): \(SystemError.text(errno))") }
    }
}
