/// One instruction of a classic BPF program, with the fields and the layout of the kernel's `sock_filter`.
public struct FilterInstruction: Equatable, Sendable {
    public var code: UInt16
    public var jumpTrue: UInt8
    public var jumpFalse: UInt8
    public var operand: UInt32
}

/// Makes and reads our connection IDs: 8 bytes, of which 6 are random and 2 tell the worker and the process generation.
///
/// The routing part is masked with a keyed mix of the random part, so that IDs of one connection look unrelated on the
/// wire. The mix only hides: it is made of 32-bit multiply, add, xor and shift, because the classic BPF program on the
/// `SO_REUSEPORT` group computes it as well (`steeringFilter`). Nothing secret depends on it.
///
///     byte  0 1 2 3   4 5      6 7
///           random    random   (generation << 10 | worker) ^ mix(random)     all in network byte order
public struct ConnectionIDCodec: Sendable {
    /// Bytes in one of our connection IDs.
    public static let count = 8
    /// Workers that can be told apart.
    public static let maxWorkers = 1 << workerBits
    /// Process generations that can be told apart; generation numbers wrap.
    public static let maxGenerations = 1 << (16 - workerBits)
    private static let workerBits = 10

    /// Where a connection ID leads.
    public struct Route: Equatable, Sendable {
        public var worker: Int
        public var generation: Int

        public init(worker: Int, generation: Int) {
            self.worker = worker
            self.generation = generation
        }

        fileprivate init(code: UInt32) {
            worker = Int(code & UInt32(ConnectionIDCodec.maxWorkers - 1))
            generation = Int(code >> UInt32(ConnectionIDCodec.workerBits))
        }

        fileprivate var code: UInt32 {
            let generation = UInt32(truncatingIfNeeded: generation) & UInt32(ConnectionIDCodec.maxGenerations - 1)
            let worker = UInt32(truncatingIfNeeded: worker) & UInt32(ConnectionIDCodec.maxWorkers - 1)
            return generation << UInt32(ConnectionIDCodec.workerBits) | worker
        }
    }

    private let whitening: UInt32
    private let firstFactor: UInt32
    private let secondFactor: UInt32

    /// All processes that hand each other datagrams use the same key.
    public init(key: QUICServiceKey) {
        let words = key.words(for: "connection id")
        whitening = words.0
        firstFactor = words.1 | 1
        secondFactor = words.2 | 1
    }

    private func mix(_ first: UInt32, _ second: UInt32) -> UInt32 {
        var a = (first ^ whitening) &* firstFactor
        a ^= a >> 15
        a = (a &+ second) &* secondFactor
        a ^= a >> 13
        return a & 0xffff
    }

    /// A connection ID that leads to `route`, with the low 48 bits of `random`.
    public func connectionID(to route: Route, random: UInt64) -> ConnectionID {
        let first = UInt32(truncatingIfNeeded: random)
        let second = UInt32(truncatingIfNeeded: random >> 32) & 0xffff
        let routing = route.code ^ mix(first, second)
        let word = UInt64(first) << 32 | UInt64(second) << 16 | UInt64(routing)
        return ConnectionID(word: word.bigEndian)
    }

    /// Where a connection ID leads; nil when it has not our length. An ID that we did not make gives a random answer.
    public func route(of id: ConnectionID) -> Route? {
        guard Int(id.count) == Self.count else { return nil }
        let word = UInt64(bigEndian: id.word)
        let first = UInt32(truncatingIfNeeded: word >> 32)
        let second = UInt32(truncatingIfNeeded: word >> 16) & 0xffff
        return Route(code: (UInt32(truncatingIfNeeded: word) & 0xffff) ^ mix(first, second))
    }

    /// Sockets of one process in a reuseport group.
    public struct SocketRange: Sendable {
        /// The process generation that owns them.
        public var generation: Int
        /// Index of worker 0's socket in the group.
        public var firstSocket: Int
        public var workers: Int

        public init(generation: Int, firstSocket: Int, workers: Int) {
            self.generation = generation
            self.firstSocket = firstSocket
            self.workers = workers
        }
    }

    /// The classic BPF program for `SO_ATTACH_REUSEPORT_CBPF` that gives each datagram to the worker its destination
    /// connection ID names: it returns the socket's index in the group. For a datagram that names none of `ranges` it
    /// returns a number beyond every index, at which the kernel chooses by the address hash, as without a program.
    /// At most 8 ranges are looked at.
    public func steeringFilter(_ ranges: [SocketRange]) -> [FilterInstruction] {
        var program = FilterProgram()
        // A long header says at byte 5 how long the ID is; a short header has it at byte 1 (RFC 8999 section 5).
        program.add(.loadByte, 0)
        let short = program.addJump(.jumpSet, 0x80)
        program.add(.loadLength, 0)
        let longTooShort = program.addJump(.jumpGreaterOrEqual, UInt32(6 + Self.count))
        program.add(.loadByte, 5)
        let otherLength = program.addJump(.jumpEqual, UInt32(Self.count))
        addDecoding(at: 6, to: &program)
        addSelection(ranges, to: &program)
        program.jumpsFalse(short)
        program.add(.loadLength, 0)
        let shortTooShort = program.addJump(.jumpGreaterOrEqual, UInt32(1 + Self.count))
        addDecoding(at: 1, to: &program)
        addSelection(ranges, to: &program)
        for jump in [longTooShort, otherLength, shortTooShort] { program.jumpsFalse(jump) }
        program.add(.returnConstant, .max)
        return program.instructions
    }

    /// Leaves the routing number of the connection ID at `offset` in the accumulator.
    private func addDecoding(at offset: UInt32, to program: inout FilterProgram) {
        program.add(.loadWord, offset)
        program.add(.xorConstant, whitening)
        program.add(.multiplyConstant, firstFactor)
        program.add(.copyToIndex, 0)
        program.add(.shiftRightConstant, 15)
        program.add(.xorIndex, 0)
        program.add(.copyToIndex, 0)
        program.add(.loadHalf, offset + 4)
        program.add(.addIndex, 0)
        program.add(.multiplyConstant, secondFactor)
        program.add(.copyToIndex, 0)
        program.add(.shiftRightConstant, 13)
        program.add(.xorIndex, 0)
        program.add(.andConstant, 0xffff)
        program.add(.copyToIndex, 0)
        program.add(.loadHalf, offset + 6)
        program.add(.xorIndex, 0)
    }

    /// Returns the socket for the routing number in the accumulator, or a number beyond all sockets.
    private func addSelection(_ ranges: [SocketRange], to program: inout FilterProgram) {
        for range in ranges.prefix(8) where range.workers > 0 && range.workers <= Self.maxWorkers {
            let first = Route(worker: 0, generation: range.generation).code
            let below = program.addJump(.jumpGreaterOrEqual, first)
            let above = program.addJump(.jumpGreaterOrEqual, first + UInt32(range.workers))
            program.add(.addConstant, UInt32(truncatingIfNeeded: range.firstSocket) &- first)
            program.add(.returnAccumulator, 0)
            program.jumpsFalse(below)
            program.jumpsTrue(above)
        }
        program.add(.returnConstant, .max)
    }
}

/// A classic BPF program being written.
private struct FilterProgram {
    /// The operations we use, by their numbers in the kernel's `linux/bpf_common.h`.
    enum Operation: UInt16 {
        case loadWord = 0x20
        case loadHalf = 0x28
        case loadByte = 0x30
        case loadLength = 0x80
        case addConstant = 0x04
        case addIndex = 0x0c
        case multiplyConstant = 0x24
        case andConstant = 0x54
        case shiftRightConstant = 0x74
        case xorConstant = 0xa4
        case xorIndex = 0xac
        case jumpEqual = 0x15
        case jumpGreaterOrEqual = 0x35
        case jumpSet = 0x45
        case returnConstant = 0x06
        case returnAccumulator = 0x16
        case copyToIndex = 0x07
    }

    var instructions: [FilterInstruction] = []

    mutating func add(_ operation: Operation, _ operand: UInt32) {
        instructions.append(
            FilterInstruction(code: operation.rawValue, jumpTrue: 0, jumpFalse: 0, operand: operand))
    }

    /// Adds a jump that falls through either way, until `jumpsFalse` or `jumpsTrue` tells where it goes.
    mutating func addJump(_ operation: Operation, _ operand: UInt32) -> Int {
        add(operation, operand)
        return instructions.count - 1
    }

    /// The jump at `index` comes here when its condition is true.
    mutating func jumpsTrue(_ index: Int) {
        instructions[index].jumpTrue = UInt8(instructions.count - index - 1)
    }

    /// The jump at `index` comes here when its condition is false.
    mutating func jumpsFalse(_ index: Int) {
        instructions[index].jumpFalse = UInt8(instructions.count - index - 1)
    }
}
