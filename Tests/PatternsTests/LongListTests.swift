import Bytes
import Glibc
import Patterns
import Testing

/// Lists long enough for tables of trees, which grow and are built anew while entries come and go, against a plain list.
@Suite struct LongListTests {
    static let seeds: [UInt64] = (0..<2).map { _ in .random(in: 0 ... .max) }
    private static let syllables = ["a", "ab", "B", "/x", "site", "0", "12", ".c", "?q", "needle", "é", "-", "www."]

    /// Half of a list comes as a file does, the rest at run time; long patterns come first, then short ones, so that what
    /// tells them apart changes.
    @Test(arguments: PropertyTests.textMethods, seeds)
    func textsMatchAsInAPlainList(method: MatchMethod, seed: UInt64) throws {
        for ignoringCase in [false, true] {
            var random = SeededRandom(seed: seed)
            let reference = PatternReference(name: "list", source: .virtual, hasValues: true, epochs: Epochs())
            var model = PlainList()
            func add(_ key: [UInt8]) throws {
                let value = Array("\(model.entries.count)".utf8)
                try reference.add(key: key.span, value: value.span)
                model.add(key, value)
            }
            for _ in 0..<Int.random(in: 0...60, using: &random) { try add(text(4...8, &random)) }
            let index = try PatternIndex(reference, method: method, ignoringCase: ignoringCase)
            for step in 0..<900 {
                let syllables = step < 200 ? 4...8 : step < 400 ? 1...2 : 1...6
                if step % 4 == 3, let old = model.entries.randomElement(using: &random) {
                    #expect(reference.delete(old.key) && model.delete(old.key))
                } else {
                    let again = step % 10 == 0 ? model.entries.randomElement(using: &random)?.key : nil
                    try add(again ?? text(syllables, &random))
                }
                guard step % 5 == 0 else { continue }
                let key = model.entries.randomElement(using: &random)?.key ?? []
                let asked = text(0...1, &random) + key + text(0...2, &random)
                let expected = model.match(asked, method, ignoringCase: ignoringCase)
                let match = index.lookup.match(asked)
                if match?.keyText != expected?.key || match?.valueText != expected?.value {
                    let words = String(decoding: asked, as: UTF8.self)
                    Issue.record("seed \(seed), step \(step), -i \(ignoringCase), '\(words)'")
                }
            }
            for entry in model.entries.shuffled(using: &random) { #expect(reference.delete(entry.key)) }
            #expect(index.lookup.match(text(3...6, &random)) == nil, "seed \(seed)")
            #expect(reference.entryCount == 0)
        }
    }

    /// Patterns of one word and of many, most of which begin alike.
    @Test(arguments: [MatchMethod.dir, .dom], seeds)
    func patternsOfManyWordsMatchAsInAPlainList(method: MatchMethod, seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let reference = PatternReference(name: "list", source: .virtual, epochs: Epochs())
        let index = try PatternIndex(reference, method: method)
        var model = PlainList()
        func words(_ count: ClosedRange<Int>) -> [UInt8] {
            let separators = ["/", "/", "?", method == .dom ? "." : "//"]
            let text = (0..<Int.random(in: count, using: &random)).map { _ in
                ["a", "a", "a", "bc"].randomElement(using: &random)! + separators.randomElement(using: &random)!
            }
            return Array(text.joined().utf8)
        }
        var found = 0
        for step in 0..<400 {
            if step % 5 == 4, let old = model.entries.randomElement(using: &random) {
                #expect(reference.delete(old.key) && model.delete(old.key))
            } else {
                let key = words(step < 100 ? 8...14 : 1...12)
                try reference.add(key: key.span, value: nil)
                model.add(key, [])
            }
            for asked in [words(1...9), words(9...20)] {
                let expected = model.match(asked, method, ignoringCase: false)
                if expected != nil { found += 1 }
                #expect(
                    index.lookup.match(asked)?.keyText == expected?.key,
                    "seed \(seed), step \(step), '\(String(decoding: asked, as: UTF8.self))'")
            }
        }
        #expect(found > 200, "seed \(seed)")
    }

    private func text(_ syllables: ClosedRange<Int>, _ random: inout SeededRandom) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: syllables, using: &random) {
            bytes += Array(Self.syllables.randomElement(using: &random)!.utf8)
        }
        return bytes
    }

    /// Networks of all lengths, most of them in a few larger ones, some more than once.
    @Test(arguments: [4, 6], seeds)
    func networksMatchAsInAPlainList(family: Int, seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let width = family == 4 ? 32 : 128
        let usual = family == 4 ? [8, 15, 16, 17, 22, 24, 25, 30, 32] : [19, 32, 40, 48, 56, 64, 100, 127, 128]
        let reference = PatternReference(name: "list", source: .virtual, hasValues: true, epochs: Epochs())
        var model: [Network] = []
        func add(_ step: Int) throws {
            var network = Network(random.address(width), bits: usual.randomElement(using: &random)!, width: width)
            if step % 4 == 0 { network.bits = Int.random(in: 0...width, using: &random) }
            if step % 10 == 1, let again = model.randomElement(using: &random) { network = again }
            network.number = step
            try reference.add(network.key, "\(step)")
            model.append(network)
        }
        for step in 0..<Int.random(in: 0...400, using: &random) { try add(-1 - step) }
        let index = try PatternIndex(reference, method: .ip)
        for step in 0..<1500 {
            if step % 4 == 3, let old = model.randomElement(using: &random) {
                #expect(reference.delete(Array(old.key.utf8)))
                model.remove(at: model.firstIndex { $0.key == old.key }!)
            } else {
                try add(step)
            }
            guard step % 3 == 0 else { continue }
            var asked = random.address(width)
            if let inside = model.randomElement(using: &random), step % 2 == 0 { asked = inside.someAddress(asked) }
            let holding = model.filter { $0.holds(asked) }
            let longest = holding.map(\.bits).max()
            let expected = holding.first { $0.bits == longest }
            let match =
                family == 4
                ? index.lookup.match(ipv4: UInt32(asked >> 96))
                : index.lookup.match(ipv6: UInt64(asked >> 64), UInt64(truncatingIfNeeded: asked))
            if match?.valueText != expected.map({ Array("\($0.number)".utf8) }) {
                Issue.record("seed \(seed), step \(step), \(String(asked, radix: 16)), not \(expected?.key ?? "none")")
            }
        }
        for old in model.shuffled(using: &random) { #expect(reference.delete(Array(old.key.utf8))) }
        #expect(index.lookup.match(ipv4: 0x0a00_0001) == nil && index.lookup.match(ipv6: 1, 1) == nil)
    }

    /// The same texts are IPv4 addresses as for inet_pton(3), and mean the same.
    @Test(arguments: seeds)
    func addressesAreReadAsTheSystemReadsThem(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for round in 0..<5000 {
            let parts = (0..<4).map { _ in "\(Int.random(in: 0...round % 300, using: &random))" }
            var text = Array(parts.joined(separator: ".").utf8)
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                let place = Int.random(in: 0...text.count, using: &random)
                let byte = Array("0123456789.. -a".utf8).randomElement(using: &random)!
                if place < text.count && random.next() % 2 == 0 {
                    text[place] = byte
                } else {
                    text.insert(byte, at: place)
                }
            }
            var address = in_addr()
            let isAddress = unsafe inet_pton(AF_INET, String(decoding: text, as: UTF8.self), &address) == 1
            let reference = PatternReference(name: "list", source: .virtual, epochs: Epochs())
            let index = try PatternIndex(reference, method: .ip)
            let isTaken = (try? reference.add(key: text.span)) != nil
            let isFound = index.lookup.match(ipv4: UInt32(bigEndian: address.s_addr)) != nil
            if isTaken != isAddress || isFound != isAddress {
                Issue.record("seed \(seed): '\(String(decoding: text, as: UTF8.self))' is an address: \(isAddress)")
            }
        }
    }
}

/// A network of the plain list; its address in the highest bits.
private struct Network {
    let address: UInt128
    var bits: Int
    let width: Int
    var number = 0

    init(_ address: UInt128, bits: Int, width: Int) {
        self.address = address
        self.bits = bits
        self.width = width
    }

    private var mask: UInt128 { bits == 0 ? 0 : .max << UInt128(128 - bits) }

    func holds(_ other: UInt128) -> Bool { (address ^ other) & mask == 0 }

    /// An address in the network, with the other bits of `other`.
    func someAddress(_ other: UInt128) -> UInt128 {
        (address & mask | other & ~mask) & (width == 32 ? .max << 96 : .max)
    }

    /// As it stands in a file: with the bits behind the mask as they are.
    var key: String {
        if width == 32 {
            return (0..<4).map { "\(address >> UInt128(120 - 8 * $0) & 255)" }.joined(separator: ".") + "/\(bits)"
        }
        let groups = (0..<8).map { String(address >> UInt128(112 - 16 * $0) & 0xffff, radix: 16) }
        return groups.joined(separator: ":") + "/\(bits)"
    }
}

extension SeededRandom {
    /// An address in one of a few networks, in the highest `width` bits. No IPv6 one holds an IPv4 one.
    fileprivate mutating func address(_ width: Int) -> UInt128 {
        var value = UInt128(next()) << 64 | UInt128(next())
        let shared = [8, 16, 24, 32, 40, 60].randomElement(using: &self)!
        let mask = UInt128.max << UInt128(128 - shared)
        value = UInt128(0x2a00_1450) << 96 & mask | value & ~mask
        if width == 32 { return value & (.max << 96) }
        return value & (.max >> 4) | 0x2 << 124
    }
}
