import Bytes
import Dispatch
import Glibc
import Patterns
import Synchronization
import Testing

/// Many threads read while one writes.
@Suite struct ConcurrencyTests {
    /// Every version holds `count` keys, all with that version's number: a reader that meets two numbers in one turn, or
    /// misses a key, has seen half a map.
    @Test func readersSeeWholeVersions() throws {
        let count = 200
        let epochs = Epochs()
        let reference = PatternReference(name: "x", source: .virtual, hasValues: true, epochs: epochs)
        let text = try PatternIndex(reference, method: .str, values: .number)
        let begin = try PatternIndex(reference, method: .beg, values: .number)
        for key in 0..<count { try reference.add("/\(key)/", "0") }
        let isDone = Flag()
        try withReaders(3, epochs) { reader, random in
            while !isDone.isSet {
                reader.announceQuiescence()
                let key = Array("/\(Int.random(in: 0..<count, using: &random))/".utf8)
                guard let first = text.lookup.match(key.span)?.number else { return "a key is missing" }
                let long = key + Array("more".utf8)
                guard let second = begin.lookup.match(long.span)?.number else { return "a prefix is missing" }
                guard second >= first else { return "version \(second) came after \(first)" }
            }
            return nil
        } writing: {
            defer { isDone.set() }
            for round in 1...150 {
                let version = reference.prepare()
                for key in 0..<count { try reference.add("/\(key)/", "\(round)", version: version) }
                #expect(reference.commit(version: version))
            }
        }
        epochs.collect()
        #expect(epochs.pending == 0)
    }

    /// Keys of one half stay, those of the other come and go: the first are always found, with their value.
    @Test(arguments: [MatchMethod.str, .beg, .end, .sub, .dir, .dom, .reg])
    func whatStaysIsAlwaysFound(method: MatchMethod) throws {
        let epochs = Epochs()
        let reference = PatternReference(name: "x", source: .virtual, hasValues: true, epochs: epochs)
        let index = try PatternIndex(reference, method: method, values: .text)
        let stable = (0..<30).map { "s\($0)x" }
        for key in stable { try reference.add(key, "value of \(key)") }
        let isDone = Flag()
        try withReaders(3, epochs) { reader, random in
            while !isDone.isSet {
                if random.next() % 8 == 0 {
                    reader.goOffline()
                    reader.goOnline()
                } else {
                    reader.announceQuiescence()
                }
                let key = Array(stable.randomElement(using: &random)!.utf8)
                guard let match = index.lookup.match(key.span) else { return "a key is missing" }
                guard match.valueText == Array("value of ".utf8) + key else { return "a wrong value" }
                let gone = Array("s\(Int.random(in: 0..<30, using: &random))".utf8)
                if let other = index.lookup.match(gone.span) {
                    guard other.keyText == gone || method != .str else { return "a wrong key" }
                }
            }
            return nil
        } writing: {
            defer { isDone.set() }
            var random = SeededRandom(seed: 7)
            for _ in 0..<4000 {
                // Longer and shorter than what stays, so that nodes part and join around it; never an earlier match.
                let number = Int.random(in: 0..<30, using: &random)
                let key = ["s\(number)", "s\(number)xy", "t\(number)", "s\(number)xyz\(random.next() % 64)"]
                    .randomElement(using: &random)!
                if random.next() % 2 == 0 || !reference.delete(Array(key.utf8)) { try reference.add(key, "gone") }
            }
        }
        epochs.collect()
        #expect(epochs.pending == 0)
    }

    /// Runs `body` on threads of their own until the writer is done. What a body returns is what went wrong.
    private func withReaders(
        _ count: Int, _ epochs: Epochs,
        _ body: @escaping @Sendable (EpochReader, inout SeededRandom) -> String?, writing: () throws -> Void
    ) throws {
        let group = DispatchGroup()
        let box = ReaderBox()
        for number in 0..<count {
            let reader = epochs.makeReader()
            DispatchQueue(label: "reader").async(group: group) {
                var random = SeededRandom(seed: UInt64(number))
                reader.goOnline()
                box.started.wrappingAdd(1, ordering: .relaxed)
                if let failure = body(reader, &random) { box.failures.withLock { $0.append(failure) } }
                reader.goOffline()
            }
        }
        while box.started.load(ordering: .relaxed) < count { sched_yield() }
        try writing()
        group.wait()
        #expect(box.failures.withLock { $0 } == [])
    }
}

private final class ReaderBox: Sendable {
    let failures = Mutex<[String]>([])
    let started = Atomic(0)
}

private final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
}
