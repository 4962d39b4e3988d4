import Bytes
import Patterns

extension FuzzTarget {
    /// Files of patterns, with and without values. What is shown of a list, written as a file, is the same list; and a
    /// text that has all keys of a list in it never makes a lookup fall over.
    static let patternFile = FuzzTarget("pattern-file", "lists of ACLs and maps", weight: 4) { input in
        for hasValues in [false, true] {
            let epochs = Epochs()
            let reference = PatternReference(name: "fuzz", source: .virtual, hasValues: hasValues, epochs: epochs)
            // Every method that takes any text, and two that refuse most.
            let methods: [MatchMethod] = [.str, .beg, .end, .sub, .dir, .dom]
            let indexes = methods.compactMap {
                try? PatternIndex(reference, method: $0, ignoringCase: input.count % 2 == 0)
            }
            guard let count = try? reference.load(input) else { fatalError("broken promise: plain text is taken") }
            for index in indexes { _ = index.lookup.match(input) }
            var text: [UInt8] = []
            var keys: [[UInt8]] = []
            guard let cursor = reference.entries() else { return }
            while cursor.next({ _, key, value in
                keys.append(key.indices.map { key[$0] })
                text += keys[keys.count - 1]
                if let value, hasValues {
                    text.append(0x20)
                    for place in value.indices { text.append(value[place]) }
                }
                text.append(0x0a)
            }) {}
            promise(keys.count == count, "\(count) entries are loaded, \(keys.count) are shown")
            // The same text, its beginning, its end and a part of it.
            for key in keys {
                for index in indexes[..<4] { promise(index.lookup.match(key.span) != nil, "a key is not found") }
            }
            // Only a key that begins with # reads as a comment there, after blanks it does not here.
            guard !keys.contains(where: { $0.first == UInt8(ascii: "#") }) else { continue }
            let again = PatternReference(name: "again", source: .virtual, hasValues: hasValues, epochs: epochs)
            promise((try? again.load(text.span)) == count, "a list is not read back")
            for key in keys { promise(reference.delete(key: key.span), "a key cannot be deleted") }
            promise(reference.entryCount == 0, "deleted entries are left")
            for method in [MatchMethod.int, .ip, .bin, .reg, .version] {
                let picky = PatternReference(name: "picky", source: .virtual, hasValues: hasValues, epochs: epochs)
                guard let index = try? PatternIndex(picky, method: method) else { continue }
                _ = try? picky.load(input)
                _ = index.lookup.match(input)
                _ = index.lookup.match(number: Int64(input.count))
                _ = index.lookup.match(ipv4: UInt32(truncatingIfNeeded: input.count))
            }
        }
    }
}
