import Bytes

/// A place in a head's storage.
public struct HeadRange: Sendable, Equatable {
    public var start: UInt32
    public var count: UInt32

    public init(start: UInt32, count: UInt32) {
        self.start = start
        self.count = count
    }

    public static let empty = HeadRange(start: 0, count: 0)
    public var isEmpty: Bool { count == 0 }
}

/// The head of a request or a response, or a trailer section, in a form that all HTTP versions share (RFC 9110
/// section 6). One buffer holds all text; start line and fields are places in it, and well-known names are tokens.
/// Field names are in lower case. A head belongs to one worker; ``HeadPool`` gives it out again after use.
@safe public final class MessageHead {
    /// What the head belongs to.
    public enum Kind: UInt8, Sendable { case request, response, trailers }

    public var kind: Kind
    public var version: HTTPVersion = .http11
    public var bodyLength: BodyLength = .none

    /// Request: the method; its text is ``methodText``.
    public var method: Method = .get
    /// Request: true when it came as an extended CONNECT (RFC 8441, RFC 9220). Like any upgrade it stands here as `GET`
    /// with ``upgradeProtocol``, so that rules and logs see one form.
    public var isExtendedConnect = false
    /// Response: the status code, 100...599.
    public var status = 0

    var methodRange = HeadRange.empty
    var schemeRange = HeadRange.empty
    var authorityRange = HeadRange.empty
    var pathRange = HeadRange.empty
    var upgradeRange = HeadRange.empty
    var reasonRange = HeadRange.empty

    struct Field {
        var name: FieldName
        var nameCount: UInt16
        var nameStart: UInt32
        var valueStart: UInt32
        var valueCount: UInt32
    }

    private var storage: UnsafeMutablePointer<UInt8>
    /// Storage that a growing step replaced: bytes to be stored may still lie in it.
    private var outgrown: UnsafeMutablePointer<UInt8>?
    private var capacity: Int
    private var used = 0
    private var fields: UnsafeMutablePointer<Field>
    private var fieldCapacity: Int
    /// Fields in the head.
    public private(set) var fieldCount = 0
    /// The names that the head has or had: a bit for each token, and one of 64 for the text of each other name. So most
    /// questions for a field that is not there need no look at the fields.
    private var tokens: UInt64 = 0
    private var otherNames: UInt64 = 0
    /// Bytes that the head's text may take.
    public var byteLimit: Int
    /// Fields that the head may have.
    public var fieldLimit: Int

    /// - Parameters:
    ///   - byteLimit: bytes that the text may take: `tune.bufsize`.
    ///   - fieldLimit: fields that the head may have: `tune.http.maxhdr`.
    public init(_ kind: Kind, byteLimit: Int = 16_384, fieldLimit: Int = 101) {
        self.kind = kind
        self.byteLimit = byteLimit
        self.fieldLimit = fieldLimit
        unsafe outgrown = nil
        capacity = 1024
        unsafe storage = .allocate(capacity: capacity)
        fieldCapacity = 24
        unsafe fields = .allocate(capacity: fieldCapacity)
    }

    deinit {
        unsafe storage.deallocate()
        unsafe fields.deallocate()
    }

    /// Empties the head for another message.
    public func reset(_ kind: Kind) {
        self.kind = kind
        version = .http11
        bodyLength = .none
        method = .get
        isExtendedConnect = false
        status = 0
        methodRange = .empty
        schemeRange = .empty
        authorityRange = .empty
        pathRange = .empty
        upgradeRange = .empty
        reasonRange = .empty
        used = 0
        fieldCount = 0
        tokens = 0
        otherNames = 0
    }

    /// The head is in a pool: nobody may look at its text.
    func closeMemory() {
        unsafe SpareMemory.close(storage, capacity)
        unsafe SpareMemory.close(fields, fieldCapacity * MemoryLayout<Field>.stride)
    }

    /// The head is in use again.
    func openMemory() {
        unsafe SpareMemory.open(storage, capacity)
        unsafe SpareMemory.open(fields, fieldCapacity * MemoryLayout<Field>.stride)
    }

    /// Bytes of text in the head, those of replaced values included.
    public var byteCount: Int { used }

    /// The text at `range`.
    @_lifetime(borrow self)
    public func text(_ range: HeadRange) -> Span<UInt8> {
        let start = min(Int(range.start), used)
        let count = min(Int(range.count), used - start)
        return unsafe _overrideLifetime(Span(_unsafeStart: storage + start, count: count), borrowing: self)
    }

    /// Copies `bytes` into the head. They may be a part of the head's own text.
    public func store(_ bytes: Span<UInt8>) throws(MessageError) -> HeadRange {
        let place = try reserve(bytes.count)
        unsafe bytes.withUnsafeBufferPointer { source in
            if let base = source.baseAddress {
                unsafe (storage + Int(place.start)).update(from: base, count: place.count.asInt)
            }
        }
        unsafe releaseOutgrown()
        return place
    }

    /// Copies `bytes` into the head with ASCII letters in lower case. They may be a part of the head's own text.
    public func storeLowercased(_ bytes: Span<UInt8>) throws(MessageError) -> HeadRange {
        let place = try reserve(bytes.count)
        let target = unsafe storage + Int(place.start)
        for index in bytes.indices { unsafe target[index] = bytes[index].asciiLowercased }
        unsafe releaseOutgrown()
        return place
    }

    /// Gives back the storage that ``reserve(_:)`` replaced, once nobody copies from it any more.
    @unsafe private func releaseOutgrown() {
        guard let old = unsafe outgrown else { return }
        unsafe old.deallocate()
        unsafe outgrown = nil
    }

    private func reserve(_ count: Int) throws(MessageError) -> HeadRange {
        let (end, overflow) = used.addingReportingOverflow(count)
        guard !overflow, end <= byteLimit else { throw .headTooLarge }
        if end > capacity || SpareMemory.movesTexts {
            let larger = min(max(end, capacity * 2), max(byteLimit, end))
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
            unsafe copy.update(from: storage, count: used)
            unsafe outgrown = storage
            unsafe storage = copy
            capacity = larger
        }
        let place = HeadRange(start: UInt32(used), count: UInt32(count))
        used = end
        return place
    }

    /// Adds a field at the end. `name` is a well-known one.
    public func append(_ name: FieldName, _ value: Span<UInt8>) throws(MessageError) {
        let place = try store(value)
        try add(Field(name: name, nameCount: 0, nameStart: 0, valueStart: place.start, valueCount: place.count))
    }

    /// Adds a field at the end. `name` is turned to lower case; names over 65,535 bytes are too large.
    public func append(name: Span<UInt8>, _ value: Span<UInt8>) throws(MessageError) {
        guard name.count <= Int(UInt16.max) else { throw .headTooLarge }
        let place = try storeValue(value, andName: name)
        let start = place.start.asInt + value.count
        lowercase(start, name.count)
        let token = FieldName(text(HeadRange(start: UInt32(start), count: UInt32(name.count))))
        guard token == .other else {
            used = start
            return try add(
                Field(
                    name: token, nameCount: 0, nameStart: 0, valueStart: place.start,
                    valueCount: UInt32(value.count)))
        }
        try add(
            Field(
                name: .other, nameCount: UInt16(name.count), nameStart: UInt32(start), valueStart: place.start,
                valueCount: UInt32(value.count)))
    }

    /// Copies both into the head, the name behind the value. They may be parts of the head's own text.
    private func storeValue(_ value: Span<UInt8>, andName name: Span<UInt8>) throws(MessageError) -> HeadRange {
        let place = try reserve(value.count + name.count)
        let start = unsafe storage + place.start.asInt
        unsafe value.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { unsafe start.update(from: base, count: source.count) }
        }
        unsafe name.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { unsafe (start + value.count).update(from: base, count: source.count) }
        }
        unsafe releaseOutgrown()
        return place
    }

    /// Adds a field at the end whose name is in lower case already and has the token `token`.
    public func append(lowercased name: Span<UInt8>, token: FieldName, _ value: Span<UInt8>) throws(MessageError) {
        if token != .other { return try append(token, value) }
        guard name.count <= Int(UInt16.max) else { throw .headTooLarge }
        let place = try storeValue(value, andName: name)
        try add(
            Field(
                name: .other, nameCount: UInt16(name.count), nameStart: place.start + UInt32(value.count),
                valueStart: place.start, valueCount: UInt32(value.count)))
    }

    /// Adds a field whose name and value lie in the head already: parsers that store a whole head at once. The name is
    /// turned to lower case where it lies. Returns its token.
    @discardableResult
    public func appendStored(name: HeadRange, value: HeadRange) throws(MessageError) -> FieldName {
        guard name.count <= UInt32(UInt16.max) else { throw .headTooLarge }
        let start = min(name.start.asInt, used)
        let count = min(name.count.asInt, used - start)
        lowercase(start, count)
        let token = FieldName(text(name))
        try add(
            Field(
                name: token, nameCount: UInt16(count), nameStart: UInt32(start), valueStart: value.start,
                valueCount: value.count))
        return token
    }

    /// Turns stored bytes to lower case, eight at a time: a letter of A to Z has a byte without the top bit that is 0x41
    /// or more, and not 0x5b or more.
    private func lowercase(_ start: Int, _ count: Int) {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        let end = start + count
        var index = start
        while index &+ 8 <= end {
            let place = unsafe UnsafeMutableRawPointer(storage + index)
            let word = unsafe place.loadUnaligned(as: UInt64.self)
            let low = word & ~tops
            let letters = (low &+ ones &* 0x3f) & ~(low &+ ones &* 0x25) & ~word & tops
            unsafe place.storeBytes(of: word | letters >> 2, as: UInt64.self)
            index &+= 8
        }
        while index < end {
            unsafe storage[index] = storage[index].asciiLowercased
            index &+= 1
        }
    }

    private func add(_ field: Field) throws(MessageError) {
        guard fieldCount < fieldLimit else { throw .tooManyFields }
        if fieldCount == fieldCapacity {
            let copy = UnsafeMutablePointer<Field>.allocate(capacity: fieldCapacity * 2)
            unsafe copy.update(from: fields, count: fieldCount)
            unsafe fields.deallocate()
            unsafe fields = copy
            fieldCapacity *= 2
        }
        unsafe fields[fieldCount] = field
        fieldCount += 1
        tokens |= Self.bit(field.name)
        if field.name == .other {
            let text = text(HeadRange(start: field.nameStart, count: UInt32(field.nameCount)))
            otherNames |= Self.bit(text)
        }
    }

    @inline(__always)
    private static func bit(_ token: FieldName) -> UInt64 { 1 << (UInt64(token.rawValue) & 63) }

    @inline(__always)
    private static func bit(_ name: Span<UInt8>) -> UInt64 {
        guard name.count > 0 else { return 1 }
        let mixed = UInt64(name[0]) &* 11 &+ UInt64(name[name.count - 1]) &* 5 &+ UInt64(name.count) &* 37
        return 1 << (mixed & 63)
    }

    /// Whether there may be a field of that name: its token, or, when that is ``FieldName/other``, its text.
    @inline(__always)
    private func mayHave(_ token: FieldName, _ name: Span<UInt8>) -> Bool {
        token == .other ? otherNames & Self.bit(name) != 0 : tokens & Self.bit(token) != 0
    }

    /// The index of the first field from `start` on that has the token `token` or, when that is ``FieldName/other``, the
    /// name `name`, which is in lower case; nil when there is none.
    public func index(of token: FieldName, _ name: Span<UInt8>, from start: Int = 0) -> Int? {
        guard mayHave(token, name) else { return nil }
        var index = max(start, 0)
        while index < fieldCount {
            let field = unsafe fields[index]
            if field.name == token {
                if token != .other { return index }
                if Int(field.nameCount) == name.count,
                    text(HeadRange(start: field.nameStart, count: UInt32(field.nameCount))).equals(name)
                {
                    return index
                }
            }
            index += 1
        }
        return nil
    }

    private func field(_ index: Int) -> Field {
        precondition(index >= 0 && index < fieldCount, "no such field")
        return unsafe fields[index]
    }

    /// The token of field `index`, 0 ..< ``fieldCount``.
    public func name(at index: Int) -> FieldName { field(index).name }

    /// The name of field `index` in lower case.
    @_lifetime(borrow self)
    public func nameText(at index: Int) -> Span<UInt8> {
        let field = field(index)
        if field.name != .other { return unsafe _overrideLifetime(field.name.bytes, borrowing: self) }
        return text(HeadRange(start: field.nameStart, count: UInt32(field.nameCount)))
    }

    /// The value of field `index`.
    @_lifetime(borrow self)
    public func value(at index: Int) -> Span<UInt8> {
        let field = field(index)
        return text(HeadRange(start: field.valueStart, count: field.valueCount))
    }

    /// Gives field `index` another value.
    public func replaceValue(at index: Int, _ value: Span<UInt8>) throws(MessageError) {
        var changed = field(index)
        let place = try store(value)
        changed.valueStart = place.start
        changed.valueCount = place.count
        unsafe fields[index] = changed
    }

    /// Removes field `index`.
    public func remove(at index: Int) {
        _ = field(index)
        for next in index..<(fieldCount - 1) { unsafe fields[next] = fields[next + 1] }
        fieldCount -= 1
    }

    /// Removes all fields of a name; true when there were any.
    @discardableResult
    public func removeAll(_ name: FieldName) -> Bool {
        guard tokens & Self.bit(name) != 0 else { return false }
        var kept = 0
        for index in 0..<fieldCount where unsafe fields[index].name != name {
            if kept != index { unsafe fields[kept] = fields[index] }
            kept += 1
        }
        defer { fieldCount = kept }
        return kept != fieldCount
    }

    /// Joins the values of all fields of a name into the first one, with `separator` between them. Empty values leave
    /// nothing behind: with a separator beside them the joined value could end in a space, which HTTP/2 and HTTP/3
    /// forbid.
    public func join(_ name: FieldName, separator: StaticString) throws(MessageError) {
        guard count(name) > 1, let first = first(name) else { return }
        var length = 0
        for index in first..<fieldCount where unsafe fields[index].name == name && fields[index].valueCount > 0 {
            if length > 0 { length += separator.utf8CodeUnitCount }
            length += unsafe fields[index].valueCount.asInt
        }
        let place = try reserve(length)
        var offset = place.start.asInt
        for index in first..<fieldCount where unsafe fields[index].name == name && fields[index].valueCount > 0 {
            if offset > place.start.asInt {
                unsafe (storage + offset).update(from: separator.utf8Start, count: separator.utf8CodeUnitCount)
                offset += separator.utf8CodeUnitCount
            }
            let piece = unsafe fields[index]
            unsafe (storage + offset).update(from: storage + piece.valueStart.asInt, count: piece.valueCount.asInt)
            offset += piece.valueCount.asInt
        }
        unsafe releaseOutgrown()
        var joined = field(first)
        joined.valueStart = place.start
        joined.valueCount = place.count
        removeAll(name)
        for index in stride(from: fieldCount, to: first, by: -1) { unsafe fields[index] = fields[index - 1] }
        unsafe fields[first] = joined
        fieldCount += 1
    }

    /// The place of field `index`'s value.
    func valueRange(at index: Int) -> HeadRange {
        let field = field(index)
        return HeadRange(start: field.valueStart, count: field.valueCount)
    }

    /// The index of the first field of a name.
    public func first(_ name: FieldName) -> Int? {
        guard tokens & Self.bit(name) != 0 else { return nil }
        for index in 0..<fieldCount where unsafe fields[index].name == name { return index }
        return nil
    }

    /// Removes all fields with the name `name` (in lower case, or with the token `token`).
    public func removeAll(named name: Span<UInt8>) {
        removeAll(FieldName(name), named: name)
    }

    /// The same, when the name's token is known already.
    public func removeAll(_ token: FieldName, named name: Span<UInt8>) {
        if token != .other {
            removeAll(token)
            return
        }
        guard var kept = index(of: .other, name) else { return }
        for index in (kept + 1)..<fieldCount {
            if unsafe fields[index].name == .other, nameText(at: index).equals(name) { continue }
            unsafe fields[kept] = fields[index]
            kept += 1
        }
        fieldCount = kept
    }

    /// How many fields have a name.
    public func count(_ name: FieldName) -> Int {
        guard tokens & Self.bit(name) != 0 else { return 0 }
        var found = 0
        for index in 0..<fieldCount where unsafe fields[index].name == name { found += 1 }
        return found
    }
}

extension UInt32 {
    @inline(__always) var asInt: Int { Int(self) }
}
