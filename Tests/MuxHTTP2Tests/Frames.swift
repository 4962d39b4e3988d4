/// HTTP/2 frames made and read by hand, to say what no library would send.
struct Frame: Equatable {
    enum Kind: UInt8 {
        case data, headers, priority, resetStream, settings, pushPromise, ping, goAway, windowUpdate, continuation
    }

    var type: UInt8
    var flags: UInt8
    var stream: UInt32
    var payload: [UInt8]

    init(_ kind: Kind, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) {
        type = kind.rawValue
        self.flags = flags
        self.stream = stream
        self.payload = payload
    }

    var kind: Kind? { Kind(rawValue: type) }

    var bytes: [UInt8] {
        let length = payload.count
        return [UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255), type, flags]
            + Frame.word(stream) + payload
    }

    static func word(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
    }

    /// The 32-bit word at `offset` of the payload.
    func word(at offset: Int) -> UInt32 {
        payload[offset..<(offset + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// All whole frames in `bytes`.
    static func parse(_ bytes: [UInt8]) -> [Frame] {
        var frames: [Frame] = []
        var place = 0
        while bytes.count - place >= 9 {
            let length = Int(bytes[place]) << 16 | Int(bytes[place + 1]) << 8 | Int(bytes[place + 2])
            guard bytes.count - place - 9 >= length else { break }
            var frame = Frame(.data)
            frame.type = bytes[place + 3]
            frame.flags = bytes[place + 4]
            frame.stream = bytes[(place + 5)..<(place + 9)].reduce(0) { $0 << 8 | UInt32($1) } & 0x7fff_ffff
            frame.payload = Array(bytes[(place + 9)..<(place + 9 + length)])
            frames.append(frame)
            place += 9 + length
        }
        return frames
    }

    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    static let endStream: UInt8 = 1
    static let endHeaders: UInt8 = 4
    static let padded: UInt8 = 8
    static let ack: UInt8 = 1

    /// What a client says first.
    static let hello = preface + Frame(.settings).bytes

    /// A field section of literal lines that are not indexed (RFC 7541 section 6.2.2).
    static func section(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { name, value in [0] + string(name) + string(value) }
    }

    private static func string(_ text: String) -> [UInt8] { integer(text.utf8.count) + Array(text.utf8) }

    /// An integer with a prefix of 7 bits, the eighth clear (RFC 7541 section 5.1).
    private static func integer(_ value: Int) -> [UInt8] {
        guard value >= 127 else { return [UInt8(value)] }
        var bytes: [UInt8] = [127]
        var rest = value - 127
        while rest >= 128 {
            bytes.append(UInt8(rest & 127 | 128))
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    /// A request's HEADERS frame.
    static func request(_ stream: UInt32, _ fields: [(String, String)], ends: Bool = true) -> Frame {
        Frame(.headers, flags: endHeaders | (ends ? endStream : 0), stream: stream, section(fields))
    }

    static let get: [(String, String)] = [
        (":method", "GET"), (":scheme", "https"), (":authority", "a.test"), (":path", "/"),
    ]
    static let post: [(String, String)] = [
        (":method", "POST"), (":scheme", "https"), (":authority", "a.test"), (":path", "/"),
    ]
}
