import Bytes
import Messages
import Samples

/// One element of a Forwarded field (RFC 7239 section 4), read as HAProxy does: names in lower case, each at most once,
/// no space, `proto` without quotes and only `http` or `https`, and no parameter but the four.
struct ForwardedElement {
    enum Field: String, CaseIterable { case proto, host, `for`, by }

    private var ranges: InlineArray<4, Range<Int>?> = InlineArray(repeating: nil)

    /// Where the value of a parameter is in the element, without quotes.
    func range(of field: Field?) -> Range<Int>? { field.flatMap { ranges[Self.place(of: $0)] } }

    private static func place(of field: Field) -> Int {
        switch field {
        case .proto: 0
        case .host: 1
        case .for: 2
        case .by: 3
        }
    }

    /// Nil when the element is not valid, or empty. What follows once all four parameters were read is not looked at.
    init?(_ bytes: Span<UInt8>) {
        var cursor = ForwardedCursor(bytes)
        var found = 0
        while !cursor.isAtEnd, found < 4 {
            if found > 0, !cursor.take(";") { return nil }
            guard let field = cursor.takeField(), ranges[Self.place(of: field)] == nil else { return nil }
            let isQuoted = field != .proto && cursor.take("\"")
            let start = cursor.index
            let isValid: Bool
            switch field {
            case .proto: isValid = cursor.take("https") || cursor.take("http")
            case .host: isValid = cursor.takeHost(isQuoted: isQuoted)
            case .for, .by: isValid = cursor.takeNode(isQuoted: isQuoted) != nil
            }
            guard isValid else { return nil }
            ranges[Self.place(of: field)] = start..<cursor.index
            if isQuoted, !cursor.take("\"") { return nil }
            found += 1
        }
        if found == 0 { return nil }
    }
}

/// A node of a Forwarded field: `for` and `by` (RFC 7239 section 6).
struct ForwardedNode {
    enum Name {
        case ipv4(UInt32)
        case ipv6(high: UInt64, low: UInt64)
        /// `unknown`, or an obfuscated identifier: where it is.
        case text(Range<Int>)
    }

    enum Port {
        case none
        case number(UInt16)
        /// An obfuscated one: where it is.
        case text(Range<Int>)
    }

    let name: Name
    let port: Port

    init(name: Name, port: Port) {
        self.name = name
        self.port = port
    }

    /// The node that `bytes` start with; nil when they start with none.
    init?(_ bytes: Span<UInt8>) {
        var cursor = ForwardedCursor(bytes)
        guard let node = cursor.takeNode(isQuoted: true) else { return nil }
        self = node
    }

    /// The node's name that takes all of `bytes`; nil when they are none.
    static func name(_ bytes: Span<UInt8>) -> Name? {
        var cursor = ForwardedCursor(bytes)
        let name = cursor.takeName(isQuoted: true)
        return cursor.isAtEnd ? name : nil
    }

    /// Whether `bytes` are a node's port.
    static func isPort(_ bytes: Span<UInt8>) -> Bool {
        var cursor = ForwardedCursor(bytes)
        let isFound =
            bytes.isEmpty || bytes[0] != UInt8(ascii: "_") ? cursor.takePort() != nil : cursor.takeObfuscated() != nil
        return isFound && cursor.isAtEnd
    }

    /// Whether `bytes` are a host with or without a port.
    static func isHost(_ bytes: Span<UInt8>) -> Bool {
        var cursor = ForwardedCursor(bytes)
        return cursor.takeHost(isQuoted: true) && cursor.isAtEnd
    }

    /// Whether a byte may be part of an obfuscated identifier.
    static func isObfuscated(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 }
}

/// A place in the text of a Forwarded field.
private struct ForwardedCursor: ~Escapable {
    private let bytes: Span<UInt8>
    private(set) var index = 0

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { index == bytes.count }

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    mutating func take(_ text: StaticString) -> Bool {
        let end = index + text.utf8CodeUnitCount
        guard end <= bytes.count, bytes.extracting(index..<end).equals(text) else { return false }
        index = end
        return true
    }

    /// A parameter's name and its `=`; something has to follow.
    mutating func takeField() -> ForwardedElement.Field? {
        let start = index
        let field: ForwardedElement.Field? =
            take("for=") ? .for : take("by=") ? .by : take("host=") ? .host : take("proto=") ? .proto : nil
        if isAtEnd { index = start }
        return isAtEnd || index == start ? nil : field
    }

    /// A host with an optional port. IPv6 literals and ports only stand in quotes.
    mutating func takeHost(isQuoted: Bool) -> Bool {
        guard !isAtEnd else { return false }
        if isQuoted, next == UInt8(ascii: "[") {
            guard takeIPv6() != nil else { return false }
        } else {
            while let byte = next, ForwardedNode.isAlphanumeric(byte) || byte == UInt8(ascii: ".") { index += 1 }
        }
        guard next == UInt8(ascii: ":") else { return true }
        guard isQuoted else { return false }
        index += 1
        return takePort() != nil
    }

    mutating func takeNode(isQuoted: Bool) -> ForwardedNode? {
        guard let name = takeName(isQuoted: isQuoted) else { return nil }
        guard next == UInt8(ascii: ":") else { return ForwardedNode(name: name, port: .none) }
        guard isQuoted else { return nil }
        index += 1
        if next == UInt8(ascii: "_") {
            guard let range = takeObfuscated() else { return nil }
            return ForwardedNode(name: name, port: .text(range))
        }
        guard let port = takePort() else { return nil }
        return ForwardedNode(name: name, port: .number(port))
    }

    mutating func takeName(isQuoted: Bool) -> ForwardedNode.Name? {
        switch next {
        case UInt8(ascii: "_"): return takeObfuscated().map { .text($0) }
        case UInt8(ascii: "u"):
            let start = index
            return take("unknown") ? .text(start..<index) : nil
        case UInt8(ascii: "["): return isQuoted ? takeIPv6() : nil
        case nil: return nil
        default: return takeIPv4()
        }
    }

    /// `_` and at least one more byte.
    mutating func takeObfuscated() -> Range<Int>? {
        let start = index
        index += 1
        while let byte = next, ForwardedNode.isObfuscated(byte) { index += 1 }
        return index > start + 1 ? start..<index : nil
    }

    mutating func takePort() -> UInt16? {
        var port = 0
        while let byte = next, byte &- 0x30 < 10 {
            port = port * 10 + Int(byte &- 0x30)
            if port > 65_535 { return nil }
            index += 1
        }
        return port > 0 ? UInt16(port) : nil
    }

    /// At most 15 digits and dots are read.
    private mutating func takeIPv4() -> ForwardedNode.Name? {
        let start = index
        while let byte = next, byte &- 0x30 < 10 || byte == UInt8(ascii: "."), index - start < 15 { index += 1 }
        guard let address = address(start..<index), case .ipv4 = address else { return nil }
        return address
    }

    /// `[`, at most 45 letters, digits and colons, and `]`.
    private mutating func takeIPv6() -> ForwardedNode.Name? {
        index += 1
        let start = index
        while let byte = next, ForwardedNode.isAlphanumeric(byte) || byte == UInt8(ascii: ":"), index - start < 45 {
            index += 1
        }
        let end = index
        guard take("]"), let address = address(start..<end), case .ipv6 = address else { return nil }
        return address
    }

    private func address(_ range: Range<Int>) -> ForwardedNode.Name? {
        var sample = Sample()
        guard let address = SocketAddress(text: bytes.extracting(range), port: 0), sample.setAddress(address) else {
            return nil
        }
        if sample.type == .ipv4 { return .ipv4(UInt32(truncatingIfNeeded: sample.addressLow)) }
        return .ipv6(high: sample.addressHigh, low: sample.addressLow)
    }
}
