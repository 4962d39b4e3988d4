import Bytes
import Connections
import Glibc
import Samples
import Streams
import Synchronization
import Words

/// Fetches of the process and its clock (configuration.txt section 7.3.2).
enum ProcessFetches {
    static let all: [Fetch] = clock + chance + figures

    private static let clock: [Fetch] = [
        Fetch(
            "date", "Seconds since 1970, with an offset; or milliseconds or microseconds.", example: "date(3600000,ms)",
            takes: ArgumentSignature([.integer, .string], required: 0), gives: .sint, from: .constant,
            prepare: { values, _ throws(Complaint) in try TimeUnit(values, at: 1) }
        ) { evaluation, arguments, sample in
            let unit: TimeUnit = arguments.object()
            sample.setInteger(unit.count(evaluation.resources.clock.wall) &+ arguments.integer(0))
            return true
        },
        Fetch("date_us", "The microseconds within the second of `date`.", gives: .sint, from: .constant) {
            evaluation, _, sample in
            sample.setInteger(Int64(evaluation.resources.clock.wall / 1000 % 1_000_000))
            return true
        },
        Fetch(
            "accept_date", "When the client's connection came: seconds, ms or us since 1970.",
            example: "accept_date(ms)", takes: ArgumentSignature([.string], required: 0), gives: .sint,
            from: .clientAddress, prepare: { values, _ throws(Complaint) in try TimeUnit(values, at: 0) }
        ) { evaluation, arguments, sample in
            guard let session = evaluation.session else { return false }
            sample.setInteger(arguments.object(TimeUnit.self).count(session.acceptedWall))
            return true
        },
        Fetch(
            "request_date", "When the request's first byte came: seconds, ms or us since 1970.",
            example: "request_date(ms)", takes: ArgumentSignature([.string], required: 0), gives: .sint, from: .request,
            prepare: { values, _ throws(Complaint) in try TimeUnit(values, at: 0) }
        ) { evaluation, arguments, sample in
            guard let session = evaluation.session else { return false }
            let opened = evaluation.exchange?.openedAt ?? session.acceptedAt
            let wall = session.acceptedWall &+ opened.nanoseconds(since: session.acceptedAt)
            sample.setInteger(arguments.object(TimeUnit.self).count(wall))
            return true
        },
        Fetch("uptime", "Seconds since the process started.", gives: .sint, from: .constant) { evaluation, _, sample in
            let started = evaluation.process?.startedWall ?? evaluation.resources.clock.wall
            let now = evaluation.resources.clock.wall
            sample.setInteger(now > started ? Int64((now - started) / 1_000_000_000) : 0)
            return true
        },
    ]

    private static let chance: [Fetch] = [
        Fetch(
            "rand", "A random integer from 0 up to the range; not for secrets.", example: "rand(100)",
            takes: ArgumentSignature([.integer], required: 0), gives: .sint, from: .constant
        ) { evaluation, arguments, sample in
            let number = evaluation.random.next() >> 32
            guard arguments.isPresent(0) else {
                sample.setInteger(Int64(number))
                return true
            }
            let range = UInt64(UInt32(truncatingIfNeeded: arguments.integer(0)))
            sample.setInteger(Int64((number * range) >> 32))
            return true
        },
        Fetch(
            "uuid", "A UUID of version 4 or 7 (RFC 9562).", example: "uuid(7)",
            takes: ArgumentSignature([.integer], required: 0), gives: .str, from: .constant,
            prepare: { values, _ throws(Complaint) in
                if case .integer(let version) = values.first, version != 4, version != 7 {
                    throw Complaint("Unsupported UUID version: '\(version)'")
                }
                return nil
            }
        ) { evaluation, arguments, sample in
            uuid(evaluation, version: arguments.integer(0, default: 4), &sample)
        },
    ]

    private static let figures: [Fetch] = [
        Fetch(
            "env", "The value of an environment variable once the configuration is read.", example: "env(HOME)",
            takes: ArgumentSignature([.string], required: 1), gives: .str, from: .constant,
            prepare: { values, _ in EnvironmentValue(values) }
        ) { _, arguments, sample in
            let value: EnvironmentValue = arguments.object()
            guard let text = value.text else { return false }
            sample.setText(text.bytes)
            return true
        },
        Fetch(
            "hostname", "The machine's name.", gives: .str, from: .constant, prepare: { _, _ in HostName() }
        ) { _, arguments, sample in
            let name = arguments.object(HostName.self).text
            sample.setText(name.bytes)
            return true
        },
        Fetch("nbproc", "How many processes serve: 1.", gives: .sint, from: .constant) { _, _, sample in
            sample.setInteger(1)
            return true
        },
        Fetch("proc", "The number of the process: 1.", gives: .sint, from: .constant) { _, _, sample in
            sample.setInteger(1)
            return true
        },
        Fetch("pid", "The number that the system gave the process.", gives: .sint, from: .constant) { _, _, sample in
            sample.setInteger(Int64(getpid()))
            return true
        },
        Fetch("thread", "The number of the worker, from 0.", gives: .sint, from: .constant) { evaluation, _, sample in
            sample.setInteger(Int64(evaluation.process?.workerNumber ?? 0))
            return true
        },
        Fetch("tgroup", "The number of the worker's group: 0.", gives: .sint, from: .constant) { _, _, sample in
            sample.setInteger(0)
            return true
        },
        Fetch("act_conn", "Connections of the whole process now.", gives: .sint, from: .constant) {
            evaluation, _, sample in
            sample.setInteger(Int64(evaluation.process?.currentConnections ?? 0))
            return true
        },
        Fetch("stopping", "True when the process takes nothing new and ends.", gives: .bool, from: .process) {
            evaluation, _, sample in
            sample.setBool(evaluation.process?.isStopping ?? false)
            return true
        },
        Fetch("quic_enabled", "True when QUIC listeners are allowed.", gives: .bool, from: .constant) {
            evaluation, _, sample in
            // Without the process it is the configuration that is read: QUIC is there.
            let isEnabled = evaluation.process?.isQUICEnabled ?? true
            sample.setBool(isEnabled)
            return isEnabled
        },
        Fetch("cpu_usage_thr", "CPU that the worker used lately, in percent.", gives: .sint, from: .process) {
            evaluation, _, sample in
            sample.setInteger(Int64(evaluation.process?.workerUsage ?? 0))
            return true
        },
        Fetch(
            "cpu_usage_grp", "CPU that the workers used lately on the average, in percent.", gives: .sint,
            from: .process
        ) { evaluation, _, sample in
            sample.setInteger(Int64(evaluation.process?.processUsage ?? 0))
            return true
        },
        Fetch(
            "cpu_usage_proc", "CPU that the workers used lately on the average, in percent.", gives: .sint,
            from: .process
        ) { evaluation, _, sample in
            sample.setInteger(Int64(evaluation.process?.processUsage ?? 0))
            return true
        },
        Fetch("wait_end", "True once the time for inspection is over; nothing before.", gives: .bool, from: .process) {
            evaluation, _, sample in
            guard evaluation.isFinal else {
                sample.flags.insert(.mayChange)
                return false
            }
            sample.setBool(true)
            return true
        },
    ]

    private static func uuid(_ evaluation: Evaluation, version: Int64, _ sample: inout Sample) -> Bool {
        var high = evaluation.random.next()
        let low = evaluation.random.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        if version == 7 {
            let milliseconds = evaluation.resources.clock.wall / 1_000_000
            high = milliseconds << 16 | 0x7000 | high & 0x0fff
        } else {
            high = high & 0xffff_ffff_ffff_0fff | 0x4000
        }
        var text = evaluation.scratch.text()
        for index in 0..<16 {
            let word = index < 8 ? high : low
            let byte = UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * (index % 8)))
            if index == 4 || index == 6 || index == 8 || index == 10 { text.append(0x2d as UInt8) }
            text.append(lowercaseHexadecimal: byte)
        }
        return text.give(&sample)
    }
}

/// The unit of a time: an argument of `date` and others.
private final class TimeUnit: Sendable {
    private let nanoseconds: UInt64

    init(_ values: [Argument], at index: Int) throws(Complaint) {
        guard index < values.count, case .string(let text) = values[index] else {
            nanoseconds = 1_000_000_000
            return
        }
        switch String(decoding: text, as: UTF8.self) {
        case "s": nanoseconds = 1_000_000_000
        case "ms": nanoseconds = 1_000_000
        case "us": nanoseconds = 1000
        case let other: throw Complaint("expects 's', 'ms' or 'us', got '\(other)'")
        }
    }

    /// A time of the wall clock in this unit.
    func count(_ wall: UInt64) -> Int64 { Int64(wall / nanoseconds) }
}

/// An environment variable. It is looked up when it is first asked for: lines that follow may set it.
private final class EnvironmentValue: Sendable {
    private let name: String
    private let found = AtomicLazyReference<ConstantText>()

    init(_ values: [Argument]) {
        if case .string(let name) = values.first {
            self.name = String(decoding: name, as: UTF8.self)
        } else {
            name = ""
        }
    }

    /// The value; nil when the variable is not set.
    var text: ConstantText? {
        if let known = found.load() { return known }
        guard let value = unsafe getenv(name) else { return nil }
        return found.storeIfNil(unsafe ConstantText(Array(String(cString: value).utf8)))
    }
}

/// The machine's name as of the start.
private final class HostName: Sendable {
    let text: ConstantText

    init() {
        var room = [CChar](repeating: 0, count: 256)
        let count = room.count
        _ = unsafe gethostname(&room, count - 1)
        text = ConstantText(room.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) })
    }
}

extension ScratchText {
    /// A byte as two hexadecimal digits in lower case.
    mutating func append(lowercaseHexadecimal byte: UInt8) {
        append(Self.lowercaseDigit(byte >> 4))
        append(Self.lowercaseDigit(byte & 15))
    }

    private static func lowercaseDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x61 + value - 10 }
}
