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
}
