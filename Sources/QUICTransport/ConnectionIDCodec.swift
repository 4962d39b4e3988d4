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

    /// Sockets of one process in a reuseport group that stand in the order of their workers.
    public struct SocketRange: Equatable, Sendable {
        /// The process generation that owns them.
        public var generation: Int
        /// The worker of the first socket.
        public var firstWorker: Int
        /// Place of the first socket in the group.
        public var firstSocket: Int
        public var workers: Int

        public init(generation: Int, firstSocket: Int, workers: Int, firstWorker: Int = 0) {
            self.generation = generation
            self.firstWorker = firstWorker
            self.firstSocket = firstSocket
            self.workers = workers
        }
    }

    /// The process that takes what leads to none, new connections above all, and how many workers it has.
    public struct Newcomers: Equatable, Sendable {
        public var generation: Int
        public var workers: Int

        public init(generation: Int, workers: Int) {
            self.generation = generation
            self.workers = workers
        }
    }

    /// Most ranges that a program looks at: it stays within what the kernel takes by default.
    public static let maxRanges = 128

    /// The classic BPF program for `SO_ATTACH_REUSEPORT_CBPF` that gives each datagram to the worker its destination
    /// connection ID names: it returns the socket's index in the group.
    ///
    /// - Parameters:
    ///   - ranges: the sockets; those beyond ``maxRanges`` get nothing.
    ///   - newcomers: whose workers share what names none of `ranges`, by the connection ID's bytes, so that all
    ///     packets of a client's first flight reach one. With nil the program returns a number beyond every index then,
    ///     at which the kernel chooses by the address hash, as without a program.
    public func steeringFilter(_ ranges: [SocketRange], newcomers: Newcomers? = nil) -> [FilterInstruction] {
        let ranges = ranges.prefix(Self.maxRanges)
        var program = FilterProgram()
        // A long header says at byte 5 how long the ID is; a short header has it at byte 1 (RFC 8999 section 5).
        program.add(.loadByte, 0)
        let short = program.addJump(.jumpSet, 0x80)
        program.add(.loadLength, 0)
        let longTooShort = program.addJump(.jumpGreaterOrEqual, UInt32(6 + Self.count))
        program.add(.loadByte, 5)
        let otherLength = program.addJump(.jumpEqual, UInt32(Self.count))
        addDecoding(at: 6, to: &program)
        // With one range, which is nearly always, the choice stands here too, and costs no jump.
        var longDecoded: Int?
        if ranges.count == 1 { addSelection(ranges, to: &program) } else { longDecoded = program.addJump(.jump, 0) }
        for jump in [longTooShort, otherLength] { program.jumpsFalse(jump) }
        let longUnknown = program.addJump(.jump, 0)
        program.jumpsFalse(short)
        program.add(.loadLength, 0)
        let shortLongEnough = program.addJump(.jumpGreaterOrEqual, UInt32(1 + Self.count))
        let shortUnknown = program.addJump(.jump, 0)
        program.jumpsTrue(shortLongEnough)
        addDecoding(at: 1, to: &program)
        if let longDecoded { program.jumps(longDecoded) }
        addSelection(ranges, to: &program)
        for jump in [longUnknown, shortUnknown] { program.jumps(jump) }
        if let newcomers, newcomers.workers > 0 {
            // The same bytes as ``newcomer(for:workers:)``.
            program.add(.loadLength, 0)
            let hasWord = program.addJump(.jumpGreaterOrEqual, 10)
            program.add(.loadWord, 6)
            program.jumpsFalse(hasWord)
            program.add(.modulo, UInt32(clamping: newcomers.workers))
            program.add(.addConstant, Route(worker: 0, generation: newcomers.generation).code)
            addSelection(ranges.filter { $0.generation == newcomers.generation }[...], to: &program)
        }
        program.add(.returnConstant, .max)
        return program.instructions
    }

    /// The worker that the program gives a datagram to whose connection ID leads to none.
    public static func newcomer(for datagram: UnsafeRawBufferPointer, workers: Int) -> Int {
        guard workers > 1 else { return 0 }
        guard datagram.count >= 10 else { return datagram.count % workers }
        let word = unsafe UInt32(bigEndian: datagram.loadUnaligned(fromByteOffset: 6, as: UInt32.self))
        return Int(word % UInt32(clamping: workers))
    }

    /// Where a datagram's destination connection ID leads; nil when it has not our length. An ID that we did not make
    /// gives a random answer.
    public func route(ofDatagram datagram: UnsafeRawBufferPointer) -> Route? {
        guard let first = unsafe datagram.first else { return nil }
        let start = first & 0x80 == 0 ? 1 : 6
        guard datagram.count >= start + Self.count else { return nil }
        if start == 6, unsafe datagram[5] != UInt8(Self.count) { return nil }
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: datagram[start..<start + Self.count])
        return unsafe ConnectionID(bytes).flatMap(route(of:))
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

    /// Returns the socket for the routing number in the accumulator; falls through when it is of none.
    private func addSelection(_ ranges: ArraySlice<SocketRange>, to program: inout FilterProgram) {
        for range in ranges {
            guard range.workers > 0, range.firstWorker >= 0, range.firstWorker + range.workers <= Self.maxWorkers else {
                continue
            }
            let first = Route(worker: range.firstWorker, generation: range.generation).code
            let below = program.addJump(.jumpGreaterOrEqual, first)
            let above = program.addJump(.jumpGreaterOrEqual, first + UInt32(range.workers))
            program.add(.addConstant, UInt32(truncatingIfNeeded: range.firstSocket) &- first)
            program.add(.returnAccumulator, 0)
            program.jumpsFalse(below)
            program.jumpsTrue(above)
        }
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
        case modulo = 0x94
        case shiftRightConstant = 0x74
        case xorConstant = 0xa4
        case xorIndex = 0xac
        case jump = 0x05
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

    /// The jump without condition at `index` comes here.
    mutating func jumps(_ index: Int) {
        instructions[index].operand = UInt32(instructions.count - index - 1)
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
