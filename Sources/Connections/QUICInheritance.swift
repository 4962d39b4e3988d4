import Bytes
import Glibc
public import QUICTransport
public import Runtime

/// What a process gets from the one that it follows (`-x`), so that both read what either one made: keys, a generation
/// of its own, the sockets of all that still serve, and a channel to each of these.
public struct QUICInheritance: Sendable {
    /// An older process that still serves.
    public struct Process: Sendable {
        public let generation: Int
        /// One end of a pair of Unix sockets with messages (``QUICChannel``). It ends with the process.
        public let channel: Int32

        public init(generation: Int, channel: Int32) {
            self.generation = generation
            self.channel = channel
        }
    }

    public let key: QUICServiceKey
    public let steeringKey: QUICServiceKey
    /// Of this process.
    public let generation: Int
    /// Oldest first; the last one gave this.
    public let processes: [Process]
    public var groups: [SteeredGroup]

    public init(
        key: QUICServiceKey, steeringKey: QUICServiceKey, generation: Int, processes: [Process], groups: [SteeredGroup]
    ) {
        self.key = key
        self.steeringKey = steeringKey
        self.generation = generation
        self.processes = processes
        self.groups = groups
    }

    /// The words that describe it: the descriptors of the places, group by group, and then of the channels follow them.
    public var words: [UInt8] {
        func hex(_ key: QUICServiceKey) -> String {
            key.secret.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
        var text = "portico-quic 1\nkey \(hex(key))\nsteering \(hex(steeringKey))\ngeneration \(generation)\n"
        for place in groups.flatMap(\.places) { text += "place \(place.generation) \(place.worker)\n" }
        for process in processes { text += "process \(process.generation)\n" }
        return Array(text.utf8)
    }

    /// Descriptors that `words` go with.
    public var descriptors: [Int32] { groups.flatMap(\.places).map(\.descriptor) + processes.map(\.channel) }

    /// Closes this process's descriptors.
    public func close() {
        for descriptor in descriptors where descriptor >= 0 { _ = Glibc.close(descriptor) }
    }

    /// Reads what ``words`` wrote. Nil when it is something else, or the descriptors do not fit; the caller closes them.
    public init?(words: [UInt8], descriptors: [Int32]) {
        var lines = String(decoding: words, as: UTF8.self).split(separator: "\n")[...]
        guard lines.popFirst() == "portico-quic 1" else { return nil }
        var keys: [Substring: QUICServiceKey] = [:]
        var generation: Int?
        var groups: [SteeredGroup] = []
        var processes: [Process] = []
        var rest = descriptors[...]
        for line in lines {
            let fields = line.split(separator: " ")
            let numbers = fields.dropFirst().map { Int($0) }
            switch (fields.first, numbers.count) {
            case ("key", 1), ("steering", 1): keys[fields[0]] = Self.key(fields[1])
            case ("generation", 1): generation = numbers[0]
            case ("process", 1):
                guard let number = numbers[0], Self.isGeneration(number), let channel = rest.popFirst() else {
                    return nil
                }
                processes.append(Process(generation: number, channel: channel))
            case ("place", 2):
                guard let number = numbers[0], let worker = numbers[1], Self.isGeneration(number),
                    (0..<ConnectionIDCodec.maxWorkers).contains(worker), let descriptor = rest.popFirst(),
                    let group = SteeredGroup(of: descriptor)
                else { return nil }
                let place = SteeredGroup.Place(generation: number, worker: worker, descriptor: descriptor)
                if let index = groups.firstIndex(where: { $0.isSame(as: group) }) {
                    groups[index].append(place)
                } else {
                    groups.append(
                        SteeredGroup(address: group.address, isIPv6Only: group.isIPv6Only, places: [place]))
                }
            default: return nil
            }
        }
        guard let key = keys["key"], let steering = keys["steering"], let generation, Self.isGeneration(generation),
            rest.isEmpty, !processes.isEmpty
        else { return nil }
        self.init(
            key: key, steeringKey: steering, generation: generation, processes: processes, groups: groups)
    }

    private static func isGeneration(_ number: Int) -> Bool {
        (0..<ConnectionIDCodec.maxGenerations).contains(number)
    }

    private static func key(_ text: Substring) -> QUICServiceKey? {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == 2 * QUICServiceKey.count else { return nil }
        return QUICServiceKey(
            secret: stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) })
    }

    /// Asks the process that listens on the Unix socket `path` for it. It blocks, a second in a row at most; used at
    /// start only. Nil: that process is none of ours, or gives no such thing.
    public static func fetch(from path: String) throws(SystemError) -> QUICInheritance? {
        for _ in 0..<20 {
            switch try DescriptorHandover.fetchDescribed(
                "_getquic", from: path,
                count: { words in
                    // A descriptor for each place and process.
                    String(decoding: words, as: UTF8.self).split(separator: "\n").count {
                        $0.hasPrefix("place ") || $0.hasPrefix("process ")
                    }
                })
            {
            case .unknown: return nil
            case .refused(let reason) where reason == Refusal.superseded.rawValue:
                // Another process has followed it, and listens on the same socket.
                usleep(50_000)
            case .refused: throw SystemError("it is giving them to another process", EBUSY)
            case .given(let words, let descriptors):
                if let found = QUICInheritance(words: words, descriptors: descriptors) { return found }
                for descriptor in descriptors { _ = Glibc.close(descriptor) }
                throw SystemError("recv", EPROTO)
            }
        }
        throw SystemError("another process has followed it", EBUSY)
    }

    /// Why a process does not give it: sent instead of a count.
    public enum Refusal: Int, Sendable {
        /// It is giving it to another one, which does not serve yet.
        case busy = -1
        /// It has given it to another one, which serves.
        case superseded = -2
    }
}
