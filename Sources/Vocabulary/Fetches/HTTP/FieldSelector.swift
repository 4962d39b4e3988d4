import Bytes
import Messages
import Samples
import Words

/// Which values of which field a fetch such as `req.hdr` wants: its arguments, made ready when the configuration is read.
final class FieldSelector: Sendable {
    /// Negative occurrences that can be asked for: `req.hdr(name,-10)`.
    static let history = 10

    /// True when the fetch has a name argument, though it may be empty: then any field will do.
    let isGiven: Bool
    /// The name's token; `other` for names that the proxy does not know.
    let token: FieldName
    /// The name in lower case.
    let name: ConstantText
    /// From 1, or from -1 for the last; 0 for all in turn, or the last.
    let occurrence: Int

    /// The arguments of fetches that take a name and an occurrence.
    static let signature = ArgumentSignature([.string, .integer], required: 0)
    static let prepare: ArgumentPreparation = { values, _ throws(Complaint) in try FieldSelector(values) }

    init(_ values: [Argument]) throws(Complaint) {
        var text: [UInt8] = []
        if case .string(let bytes) = values.first {
            text = bytes.map(\.asciiLowercased)
            isGiven = true
        } else {
            isGiven = false
        }
        token = FieldName(text.span)
        name = ConstantText(text)
        guard values.count > 1, case .integer(let number) = values[1] else {
            occurrence = 0
            return
        }
        guard number >= -Int64(Self.history) else {
            throw Complaint("header occurrence must be >= -\(Self.history)")
        }
        occurrence = Int(clamping: number)
    }

    init(_ token: FieldName) {
        isGiven = true
        self.token = token
        name = ConstantText(Array(copying: token.bytes))
        occurrence = 0
    }

    /// The first field from `start` on that has the name.
    @inline(__always)
    func index(in head: MessageHead, from start: Int) -> Int? {
        let name = self.name
        let wanted = name.bytes
        if token == .other, wanted.isEmpty { return start < head.fieldCount ? start : nil }
        return head.index(of: token, wanted, from: start)
    }
}

/// Walks over the values of a field in a head: each member of comma-separated lists, quotes respected, or whole lines.
/// It holds neither head nor selector: the caller keeps both as long as it walks.
@safe struct FieldWalk {
    private let head: Unmanaged<MessageHead>
    private let selector: Unmanaged<FieldSelector>
    private let isWhole: Bool
    /// The field that the last value is of.
    private(set) var index: Int
    /// Where the last value ended in it, before its comma; -1 before the field's first value.
    private var offset: Int

    /// Starts at the beginning, or where an earlier walk's ``cursor`` says.
    init(_ head: MessageHead, _ selector: FieldSelector, isWhole: Bool = false, cursor: Int = 0) {
        unsafe self.head = .passUnretained(head)
        unsafe self.selector = .passUnretained(selector)
        self.isWhole = isWhole
        index = cursor >> 32
        offset = cursor == 0 ? -1 : (cursor & 0xffff_ffff) - 1
    }

    /// Where the walk stands; never 0 after a value.
    var cursor: Int { index << 32 | (offset + 1) }

    /// The place of the next value in field ``index``; nil after the last.
    mutating func next() -> Range<Int>? {
        let (head, selector) = unsafe (self.head, self.selector)
        return unsafe head._withUnsafeGuaranteedRef { head in
            unsafe selector._withUnsafeGuaranteedRef { selector in next(in: head, selector) }
        }
    }

    @inline(__always)
    private mutating func next(in head: MessageHead, _ selector: FieldSelector) -> Range<Int>? {
        if offset >= 0 {
            guard index < head.fieldCount else { return nil }
            let value = head.value(at: index)
            if !isWhole, offset < value.count { return cut(value, from: value[offset] == 0x2c ? offset + 1 : offset) }
            index += 1
        }
        guard let found = selector.index(in: head, from: index) else {
            index = head.fieldCount
            return nil
        }
        index = found
        return cut(head.value(at: index), from: 0)
    }

    private mutating func cut(_ value: Span<UInt8>, from begin: Int) -> Range<Int> {
        var start = begin
        while start < value.count, value[start].isLinearSpace { start += 1 }
        var end = isWhole ? value.count : value.memberEnd(from: start)
        offset = end
        while end > start, value[end - 1].isLinearSpace { end -= 1 }
        return start..<end
    }
}

extension Span<UInt8> {
    /// Where the list member that starts at `start` ends: at the next comma outside quotes, or the end.
    func memberEnd(from start: Int) -> Int {
        let comma = firstIndex(of: 0x2c, from: start)
        // Quotes only matter where there is a comma that they may hide.
        if comma == count || firstIndex(of: 0x22, from: start) > comma { return comma }
        var index = start
        var isQuoted = false
        while index < count {
            let byte = self[index]
            if isQuoted {
                if byte == 0x5c { index += 1 } else if byte == 0x22 { isQuoted = false }
            } else if byte == 0x22 {
                isQuoted = true
            } else if byte == 0x2c {
                return index
            }
            index += 1
        }
        return count
    }

    /// The integer of 32 bits that the text starts with, as `*_val` fetches read it: too large values wrap around.
    var leadingInteger: Int64 {
        var value: Int32 = 0
        let isNegative = !isEmpty && self[0] == 0x2d
        var index = isNegative ? 1 : 0
        while index < count, self[index] &- 0x30 < 10 {
            let digit = Int32(self[index] &- 0x30)
            value = isNegative ? value &* 10 &- digit : value &* 10 &+ digit
            index += 1
        }
        return Int64(value)
    }
}

extension UInt8 {
    /// Space, tab, CR or LF.
    var isLinearSpace: Bool { self == 0x20 || self == 0x09 || self == 0x0d || self == 0x0a }
    /// Space or tab.
    var isBlank: Bool { self == 0x20 || self == 0x09 }
}
