import Bytes
import Patterns
import Testing

/// Every structure against a plain list, with random patterns, values and changes.
@Suite struct PropertyTests {
    static let textMethods: [MatchMethod] = [.str, .beg, .end, .sub, .dir, .dom]
    static let seeds: [UInt64] = (0..<6).map { _ in .random(in: 0 ... .max) }

    @Test(arguments: textMethods, seeds)
    func textsMatchAsInAPlainList(method: MatchMethod, seed: UInt64) throws {
        for ignoringCase in [false, true] {
            var random = SeededRandom(seed: seed)
            let alphabet = seed % 2 == 0 ? "aAb/.?:" : "abcdefghijklmnopqrstuvwxyzABC/."
            let epochs = Epochs()
            let reference = PatternReference(name: "list", source: .virtual, hasValues: true, epochs: epochs)
            let index = try PatternIndex(reference, method: method, ignoringCase: ignoringCase)
            var model = PlainList()
            for step in 0..<500 {
                let key = random.text(alphabet, upTo: step % 3 == 0 ? 12 : 4)
                switch Int.random(in: 0..<10, using: &random) {
                case 0...5:
                    let value = Array("\(step)".utf8)
                    try reference.add(key: key.span, value: value.span)
                    model.add(key, value)
                case 6...7: #expect(reference.delete(key) == model.delete(key))
                case 8:
                    let value = Array("set\(step)".utf8)
                    let wasThere = (try? reference.set(key: key.span, value: value.span)) != nil
                    #expect(wasThere == model.set(key, value))
                default:
                    // The one that is there is found more often than a random one.
                    if let some = model.entries.randomElement(using: &random) {
                        #expect(reference.delete(some.key) && model.delete(some.key))
                    }
                }
                let text = random.text(alphabet, upTo: 12)
                let expected = model.match(text, method, ignoringCase: ignoringCase)
                let match = index.lookup.match(text.span)
                if match?.keyText != expected?.key || match?.valueText != expected?.value {
                    Issue.record(
                        "seed \(seed), step \(step), -i \(ignoringCase), \(String(decoding: text, as: UTF8.self))")
                }
            }
            #expect(reference.entryCount == model.entries.count)
            // What is left is what the list shows, in its order.
            var shown: [[UInt8]] = []
            let cursor = try #require(reference.entries())
            while cursor.next({ _, key, _ in shown.append(key.array) }) {}
            #expect(shown == model.entries.map(\.key), "seed \(seed)")
        }
    }

    @Test(arguments: seeds)
    func numbersMatchAsInAPlainList(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let reference = PatternReference(name: "list", source: .virtual, epochs: Epochs())
        let index = try PatternIndex(reference, method: .int)
        var model: [(key: String, range: ClosedRange<Int64>)] = []
        for step in 0..<500 {
            let limit: Int64 = step % 4 == 0 ? .max : 300
            let a = Int64.random(in: 0...limit, using: &random)
            let b = Int64.random(in: a...limit, using: &random)
            let (key, range): (String, ClosedRange<Int64>) =
                switch Int.random(in: 0..<6, using: &random) {
                case 0, 1: ("\(a)", a...a)
                case 2: ("\(a):\(b)", a...b)
                case 3: ("\(a)-\(b)", a...b)
                case 4: (":\(a)", .min...a)
                default: ("\(a):", a ... .max)
                }
            if model.count > 40 || step % 3 == 2, let old = model.randomElement(using: &random) {
                #expect(reference.delete(Array(old.key.utf8)))
                model.remove(at: model.firstIndex { $0.key == old.key }!)
            } else {
                try reference.add(key)
                model.append((key, range))
            }
            for value in [a, b, a &- 1, b &+ 1, 0, -1, .min, .max, Int64.random(in: -5...305, using: &random)] {
                let expected = model.first { $0.range.contains(value) }
                if index.lookup.match(number: value)?.keyText != expected.map({ Array($0.key.utf8) }) {
                    Issue.record("seed \(seed), step \(step), \(value)")
                }
            }
        }
    }

    @Test(arguments: seeds)
    func addressesMatchAsInAPlainList(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let reference = PatternReference(name: "list", source: .virtual, epochs: Epochs())
        let index = try PatternIndex(reference, method: .ip)
        var v4: [(key: String, address: UInt32, bits: Int)] = []
        var v6: [(key: String, high: UInt64, low: UInt64, bits: Int)] = []
        func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : .max << UInt64(64 - min(bits, 64)) }
        for step in 0..<500 {
            // Few different bits, so that networks lie in each other.
            let address = UInt32.random(in: 0...3, using: &random) << 30 | UInt32.random(in: 0...7, using: &random)
            let high = UInt64.random(in: 0...1, using: &random) << 63 | UInt64.random(in: 0...1, using: &random)
            let low = UInt64.random(in: 0...1, using: &random) << 63 | UInt64.random(in: 0...3, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                let bits = Int.random(in: 0...32, using: &random)
                let key = "\(dotted(address))/\(bits)"
                try reference.add(key)
                v4.append((key, address, bits))
            case 2, 3:
                let bits = Int.random(in: 0...128, using: &random)
                let key = "\(groups(high, low))/\(bits)"
                try reference.add(key)
                v6.append((key, high, low, bits))
            case 4:
                guard let old = v4.randomElement(using: &random) else { break }
                #expect(reference.delete(Array(old.key.utf8)))
                v4.remove(at: v4.firstIndex { $0.key == old.key }!)
            default:
                guard let old = v6.randomElement(using: &random) else { break }
                #expect(reference.delete(Array(old.key.utf8)))
                v6.remove(at: v6.firstIndex { $0.key == old.key }!)
            }
            func longest4(_ value: UInt32) -> String? {
                let all = v4.filter { UInt64($0.address ^ value) << 32 & mask($0.bits) == 0 }
                let most = all.map(\.bits).max()
                return all.first { $0.bits == most }?.key
            }
            func longest6(_ first: UInt64, _ second: UInt64) -> String? {
                let all = v6.filter {
                    ($0.high ^ first) & mask($0.bits) == 0 && ($0.low ^ second) & mask($0.bits - 64) == 0
                }
                let most = all.map(\.bits).max()
                return all.first { $0.bits == most }?.key
            }
            let mapped = 0xffff << 32 | UInt64(address)
            let embedded = high == 0 && low >> 32 == 0 ? UInt32(low) : nil
            let found = [
                index.lookup.match(ipv4: address)?.keyText, index.lookup.match(ipv6: high, low)?.keyText,
                index.lookup.match(ipv6: 0, mapped)?.keyText,
            ]
            let expected = [
                longest4(address) ?? longest6(0, mapped), longest6(high, low) ?? embedded.flatMap(longest4),
                longest6(0, mapped) ?? longest4(address),
            ]
            if found != expected.map({ $0.map { Array($0.utf8) } }) {
                Issue.record("seed \(seed), step \(step), \(address), \(groups(high, low)): not \(expected)")
            }
        }
    }

    private func dotted(_ value: UInt32) -> String {
        "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)"
    }

    private func groups(_ high: UInt64, _ low: UInt64) -> String {
        [high, low].flatMap { half in (0..<4).map { String(half >> UInt64(48 - 16 * $0) & 0xffff, radix: 16) } }
            .joined(separator: ":")
    }
}

// #expect cannot hold spans.
extension PatternReference {
    func delete(_ key: [UInt8]) -> Bool { delete(key: key.span) }
    func findings(_ text: [UInt8]) -> [PatternFinding] { findings(for: text.span) }
    func set(_ key: [UInt8], _ value: [UInt8]) throws { try set(key: key.span, value: value.span) }
    func set(_ name: UInt64, _ value: [UInt8]) throws { try set(named: name, value: value.span) }
}

extension PatternLookup {
    func match(_ bytes: [UInt8]) -> PatternMatch? { match(bytes.span) }
    func matchWithCaptures(_ bytes: [UInt8]) -> (match: PatternMatch, captures: RegexCaptures)? {
        matchWithCaptures(bytes.span)
    }
}

extension PCRE2Expression {
    func matches(_ bytes: [UInt8]) -> Bool { matches(bytes.span) }
}

extension PatternMatch {
    var keyText: [UInt8] { key.array }
    var valueText: [UInt8] { value.array }
}

extension Span<UInt8> {
    var array: [UInt8] { indices.map { self[$0] } }
}
