public import Bytes

/// Why the first bytes of a connection are not a PROXY protocol header.
public enum ProxyHeaderError: Error, Equatable, Sendable {
    /// Neither the text signature of version 1 nor the binary one of version 2.
    case noSignature
    /// A version 1 line over 107 bytes, or without its CR LF.
    case badLine
    /// A family, address or port that does not parse.
    case badAddress
    /// Version 2 with another version, command or length than it may have.
    case badHeader
    /// The peer ended before the first byte, or within the header.
    case closed, truncated
    /// The header did not come in time.
    case timeout
}

/// A PROXY protocol header, version 1 (text) or 2 (binary), as haproxy.org's proxy-protocol.txt defines it.
public struct ProxyHeader: Equatable, Sendable {
    /// Bytes that the header takes at the start of the connection.
    public var length: Int
    /// The client's address; nil when the proxy speaks for itself (LOCAL, UNKNOWN).
    public var source: SocketAddress?
    /// The address that the client connected to; nil as above.
    public var destination: SocketAddress?

    /// The fields behind the addresses of version 2, in their order (section 2.2 there).
    public var fields: [Field] = []

    /// A field of version 2: a type and bytes.
    public struct Field: Equatable, Sendable {
        public var type: UInt8
        public var value: [UInt8]

        public init(type: UInt8, value: [UInt8]) {
            self.type = type
            self.value = value
        }
    }

    /// The longest header that is taken: version 2 with 4 KiB of addresses and TLVs.
    public static let maximumLength = 16 + 4096

    /// Parses the header at the start of `bytes`; nil when more bytes are needed.
    public static func parse(_ bytes: Span<UInt8>) throws(ProxyHeaderError) -> ProxyHeader? {
        guard bytes.count > 0 else { return nil }
        if bytes[0] == 0x0d { return try parseBinary(bytes) }
        return try parseText(bytes)
    }

    private static let signature: InlineArray<12, UInt8> = [
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
    ]

    private static func parseBinary(_ bytes: Span<UInt8>) throws(ProxyHeaderError) -> ProxyHeader? {
        for index in 0..<min(12, bytes.count) where bytes[index] != signature[index] { throw .noSignature }
        guard bytes.count >= 16 else { return nil }
        let size = Int(bytes[14]) << 8 | Int(bytes[15])
        guard bytes[12] >> 4 == 2, bytes[12] & 15 <= 1, size <= maximumLength - 16 else { throw .badHeader }
        guard bytes.count >= 16 + size else { return nil }
        var header = ProxyHeader(length: 16 + size)
        guard bytes[12] & 15 == 1 else { return header }
        let payload = bytes.extracting(16..<16 + size)
        var addresses = 0
        switch bytes[13] >> 4 {
        case 0: break
        case 1:
            guard size >= 12 else { throw .badAddress }
            addresses = 12
            header.source = address(payload, at: 0, octets: 4, port: 8)
            header.destination = address(payload, at: 4, octets: 4, port: 10)
        case 2:
            guard size >= 36 else { throw .badAddress }
            addresses = 36
            header.source = address(payload, at: 0, octets: 16, port: 32)
            header.destination = address(payload, at: 16, octets: 16, port: 34)
        case 3:
            guard size >= 216 else { throw .badAddress }
            addresses = 216
            header.source = .unix
            header.destination = .unix
        default: throw .badHeader
        }
        header.fields = try fields(payload, from: addresses)
        return header
    }

    /// The fields from `start` on. They end where the header does.
    private static func fields(_ bytes: Span<UInt8>, from start: Int) throws(ProxyHeaderError) -> [Field] {
        var found: [Field] = []
        var place = start
        while place < bytes.count {
            guard place + 3 <= bytes.count else { throw .badHeader }
            let end = place + 3 + (Int(bytes[place + 1]) << 8 | Int(bytes[place + 2]))
            guard end <= bytes.count else { throw .badHeader }
            var value: [UInt8] = []
            for index in (place + 3)..<end { value.append(bytes[index]) }
            found.append(Field(type: bytes[place], value: value))
            place = end
        }
        return found
    }

    private static func address(_ bytes: Span<UInt8>, at start: Int, octets count: Int, port: Int) -> SocketAddress {
        var octets = InlineArray<16, UInt8>(repeating: 0)
        for index in 0..<count { octets[index] = bytes[start + index] }
        let number = UInt16(bytes[port]) << 8 | UInt16(bytes[port + 1])
        return SocketAddress(family: count == 4 ? .ipv4 : .ipv6, octets: octets, port: number)
    }

    private static func parseText(_ bytes: Span<UInt8>) throws(ProxyHeaderError) -> ProxyHeader? {
        let start: StaticString = "PROXY "
        let prefix = unsafe Span(_unsafeBytes: UnsafeRawBufferPointer(start: start.utf8Start, count: 6)) as Span<UInt8>
        for index in 0..<min(6, bytes.count) where bytes[index] != prefix[index] { throw .noSignature }
        var end = 6
        // A line has at most 107 bytes with its CR LF.
        while true {
            guard end < 106 else { throw .badLine }
            guard end + 1 < bytes.count else { return nil }
            if bytes[end] == 0x0d {
                guard bytes[end + 1] == 0x0a else { throw .badLine }
                break
            }
            end += 1
        }
        var words: [String] = []
        var word: [UInt8] = []
        for index in 6..<end {
            if bytes[index] == 0x20 {
                words.append(String(decoding: word, as: UTF8.self))
                word = []
            } else {
                word.append(bytes[index])
            }
        }
        words.append(String(decoding: word, as: UTF8.self))
        var header = ProxyHeader(length: end + 2)
        if words[0] == "UNKNOWN" { return header }
        guard words.count == 5, words[0] == "TCP4" || words[0] == "TCP6" else { throw .badAddress }
        let family: SocketAddress.Family = words[0] == "TCP4" ? .ipv4 : .ipv6
        guard let from = port(words[3]), let to = port(words[4]),
            let source = SocketAddress(text: words[1], port: from), source.family == family,
            let destination = SocketAddress(text: words[2], port: to), destination.family == family
        else { throw .badAddress }
        header.source = source
        header.destination = destination
        return header
    }

    private static func port(_ word: String) -> UInt16? {
        guard word.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), word == "0" || !word.hasPrefix("0") else {
            return nil
        }
        return UInt16(word)
    }
}
