public import Bytes
public import Messages
import Streams

/// Writes the items of a log-format string with their options: quoted, escaped, as JSON or CBOR (configuration.txt
/// section 8.2.6). What finds no room in the text is cut.
public struct FormatWriter {
    public let evaluation: Evaluation
    /// The text so far.
    public private(set) var text: ScratchText
    /// The options of the item that is written now.
    public var options: FormatOptions = []
    public var type = FormatType.own
    /// Inside a text that is written in pieces: ``beginText()``.
    private var isInText = false
    private var kept: LogFigures?
    private var line: Sample?

    public init(_ evaluation: Evaluation, _ text: consuming ScratchText) {
        self.evaluation = evaluation
        self.text = text
    }

    /// The figures of the exchange or connection.
    public var figures: LogFigures {
        mutating get {
            if let kept { return kept }
            let facts = unsafe evaluation.transaction?.facts
            let made = evaluation.figures ?? facts?.logFigures(evaluation) ?? LogFigures()
            kept = made
            return made
        }
    }

    private var isQuoted: Bool { !options.isDisjoint(with: [.quoted, .json]) }

    // MARK: Whole texts

    /// A text, quoted when asked for; `-` for an empty one where one is mandatory.
    public mutating func put(_ value: Span<UInt8>) {
        if isQuoted {
            text.append(byte: 0x22)
            escape(value)
            text.append(byte: 0x22)
        } else if value.isEmpty {
            if options.contains(.mandatory), !options.contains(.cbor) { text.append(byte: 0x2d) }
        } else {
            escape(value)
        }
    }

    public mutating func put(_ value: StaticString) { put(Span(value)) }

    /// A text that needs quotes only where the encoding does.
    public mutating func putPlain(_ value: Span<UInt8>) {
        if !isInText, options.contains(.json) {
            text.append(byte: 0x22)
            escape(value)
            text.append(byte: 0x22)
        } else {
            escape(value)
        }
    }

    private mutating func escape(_ value: Span<UInt8>) {
        if value.isEmpty { return }
        if options.contains(.cbor) { return putChunk(value, major: 3) }
        let special: ByteClass
        if options.contains(.json) {
            special = .json
        } else if options.contains(.escaped) {
            special = .structured
        } else {
            return text.append(value)
        }
        for index in value.indices {
            if special.contains(value[index]) { text.append(byte: 0x5c) }
            text.append(value[index])
        }
    }

    // MARK: Texts in pieces

    /// Begins a text that follows in pieces; ``endText()`` ends it.
    public mutating func beginText() {
        isInText = true
        if options.contains(.cbor) {
            putByte(0x7f)
        } else if isQuoted {
            text.append(byte: 0x22)
        }
    }

    public mutating func endText() {
        guard isInText else { return }
        isInText = false
        if options.contains(.cbor) {
            putByte(0xff)
        } else if isQuoted {
            text.append(byte: 0x22)
        }
    }

    /// A character that stands as it is.
    public mutating func put(character: UInt8) {
        if options.contains(.cbor), isInText {
            putHead(major: 3, 1)
            putByte(character)
        } else {
            text.append(character)
        }
    }

    /// A hint that is no part of the value: left out of encoded ones.
    public mutating func put(mark: UInt8) {
        if options.isDisjoint(with: .encoded) { put(character: mark) }
    }

    /// Bytes of a peer: those of `special` are written as `escape` and two hexadecimal digits.
    public mutating func put(_ value: Span<UInt8>, escaping special: ByteClass, with escape: UInt8) {
        if options.contains(.cbor) { return putCBOR(value, special, escape) }
        let also: ByteClass =
            options.contains(.json) ? .json : options.contains(.escaped) ? .structured : .none
        for index in value.indices {
            let byte = value[index]
            if special.contains(byte) {
                text.append(escape)
                text.append(hexadecimal: byte)
            } else {
                if also.contains(byte) { text.append(byte: 0x5c) }
                text.append(byte: byte)
            }
        }
    }

    private mutating func putCBOR(_ value: Span<UInt8>, _ special: ByteClass, _ escape: UInt8) {
        let major: UInt8 = isInText ? 3 : 2
        if !isInText { putByte(major << 5 | 0x1f) }
        var start = 0
        for index in value.indices where special.contains(value[index]) {
            putChunk(value.extracting(start..<index), major: major)
            start = index + 1
            putHead(major: major, 3)
            putByte(escape)
            putByte(Self.digit(value[index] >> 4))
            putByte(Self.digit(value[index] & 15))
        }
        if start < value.count { putChunk(value.extracting(start..<value.count), major: major) }
        if !isInText { putByte(0xff) }
    }

    // MARK: Arrays

    public mutating func beginArray() {
        if options.contains(.json) { text.append(byte: 0x5b) }
        if options.contains(.cbor) { putByte(0x9f) }
    }

    public mutating func nextInArray() {
        if options.contains(.cbor) { return }
        if options.contains(.json) { text.append(byte: 0x2c) }
        text.append(byte: 0x20)
    }

    public mutating func endArray() {
        if options.contains(.json) { text.append(byte: 0x5d) }
        if options.contains(.cbor) { putByte(0xff) }
    }

    // MARK: Numbers

    public mutating func put(_ value: some BinaryInteger) {
        if options.isDisjoint(with: .encoded) {
            text.append(Int64(truncatingIfNeeded: value))
        } else {
            putEncoded(Int64(truncatingIfNeeded: value))
        }
    }

    public mutating func putEncoded(_ value: Int64) {
        if type == .bool { return put(value != 0) }
        if options.contains(.json) {
            if type == .str { text.append(byte: 0x22) }
            text.append(value)
            if type == .str { text.append(byte: 0x22) }
        } else if value < 0 {
            putHead(major: 1, UInt64(bitPattern: ~value))
        } else {
            putHead(major: 0, UInt64(value))
        }
    }

    public mutating func put(_ value: Bool) {
        if options.contains(.json) {
            text.append(value ? "true" : "false")
        } else if options.contains(.cbor) {
            putByte(value ? 0xf5 : 0xf4)
        }
    }

    /// A number of at least `width` digits, which is written in hexadecimal with at least `hexWidth` when asked for.
    public mutating func put(_ value: UInt64, width: Int = 1, hexWidth: Int) {
        let isHexadecimal = options.contains(.hexadecimal)
        guard isHexadecimal || options.isDisjoint(with: .encoded) else {
            return putEncoded(Int64(truncatingIfNeeded: value))
        }
        var digits = InlineArray<20, UInt8>(repeating: 0x30)
        let base: UInt64 = isHexadecimal ? 16 : 10
        var left = value
        var count = 0
        repeat {
            digits[count] = Self.digit(UInt8(truncatingIfNeeded: left % base))
            left /= base
            count += 1
        } while left > 0
        count = max(count, min(20, isHexadecimal ? hexWidth : width))
        var copy = InlineArray<20, UInt8>(repeating: 0)
        for index in 0..<count { copy[index] = digits[count - 1 - index] }
        let span = copy.span
        if isHexadecimal { putPlain(span.extracting(0..<count)) } else { text.append(span.extracting(0..<count)) }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x37 + value }

    // MARK: Addresses

    /// An address without its port; nothing for none.
    public mutating func put(_ address: SocketAddress?) {
        guard let address, address.family != .unspecified else { return put(Span()) }
        guard options.contains(.hexadecimal), address.family != .unix else {
            if address.family == .unix { return put("unix") }
            var room = InlineArray<46, UInt8>(repeating: 0)
            var span = room.mutableSpan
            let count = unsafe span.withUnsafeMutableBufferPointer { unsafe address.writeHost(to: $0) }
            return put(room.span.extracting(0..<count))
        }
        var digits = InlineArray<32, UInt8>(repeating: 0)
        let count = address.family == .ipv4 ? 4 : 16
        for index in 0..<count {
            digits[index * 2] = Self.digit(address.octets[index] >> 4)
            digits[index * 2 + 1] = Self.digit(address.octets[index] & 15)
        }
        putPlain(digits.span.extracting(0..<count * 2))
    }

    /// An address's port; for a Unix socket the number of the listener.
    public mutating func put(portOf address: SocketAddress?) {
        guard let address, address.family != .unspecified else { return put(Span()) }
        if address.family == .unix { return put(figures.listenerNumber) }
        put(UInt64(address.port), hexWidth: 4)
    }

    // MARK: CBOR

    private mutating func putByte(_ byte: UInt8) {
        if options.contains(.binary) { text.append(byte: byte) } else { text.append(hexadecimal: byte) }
    }

    /// The head of a data item (RFC 8949 section 3).
    private mutating func putHead(major: UInt8, _ argument: UInt64) {
        let width: Int
        switch argument {
        case ..<24: return putByte(major << 5 | UInt8(argument))
        case ...0xff: width = 0
        case ...0xffff: width = 1
        case ...0xffff_ffff: width = 2
        default: width = 3
        }
        putByte(major << 5 | UInt8(24 + width))
        var shift = (1 << width) * 8
        while shift > 0 {
            shift -= 8
            putByte(UInt8(truncatingIfNeeded: argument >> UInt64(shift)))
        }
    }

    private mutating func putChunk(_ value: Span<UInt8>, major: UInt8) {
        putHead(major: major, UInt64(value.count))
        for index in value.indices { putByte(value[index]) }
    }

    // MARK: Around items

    /// Opens what holds all items when the whole line is encoded.
    public mutating func beginLine() {
        if options.contains(.json) { text.append(byte: 0x7b) } else if options.contains(.cbor) { putByte(0xbf) }
    }

    public mutating func endLine() {
        if options.contains(.json) { text.append(byte: 0x7d) } else if options.contains(.cbor) { putByte(0xff) }
    }

    /// The key of an item in an encoded line.
    public mutating func put(key: Span<UInt8>, isFirst: Bool) {
        if options.contains(.json) {
            if !isFirst { text.append(", ") }
            text.append(byte: 0x22)
            text.append(key)
            text.append("\": ")
        } else {
            putChunk(key, major: 3)
        }
    }

    /// What stands for a value that is not there.
    public mutating func putNull() {
        if options.contains(.json) { text.append("null") } else if options.contains(.cbor) { putByte(0xf6) }
    }

    /// Literal text of the format.
    public mutating func append(_ literal: Span<UInt8>) { text.append(literal) }
    public mutating func append(space: Void) { text.append(byte: 0x20) }

    // MARK: The request line

    /// The request as the client sent it, `GET /path HTTP/1.1`, cut to the limit; nil when no whole one came.
    public mutating func requestLine() -> Sample? {
        if let line { return line }
        let figures = figures
        var made = Sample()
        var text = evaluation.scratch.text()
        let limit = figures.requestLineLimit
        if let kept = figures.requestLine {
            text.append(kept.span.extracting(0..<min(limit, kept.count)))
        } else {
            guard let head = evaluation.exchange?.request.head else { return nil }
            head.appendRequestLine(to: &text, limit: limit)
        }
        text.finish(&made)
        line = made
        return made
    }
}

extension MessageHead {
    /// Appends method, target and version as HAProxy shows them: the target of HTTP/2 and HTTP/3 requests in absolute
    /// form, that of HTTP/1 as it came. All of it takes at most `limit` bytes.
    public func appendRequestLine(to text: inout ScratchText, limit: Int) {
        let start = text.count
        text.append(methodText)
        text.append(byte: 0x20)
        if version >= .http2 || !scheme.isEmpty, method != .connect {
            text.append(scheme)
            text.append("://")
            text.append(authority)
        } else if method == .connect {
            text.append(authority)
        }
        text.append(path)
        text.append(byte: 0x20)
        text.append(version.text)
        text.truncate(to: start + limit)
    }
}
