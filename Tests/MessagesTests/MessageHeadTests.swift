import Messages
import Testing

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

@Suite("Message heads") struct MessageHeadTests {
    @Test("Every known name finds its own token, other names none") func tokens() {
        for name in FieldName.allCases where name != .other {
            #expect(FieldName(Span(name.text)) == name)
        }
        for name in ["", "x", "hosts", "hos", "content-lengti", "x-forwarded-for-and-much-longer-than-any"] {
            #expect(FieldName(bytes(name).span) == .other)
        }
    }

    @Test("Fields are found, replaced and removed; names come in lower case") func fields() throws {
        let head = MessageHead(.request)
        try head.setMethod(bytes("GET").span)
        try head.setPath(bytes("/a?b").span)
        try head.append(name: bytes("Host").span, bytes("a.test").span)
        try head.append(name: bytes("X-One").span, bytes("1").span)
        try head.append(.cookie, bytes("a=b").span)
        try head.append(.cookie, bytes("c=d").span)
        #expect(head.method == .get)
        #expect(head.path.string == "/a?b")
        #expect(head.fieldCount == 4)
        #expect(head.name(at: 0) == .host)
        #expect(head.nameText(at: 1).string == "x-one")
        #expect(head.count(.cookie) == 2)
        try head.replaceValue(at: 1, bytes("two").span)
        #expect(head.value(at: 1).string == "two")
        #expect(head.removeAll(.cookie))
        #expect(!head.removeAll(.cookie))
        head.remove(at: 0)
        #expect(head.fieldCount == 1)
        #expect(head.nameText(at: 0).string == "x-one")
    }

    @Test("Limits are kept") func limits() throws {
        let head = MessageHead(.request, byteLimit: 64, fieldLimit: 2)
        #expect(throws: MessageError.headTooLarge) { try head.setPath([UInt8](repeating: 47, count: 65).span) }
        try head.append(.te, bytes("a").span)
        try head.append(.te, bytes("b").span)
        #expect(throws: MessageError.tooManyFields) { try head.append(.te, bytes("c").span) }
    }

    @Test("Storage grows and keeps what it holds") func growth() throws {
        let head = MessageHead(.response, byteLimit: 100_000, fieldLimit: 1000)
        for index in 0..<500 { try head.append(name: bytes("x-\(index)").span, bytes("value \(index)").span) }
        for index in 0..<500 {
            #expect(head.nameText(at: index).string == "x-\(index)")
            #expect(head.value(at: index).string == "value \(index)")
        }
    }

    @Test("A name leads to its fields, whatever else came and went", arguments: [1, 2, 3] as [UInt64])
    func index(seed: UInt64) throws {
        var state = seed
        func random(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }
        // Few names of few letters, so that some share what the head keeps of them.
        let names = ["host", "cookie", "via", "x-a", "x-b", "ax-", "x-team", "x-teem", "tea", "te", "x"].map(bytes)
        for _ in 0..<50 {
            let head = MessageHead(.request)
            var plain: [[UInt8]] = []
            for _ in 0..<random(40) {
                let name = names[random(names.count)]
                if random(4) > 0 {
                    try head.append(name: name.span, bytes("v").span)
                    plain.append(name)
                } else if random(2) == 0 {
                    head.removeAll(named: name.span)
                    plain.removeAll { $0 == name }
                } else if !plain.isEmpty {
                    let place = random(plain.count)
                    head.remove(at: place)
                    plain.remove(at: place)
                }
                for name in names {
                    let token = FieldName(name.span)
                    let found = plain.indices.filter { plain[$0] == name }
                    var places: [Int] = []
                    var start = 0
                    while let place = head.index(of: token, name.span, from: start) {
                        places.append(place)
                        start = place + 1
                    }
                    #expect(places == found)
                    guard token != .other else { continue }
                    #expect(head.first(token) == found.first)
                    #expect(head.count(token) == found.count)
                }
            }
            head.reset(.request)
            for name in names { #expect(head.index(of: FieldName(name.span), name.span) == nil) }
        }
    }

    @Test("A byte is found from a place on") func firstIndex() {
        let text = bytes("a,b,,c")
        #expect(text.span.firstIndex(of: 0x2c) == 1)
        #expect(text.span.firstIndex(of: 0x2c, from: 2) == 3)
        #expect(text.span.firstIndex(of: 0x2c, from: 5) == 6)
        #expect(text.span.firstIndex(of: 0x2c, from: 6) == 6)
        #expect(text.span.firstIndex(of: 0x7a) == 6)
        #expect(bytes("").span.firstIndex(of: 0x2c) == 0)
    }

    @Test("A field's value may be another one's text, also when the head's memory moves", arguments: [900, 1000, 1020])
    func ownValue(filled: Int) throws {
        let head = MessageHead(.request)
        let value = String(repeating: "v", count: filled)
        let name = "x-\(String(repeating: "n", count: 200))"
        try head.append(.via, bytes(value).span)
        try head.append(lowercased: bytes(name).span, token: .other, head.value(at: 0))
        try head.append(name: head.nameText(at: 1), head.value(at: 1))
        #expect(head.fieldCount == 3)
        for index in 0..<3 { #expect(head.value(at: index).string == value) }
        for index in 1..<3 { #expect(head.nameText(at: index).string == name) }
    }

    @Test("A name that the proxy knows takes no room") func knownName() throws {
        let head = MessageHead(.request)
        try head.append(name: bytes("X-Forwarded-For").span, bytes("::1").span)
        #expect(head.byteCount == 3)
        #expect(head.nameText(at: 0).string == "x-forwarded-for")
        #expect(head.value(at: 0).string == "::1")
    }
}
