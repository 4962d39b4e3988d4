import Bytes
import Configuration
import Proxying
import Runtime
import Samples

/// `show events` (management.txt, section 9.3): the sinks of the process, and what its rings hold.
enum EventCommands {
    static let all = [
        Command(
            "show events", usage: "show events [<sink>] [-w] [-n] [-0]     : show event sink state", run: showEvents)
    ]

    /// What follows the sink's name.
    private struct Options {
        var waits = false
        var skipsOld = false
        var endsWithZero = false
    }

    @ControlActor private static func showEvents(_ call: CommandCall) async throws(CommandFailure) {
        let configuration = call.api.configuration
        guard !call[2].isEmpty else {
            var text =
                "Supported events sinks are listed below. Add -0(zero), -w(wait), -n(new). Any key to stop.\n"
            for sink in configuration.sinks.all {
                let name = sink.name + String(repeating: " ", count: max(0, 10 - sink.name.utf8.count))
                let type = sink.ring == nil ? "fd" : "buffer"
                text += "    \(name) : type=\(type), \(sink.dropped) dropped, \(sink.summary)\n"
            }
            return try await call.say(text, .warning)
        }
        try call.session.require(.operator)
        guard let sink = configuration.sinks[call[2]] else { throw .refused("No such event sink") }
        guard let ring = sink.ring else { return try await call.say("Nothing to report for this sink", .notice) }
        let options = try read(call)
        var text = EventText(
            configuration.rings.first { $0.sink === sink }, configuration, hostname: configuration.logHostname)
        var next = options.skipsOld ? ring.range.upperBound : 0
        while true {
            let events = ring.events(from: next, limit: 64 * 1024)
            for event in events {
                try await call.write(bytes: text.bytes(event) + [options.endsWithZero ? 0 : 0x0a])
                next = event.number + 1
            }
            if !events.isEmpty { continue }
            guard options.waits else { return }
            if try await waitForMore(ring, from: next, call) { return }
        }
    }

    @ControlActor private static func read(_ call: CommandCall) throws(CommandFailure) -> Options {
        var options = Options()
        var index = 3
        while !call[index].isEmpty {
            switch call[index] {
            case "-w": options.waits = true
            case "-n": options.skipsOld = true
            case "-0": options.endsWithZero = true
            case "-nw", "-wn": (options.waits, options.skipsOld) = (true, true)
            default: throw .refused("unknown option")
            }
            index += 1
        }
        return options
    }

    /// Waits for an event. True: the client wants no more, it has sent something or has gone.
    @ControlActor private static func waitForMore(
        _ ring: EventRing, from number: UInt64, _ call: CommandCall
    ) async throws(CommandFailure) -> Bool {
        call.session.flush()
        let signal = ControlSignal()
        let ticket = ring.whenWritten(number) { controlTask { signal.set() } }
        defer { ring.forget(ticket) }
        return try await call.session.waitForInput(or: signal)
    }
}

extension Configuration {
    /// The machine's name in log lines.
    var logHostname: String {
        switch global.logHostname {
        case .fixed(let name): name
        case .system, nil: String(decoding: Socket.hostname, as: UTF8.self)
        }
    }
}
