import Bytes
import Configuration
import Glibc
import Proxying
import Runtime

/// Commands that look inside the process: workers, memory, descriptors, libraries. HAProxy prints its own inside with
/// them, and says that the output may change; the shape is kept, the figures are those that Portico has.
enum InspectionCommands {
    static let all = [
        Command(
            "show activity",
            usage: "show activity [-1|0|thread_num]         : show per-thread activity stats (for support/developers)",
            level: .operator, run: activity),
        Command(
            "show threads", usage: "show threads                            : show some threads debugging information",
            run: threads),
        Command(
            "show pools",
            usage: "show pools [by*] [match <pfx>] [nb]     : report information about the memory pools usage",
            run: pools),
        Command(
            "show fd",
            usage: "show fd [-!plcfbs]* [num]               : dump list of file descriptors in use or a specific one",
            level: .operator, run: descriptors),
        Command(
            "show tasks", usage: "show tasks                              : show running tasks", level: .operator
        ) { (call) async throws(CommandFailure) in
            try await call.write("Running tasks: 0 (\(call.api.workers.mailboxes.count) threads)\n")
            try await call.write(
                "  function                     places     %    lat_tot   lat_avg  calls_tot  calls_avg calls%\n")
        },
        Command(
            "show libs", usage: "show libs                               : show loaded object files and libraries",
            level: .admin, run: libraries),
    ]

    // MARK: Workers

    @ControlActor private static func activity(_ call: CommandCall) async throws(CommandFailure) {
        let count = call.api.workers.mailboxes.count
        let wanted = call[2].isEmpty ? 0 : Int(call[2]) ?? -2
        guard (-1...count).contains(wanted) else {
            throw .refused("Thread ID number must be between -1 and nbthread")
        }
        let workers = await call.api.askWorkers { $0.inspect() }
        let uptime = call.api.loop.now.nanoseconds(since: call.api.facts.startedAt) / 1000
        func decimal(_ micros: UInt64) -> String {
            let fraction = String(micros % 1_000_000)
            return "\(micros / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction
        }
        var text = "thread_id: \(wanted > 0 ? wanted : 1) (1..\(count))\n"
        text += "date_now: \(decimal(call.api.loop.wall / 1000))\nuptime_now: \(decimal(uptime))\n"
        let lines: [(String, (WorkerInspection) -> UInt64)] = [
            ("loops", { $0.turns }), ("poll_io", { $0.events }), ("fd_polled", { UInt64($0.descriptors) }),
            ("avg_loop_us", { $0.averageTurn / 1000 }),
            ("accepted", { $0.accepted }), ("cur_streams", { UInt64(max(0, $0.exchanges)) }),
            ("conn_closing", { UInt64($0.closing) }),
            ("cpu_us", { $0.cpuTime / 1000 }), ("buf_used", { UInt64($0.slabsUsed) }),
            ("buf_spare", { UInt64($0.slabsSpare) }), ("heads_used", { UInt64(max(0, $0.headsUsed)) }),
        ]
        for (name, value) in lines {
            let values = workers.map(value)
            // Sums, but means of means.
            let sum = values.reduce(0, &+) / (name.hasPrefix("avg_") ? UInt64(max(1, count)) : 1)
            switch wanted {
            case 1...: text += "\(name): \(workers.first { $0.index == wanted - 1 }.map(value) ?? 0)\n"
            case -1: text += "\(name): \(sum)\n"
            default:
                text += "\(name): \(sum)"
                text += count > 1 ? " [ \(values.map(String.init).joined(separator: " ")) ]\n" : "\n"
            }
        }
        try await call.write(text)
    }

    @ControlActor private static func threads(_ call: CommandCall) async throws(CommandFailure) {
        for worker in await call.api.askWorkers({ $0.inspect() }) {
            try await call.write(
                "  Thread \(worker.index + 1) : act=\(worker.exchanges > 0 ? 1 : 0) fds=\(worker.descriptors)"
                    + " streams=\(worker.exchanges)\n"
                    + "      1/\(worker.index + 1)    loops=\(worker.turns) events=\(worker.events) stuck=0 isolated=0\n"
                    + "             cpu_ns: now=\(worker.cpuTime)\n")
        }
    }

    // MARK: Memory

    private struct Pool {
        let name: String
        let size: Int
        let allocated: Int
        let used: Int
        var bytes: Int { size * allocated }
    }

    @ControlActor private static func pools(_ call: CommandCall) async throws(CommandFailure) {
        var prefix = ""
        var limit: Int?
        var order = ""
        var next = 2
        while !call[next].isEmpty {
            switch call[next] {
            case "byname", "bysize", "byusage": order = call[next]
            case "detailed": break
            case "match", "matching":
                next += 1
                prefix = call[next]
            default:
                guard let count = Int(call[next]) else {
                    throw .refused(
                        "Expects either 'byname', 'bysize', 'byusage', 'match <pfx>', 'detailed', or a max number of"
                            + " output lines.")
                }
                limit = count > 0 ? count : nil
            }
            next += 1
        }
        let workers = await call.api.askWorkers { $0.inspect() }
        var pools = [
            Pool(
                name: "buffer", size: workers.first?.slabSize ?? 0,
                allocated: workers.reduce(0) { $0 + $1.slabsUsed + $1.slabsSpare },
                used: workers.reduce(0) { $0 + $1.slabsUsed }),
            Pool(
                name: "large_buffer", size: BufferPool.largeSize,
                allocated: workers.reduce(0) { $0 + $1.largeSlabsUsed + $1.largeSlabsSpare },
                used: workers.reduce(0) { $0 + $1.largeSlabsUsed }),
            Pool(
                name: "head", size: call.api.configuration.global.tune.bufsize,
                allocated: workers.reduce(0) { $0 + $1.headsUsed }, used: workers.reduce(0) { $0 + $1.headsUsed }),
        ]
        pools.removeAll { !$0.name.hasPrefix(prefix) }
        switch order {
        case "byname": pools.sort { $0.name < $1.name }
        case "bysize": pools.sort { $0.size > $1.size }
        case "byusage": pools.sort { $0.bytes > $1.bytes }
        default: break
        }
        var text = "Dumping pools usage"
        if let limit { text += " (limited to the first \(limit) entries)" }
        text += ".\n"
        for pool in pools.prefix(limit ?? .max) {
            text += "  - Pool \(pool.name) (\(pool.size) bytes/64) : \(pool.allocated) allocated (\(pool.bytes) bytes),"
            text += " \(pool.used) used, 0 failures, \(workers.count) users\n"
        }
        let bytes = pools.reduce(0) { $0 + $1.bytes }
        text +=
            "Total: \(pools.count) pools, \(bytes) bytes allocated, \(pools.reduce(0) { $0 + $1.size * $1.used }) used.\n"
        try await call.write(text)
    }

    // MARK: Descriptors

    /// What a descriptor is, as the letters of `show fd` part them.
    private enum DescriptorKind: Character {
        case pipe = "p"
        case listener = "l"
        case connection = "c"
        case other = " "
    }

    @ControlActor private static func descriptors(_ call: CommandCall) async throws(CommandFailure) {
        var next = 2
        // What is left out at first leaves the others.
        var kinds = Set<Character>(call[2].hasPrefix("-") || call[2].hasPrefix("!") ? "plfb" : "")
        while let first = call[next].first, !first.isASCII || !first.isNumber, first != "/" {
            try choose(call[next], &kinds)
            next += 1
        }
        // Thread groups are of no account: there is one.
        let number = call[next].split(separator: "/", omittingEmptySubsequences: false).last.map(String.init) ?? ""
        let only = number.isEmpty ? nil : Int32(number) ?? -1
        let ports = Set(
            call.api.configuration.frontends.flatMap(\.binds).compactMap { bind -> UInt16? in
                if case .ip(_, let ports) = bind.address { ports.lowerBound } else { nil }
            })
        for number in openDescriptors() where only == nil || only == number {
            guard let line = describe(number, kinds, ports) else { continue }
            try await call.write(line)
        }
    }

    /// Takes kinds of descriptors in, and behind `-` or `!` out, as one word of `show fd` says.
    @ControlActor private static func choose(_ word: String, _ kinds: inout Set<Character>) throws(CommandFailure) {
        var isInverted = false
        for letter in word {
            var chosen: Set<Character> = []
            switch letter {
            case "!", "-": isInverted.toggle()
            case "p", "l", "f", "b": chosen = [letter]
            case "s": chosen = ["b"]
            case "c": chosen = ["f", "b"]
            default: throw .refused("Invalid FD type")
            }
            if isInverted { kinds.subtract(chosen) } else { kinds.formUnion(chosen) }
        }
    }

    private static func openDescriptors() -> [Int32] {
        guard let directory = unsafe opendir("/proc/self/fd") else { return [] }
        defer { unsafe closedir(directory) }
        let own = unsafe dirfd(directory)
        var result: [Int32] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if let number = Int32(name), number != own { result.append(number) }
        }
        return result.sorted()
    }

    /// A descriptor's line; nil when it is of no wanted kind.
    private static func describe(_ number: Int32, _ kinds: Set<Character>, _ ports: Set<UInt16>) -> String? {
        let isListener = Socket.get(number, level: SOL_SOCKET, option: SO_ACCEPTCONN) == 1
        let type = Socket.get(number, level: SOL_SOCKET, option: SO_TYPE)
        let local = Socket.localAddress(number)
        var letters: Set<Character>
        var words: String
        if type == nil {
            letters = ["p"]
            words = "type=\(link(number))"
        } else if isListener || type == Int32(SOCK_DGRAM.rawValue) && ports.contains(local.port) {
            letters = ["l"]
            words = "type=listener fam=\(family(local))"
            if local.family != .unix { words += " lport=\(local.port)" }
        } else {
            let isFront = ports.contains(local.port) || local.family == .unix
            letters = [isFront ? "f" : "b"]
            let peer = Socket.peerAddress(number)
            words = "type=connection fam=\(family(local)) back=\(isFront ? 0 : 1) lport=\(local.port)"
            if peer.isIP { words += " raddr=\(peer.host) rport=\(peer.port)" }
        }
        guard kinds.isEmpty || !kinds.isDisjoint(with: letters) else { return nil }
        let text = String(number)
        return String(repeating: " ", count: max(0, 7 - text.count)) + text + " : \(words)\n"
    }

    private static func family(_ address: SocketAddress) -> String {
        switch address.family {
        case .ipv4: "ipv4"
        case .ipv6: "ipv6"
        case .unix: "unix"
        case .unspecified: "other"
        }
    }

    private static func link(_ number: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        let count = unsafe readlink("/proc/self/fd/\(number)", &buffer, buffer.count - 1)
        guard count > 0 else { return "unknown" }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    // MARK: The rest

    /// The mapped files of the process, each with its first and last address.
    @ControlActor private static func libraries(_ call: CommandCall) async throws(CommandFailure) {
        guard let file = unsafe fopen("/proc/self/maps", "r") else { throw .refused("cannot read /proc/self/maps") }
        defer { unsafe fclose(file) }
        var found: [(path: String, start: UInt64, end: UInt64)] = []
        var buffer = [CChar](repeating: 0, count: 4096)
        while unsafe fgets(&buffer, Int32(buffer.count), file) != nil {
            let line = String(
                decoding: buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            guard words.count >= 6, words[5].hasPrefix("/"), !words[5].hasPrefix("/dev/") else { continue }
            let range = words[0].split(separator: "-")
            guard range.count == 2, let start = UInt64(range[0], radix: 16), let end = UInt64(range[1], radix: 16)
            else {
                continue
            }
            let path = String(words[5])
            if found.last?.path == path { found[found.count - 1].end = end } else { found.append((path, start, end)) }
        }
        for entry in found {
            let size = String(entry.end - entry.start, radix: 16)
            try await call.write(
                "0x\(String(entry.start, radix: 16))-0x\(String(entry.end - 1, radix: 16)) (0x\(size)) \(entry.path)\n")
        }
    }
}
