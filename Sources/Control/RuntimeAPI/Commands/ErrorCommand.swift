import Bytes
import Configuration
import Proxying
import Rules
import Servers
import Synchronization

/// `show errors` (management.txt, section 9.3): the last malformed request and response of each proxy.
enum ErrorCommand {
    static let all = [
        Command(
            "show errors",
            usage:
                "show errors [<px>] [request|response]   : report last request and/or response errors for each proxy",
            level: .operator, run: show)
    ]

    @ControlActor private static func show(_ call: CommandCall) async throws(CommandFailure) {
        var proxy: Int?
        if !call[2].isEmpty {
            if let found = number(call[2], call.api) {
                proxy = found
            } else {
                let id = CommandArgument.leadingInteger(call[2])
                guard id != 0 else { throw .refused("No such proxy.") }
                proxy = id < 0 ? nil : id
            }
        }
        let kinds = call[3]
        var date = LogDate()
        let count = call.api.workers.blueprint.errorCaptures.load(ordering: .relaxed)
        try await call.write("Total events captured on [\(text(call.api.loop.wall, &date))] : \(count)\n")
        var last: [String: ErrorCapture] = [:]
        for capture in (await call.api.askWorkers { $0.errorCaptures() }).flatMap(\.self) {
            let key = "\(capture.isRequest)\(capture.proxy.id)"
            if last[key].map({ $0.event < capture.event }) ?? true { last[key] = capture }
        }
        let ordered = last.values.sorted { ($0.proxy.id, $1.isRequest ? 1 : 0) < ($1.proxy.id, $0.isRequest ? 1 : 0) }
        for capture in ordered {
            if kinds == "request", !capture.isRequest { continue }
            if kinds == "response", capture.isRequest { continue }
            if let proxy, capture.proxy.id != proxy, capture.other?.id != proxy { continue }
            try await call.write(describe(capture, call.api.configuration.global.tune.bufsize, &date))
        }
    }

    @ControlActor private static func number(_ name: String, _ api: RuntimeAPI) -> Int? {
        if let frontend = api.configuration.frontends.first(where: { $0.name == name }) { return frontend.id }
        return api.backends.backend(named: name)?.servers.settings.id
    }

    private static func text(_ wall: UInt64, _ date: inout LogDate) -> String {
        var text = LogText()
        date.appendPrecise(wall, to: &text)
        return String(decoding: text.bytes, as: UTF8.self)
    }

    private static func describe(_ capture: ErrorCapture, _ size: Int, _ date: inout LogDate) -> String {
        let other = "\(capture.other?.name ?? "<NONE>") (#\(capture.other?.id ?? -1))"
        var text = " \n[\(Self.text(capture.wall, &date))]"
        if capture.isRequest {
            text += " frontend \(capture.proxy.name) (#\(capture.proxy.id)): invalid request\n  backend \(other)"
        } else {
            text += " backend \(capture.proxy.name) (#\(capture.proxy.id)): invalid response\n  frontend \(other)"
        }
        text += ", server \(capture.server?.name ?? "<NONE>") (#\(capture.server?.id ?? -1)), event #\(capture.event),"
        text += " src \(capture.client.host):\(capture.client.port)\n"
        let length = capture.bytes.count
        text += "  buffer starts at 0 (including 0 out), \(max(0, size - length)) free,\n"
        text += "  len \(length), wraps at \(size), error at position \(capture.position)\n"
        text += "  refused for: \(capture.reason)\n  \n"
        return text + lines(capture.bytes)
    }

    /// Columns of a line.
    private static let width = 79

    /// The bytes as HAProxy shows them: a line for each line, its offset first, and more for what is long.
    static func lines(_ bytes: [UInt8]) -> String {
        var text = ""
        var index = 0
        var continues = false
        while index < bytes.count {
            let digits = String(index)
            var line = "  " + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
            line += continues ? "+ " : "  "
            continues = true
            while index < bytes.count {
                let shown = escaped(bytes[index])
                if line.utf8.count + shown.utf8.count > width { break }
                line += shown
                index += 1
                if bytes[index - 1] == 0x0a {
                    continues = false
                    break
                }
            }
            text += line + "\n"
        }
        return text
    }

    private static func escaped(_ byte: UInt8) -> String {
        switch byte {
        case 0x0a: "\\n"
        case 0x0d: "\\r"
        case 0x09: "\\t"
        case 0x1b: "\\e"
        case UInt8(ascii: "\\"): "\\\\"
        case 0x20...0x7e: String(UnicodeScalar(byte))
        default: "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16).uppercased()
        }
    }
}
