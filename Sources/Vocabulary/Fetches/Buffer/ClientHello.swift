import Samples

/// Reads a TLS ClientHello at the start of a connection that is passed through (RFC 8446 section 4.1.2), as far as
/// conditions need it. The whole hello must lie in the first record.
struct ClientHello {
    enum Reading {
        case whole(ClientHello)
        /// More bytes are needed.
        case incomplete
        /// It is something else, or broken.
        case other
    }

    /// Which part is wanted: a hello without extensions still has cipher suites.
    enum Part { case cipherSuites, extensions }

    /// Where the cipher suites stand, two bytes each.
    let cipherSuites: Range<Int>
    /// Where the extensions stand; empty when the suites were wanted.
    let extensions: Range<Int>

    /// Reads the hello at the start of `bytes`.
    static func read(_ bytes: Span<UInt8>, for part: Part) -> Reading {
        guard bytes.count > 0 else { return .incomplete }
        guard bytes[0] == 0x16 else { return .other }
        guard bytes.count >= 3 else { return .incomplete }
        guard bytes[1] >= 3 else { return .other }
        guard bytes.count >= 5 else { return .incomplete }
        let record = bytes.number(at: 3)
        // The least record that holds an extension.
        guard record >= 51 else { return .other }
        guard bytes.count >= 5 + record else { return .incomplete }
        guard bytes[5] == 1 else { return .other }
        var left = Int(bytes[6]) << 16 | bytes.number(at: 7)
        guard left >= 44 else { return .other }
        guard bytes.count >= 9 + left else { return .incomplete }
        var place = 9
        guard bytes[place] >= 3, bytes[place + 1] >= 1 else { return .other }
        let session = Int(bytes[place + 34])
        guard session <= 32, session <= left - 35 else { return .other }
        left -= 35 + session
        place += 35 + session
        guard left >= 4 else { return .other }
        let suites = bytes.number(at: place)
        guard suites >= 2, suites <= left else { return .other }
        let suiteEnd = min(place + 2 + suites, bytes.count)
        let cipherSuites = (place + 2)..<suiteEnd
        if part == .cipherSuites { return .whole(ClientHello(cipherSuites: cipherSuites, extensions: 0..<0)) }
        left -= 2 + suites
        place += 2 + suites
        guard left >= 2, bytes[place] >= 1, Int(bytes[place]) <= left else { return .other }
        let compression = 1 + Int(bytes[place])
        left -= compression
        place += compression
        guard left >= 2 else { return .other }
        let size = bytes.number(at: place)
        guard size <= left - 2 else { return .other }
        place += 2
        return .whole(ClientHello(cipherSuites: cipherSuites, extensions: place..<(place + size)))
    }

    /// Where the data of the first extension of a type stands; nil without one, or when one before it is broken.
    func data(of type: Int, _ bytes: Span<UInt8>) -> Range<Int>? {
        var place = extensions.lowerBound
        while extensions.upperBound - place >= 4 {
            let size = bytes.number(at: place + 2)
            guard size <= extensions.upperBound - place - 4 else { return nil }
            if bytes.number(at: place) == type { return (place + 4)..<(place + 4 + size) }
            place += 4 + size
        }
        return nil
    }

    /// Where the list in the data of an extension stands, of at least `least` bytes; nil when its length is wrong.
    func list(in data: Range<Int>, atLeast least: Int, _ bytes: Span<UInt8>) -> Range<Int>? {
        guard data.count >= 2 else { return nil }
        let size = bytes.number(at: data.lowerBound)
        guard size >= least, size <= extensions.upperBound - data.lowerBound - 2 else { return nil }
        return (data.lowerBound + 2)..<(data.lowerBound + 2 + size)
    }

    /// Where the server name stands; nil without one (RFC 6066 section 3).
    func serverName(_ bytes: Span<UInt8>) -> Range<Int>? {
        guard let data = data(of: 0, bytes), let list = list(in: data, atLeast: 4, bytes) else { return nil }
        let start = list.lowerBound
        let size = bytes.number(at: start + 1)
        guard bytes[start] == 0, size + 3 <= list.count else { return nil }
        return (start + 3)..<(start + 3 + size)
    }

    /// Where the protocol name that starts at `offset` of the ALPN list stands, and the offset of the next one; nil for
    /// that after the last (RFC 7301 section 3.1).
    func applicationProtocol(at offset: Int, _ bytes: Span<UInt8>) -> (name: Range<Int>, next: Int?)? {
        guard let data = data(of: 16, bytes), data.count >= 3 else { return nil }
        let start = data.lowerBound + 2 + offset
        guard start < data.upperBound else { return nil }
        let size = Int(bytes[start])
        let end = start + 1 + size
        guard end <= data.upperBound else { return nil }
        return ((start + 1)..<end, end < data.upperBound ? end - data.lowerBound - 2 : nil)
    }
}

extension Span<UInt8> {
    /// The two bytes at `place` as a number.
    func number(at place: Int) -> Int { Int(self[place]) << 8 | Int(self[place + 1]) }
}
