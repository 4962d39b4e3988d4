import Bytes
import Patterns
import Testing

/// Versions, names, files and the registry.
@Suite struct PatternReferenceTests {
    private let epochs = Epochs()

    private func makeMap(_ text: String = "") throws -> (PatternReference, PatternIndex) {
        let reference = PatternReference(name: "test.map", source: .virtual, hasValues: true, epochs: epochs)
        let index = try PatternIndex(reference, method: .str, values: .text)
        let bytes = Array(text.utf8)
        try reference.load(bytes.span)
        return (reference, index)
    }

    private func value(_ index: PatternIndex, _ key: String) -> String? {
        let bytes = Array(key.utf8)
        return index.lookup.match(bytes.span).map { String(decoding: $0.valueText, as: UTF8.self) }
    }

    /// Every entry as `key=value`.
    private func shown(_ reference: PatternReference, version: UInt32? = nil) -> [String]? {
        guard let cursor = reference.entries(version: version) else { return nil }
        var lines: [String] = []
        while cursor.next({ _, key, value in
            lines.append(String(decoding: key.array + [0x3d] + (value?.array ?? []), as: UTF8.self))
        }) {}
        return lines
    }

    @Test func versionsAsInHAProxy() throws {
        let (reference, index) = try makeMap("a 1\nb 2\n")
        #expect(reference.prepare() == 1)
        try reference.add("n", "3", version: 1)
        #expect(value(index, "n") == nil && value(index, "a") == "1")
        #expect(shown(reference, version: 1) == ["n=3"])
        #expect(!reference.isKnown(2) && reference.isKnown(1) && reference.isKnown(0))
        #expect(!reference.commit(version: 2))
        #expect(reference.commit(version: 1))
        #expect(value(index, "n") == "3" && value(index, "a") == nil)
        #expect(!reference.commit(version: 1) && !reference.commit(version: 0))
        // Entries put into an old version are not seen, and go with the next commit.
        try reference.add("old", "1", version: 0)
        #expect(value(index, "old") == nil && shown(reference, version: 0) == ["old=1"])
        #expect(reference.prepare() == 2 && reference.prepare() == 3)
        try reference.add("two", "2", version: 2)
        try reference.add("three", "3", version: 3)
        #expect(reference.commit(version: 3))
        #expect(shown(reference, version: 2) == nil && shown(reference, version: 0) == nil)
        #expect(shown(reference) == ["three=3"])
        #expect(reference.currentVersion == 3 && reference.nextVersion == 3)
        reference.clear()
        #expect(shown(reference) == [] && value(index, "three") == nil && reference.entryCount == 0)
        // A version without entries empties the list.
        try reference.add("x", "1")
        #expect(reference.commit(version: reference.prepare()))
        #expect(shown(reference) == [])
    }

    @Test func clearingAVersionLeavesTheOthers() throws {
        let (reference, index) = try makeMap("a 1\n")
        let version = reference.prepare()
        try reference.add("n", "3", version: version)
        reference.clear(version: version)
        #expect(shown(reference, version: version) == nil && value(index, "a") == "1")
    }

    @Test func valuesOfAllDuplicatesChangeAndTheOldestGoes() throws {
        let (reference, index) = try makeMap("dup 1\ndup 2\nk 3\n")
        let (dup, three) = (Array("dup".utf8), Array("3".utf8))
        try reference.set(dup, three)
        #expect(shown(reference) == ["dup=3", "dup=3", "k=3"])
        #expect(reference.delete(dup))
        #expect(shown(reference) == ["dup=3", "k=3"] && value(index, "dup") == "3")
        #expect(reference.delete(dup) && !reference.delete(dup) && value(index, "dup") == nil)
        let other = Array("other".utf8)
        #expect(throws: PatternError("entry not found")) { try reference.set(other, three) }
    }

    @Test func entriesByName() throws {
        let (reference, index) = try makeMap("a 1\na 2\nb 3\n")
        var names: [UInt64] = []
        let cursor = try #require(reference.entries())
        while cursor.next({ name, _, _ in names.append(name) }) {}
        #expect(Set(names).count == 3)
        let nine = Array("9".utf8)
        try reference.set(names[1], nine)
        #expect(shown(reference) == ["a=1", "a=9", "b=3"])
        #expect(reference.delete(named: names[0]) && value(index, "a") == "9")
        #expect(!reference.delete(named: names[0]))
        // The place is used again, under another name.
        try reference.add("c", "4")
        #expect(!reference.delete(named: names[0]) && shown(reference) == ["a=9", "b=3", "c=4"])
        for wrong in [0, 1, 0x12, UInt64.max, names[1] + 7] {
            #expect(throws: PatternError("key or pattern not found")) { try reference.set(wrong, nine) }
        }
        // Names of a version that is gone mean nothing.
        reference.clear()
        #expect(!reference.delete(named: names[2]))
    }

    @Test func aCursorStaysGoodWhileEntriesGo() throws {
        let (reference, _) = try makeMap("a 1\nb 2\nc 3\nd 4\n")
        let cursor = try #require(reference.entries())
        var keys: [String] = []
        func step() -> Bool { cursor.next { _, key, _ in keys.append(String(decoding: key.array, as: UTF8.self)) } }
        #expect(step())
        #expect(reference.delete(Array("b".utf8)) && reference.delete(Array("a".utf8)))
        #expect(step())
        try reference.add("e", "5")
        reference.clear()
        while step() {}
        #expect(keys == ["a", "c", "d", "e"])
    }

    @Test func aRefusedEntryIsNowhere() throws {
        let reference = PatternReference(name: "x", source: .virtual, hasValues: true, epochs: epochs)
        let text = try PatternIndex(reference, method: .str, values: .text)
        _ = try PatternIndex(reference, method: .int, values: .number)
        #expect(throws: PatternError("'a' is not a number")) { try reference.add("a", "1") }
        #expect(throws: PatternError("unable to parse 'x'")) { try reference.add("1", "x") }
        #expect(value(text, "a") == nil && value(text, "1") == nil && shown(reference) == [])
        try reference.add("1", "7")
        let wrong = Array("x".utf8)
        let key = Array("1".utf8)
        #expect(throws: PatternError("unable to parse 'x'")) { try reference.set(key, wrong) }
        #expect(value(text, "1") == "7" && reference.entryCount == 2)
    }

    @Test func anIndexThatComesLaterFindsWhatIsThere() throws {
        let (reference, _) = try makeMap("/a 1\n/b x\n")
        let later = try PatternIndex(reference, method: .beg, values: .text)
        #expect(value(later, "/ab") == "1")
        #expect(throws: PatternError("unable to parse 'x' at line 2 of file 'test.map'")) {
            try PatternIndex(reference, method: .str, values: .number)
        }
        #expect(throws: PatternError("'/a' is not a number at line 1 of file 'test.map'")) {
            try PatternIndex(reference, method: .int, values: .text)
        }
    }

    @Test func filesAsInHAProxy() throws {
        let table: [(text: String, hasValues: Bool, entries: [String])] = [
            ("# comment\n\n  a  b c \t\r\n\td\t\n", true, ["a=b c", "d="]),
            ("a b c\n  d \n#x\n # y\n", false, ["a b c=", "d =", "# y="]),
            ("last line", true, ["last=line"]), ("", true, []), ("\n\n \t \n\r\n", false, []),
            ("a 1\r\nb 2\r\n", true, ["a=1", "b=2"]), ("k v\0w\n", true, ["k=v"]),
        ]
        for (text, hasValues, entries) in table {
            let reference = PatternReference(name: "x", source: .virtual, hasValues: hasValues, epochs: epochs)
            let bytes = Array(text.utf8)
            let count = try reference.load(bytes.span)
            #expect(count == entries.count)
            #expect(shown(reference) == entries, "for \(text)")
        }
    }

    @Test func theRegistryKnowsFilesByName() throws {
        let registry = PatternRegistry()
        let (one, isNew) = try registry.reference("file@/a", hasValues: true, uses: .map, file: "x.cfg", line: 3)
        #expect(isNew && one.name == "/a")
        let (same, isNewToo) = try registry.reference("/a", hasValues: true, uses: .map, file: "x.cfg", line: 5)
        #expect(same === one && !isNewToo)
        #expect(
            one.display
                == "pattern loaded from file 'file@/a' used by map at file 'x.cfg' line 3, by map at file 'x.cfg' line 5"
        )
        #expect(
            throws: PatternError(
                "The file \"/a\" is already used as two column file and cannot be used by as one column file.")
        ) { try registry.reference("/a", hasValues: false, uses: .acl, file: "x.cfg", line: 6) }
        let (optional, _) = try registry.reference("opt@/b", hasValues: false, uses: .acl, file: "x.cfg", line: 7)
        #expect(optional.name == "/b" && optional.source == .file(isOptional: true))
        let (virtual, _) = try registry.reference("virt@c", hasValues: false, uses: .acl, file: "x.cfg", line: 8)
        #expect(virtual.name == "virt@c" && virtual.source == .virtual)
        let numbered = try registry.inlineReference(id: 1, keyword: "path", file: "x.cfg", line: 9)
        #expect(throws: PatternError("the id is already used")) {
            try registry.inlineReference(id: 1, keyword: "path", file: "x.cfg", line: 10)
        }
        let inline = try registry.inlineReference(keyword: "path", file: "x.cfg", line: 11)
        #expect(inline.display == "acl 'path' file 'x.cfg' line 11")
        registry.assignNumbers()
        #expect(registry.references.map(\.id) == [0, 1, 2, 3, 4])
        #expect(registry.find("#1") === numbered && registry.find("#4") === inline && registry.find("#0") === one)
        #expect(registry.find("opt@/b") === optional && registry.find("/b") === optional)
        #expect(registry.find("virt@c") === virtual && registry.find("#9") == nil && registry.find("#x") == nil)
        #expect(registry.find("") == nil && registry.find("/c") == nil)
    }
}
