import Messages

/// Reads the framing of a chunked body (RFC 9112 section 7.1). It never sees the data: after ``advance(_:)`` the next
/// ``left`` bytes are data, and ``took(_:)`` tells how many of them went on.
struct ChunkDecoder: Equatable {
    /// Bytes that the extensions of one chunk may take, blanks after the size included.
    static let extensionLimit = 256

    private enum State: Equatable { case size, extensions, sizeEnd, data, dataEnd, dataLineFeed, trailers }

    private var state = State.size
    private var digits = 0
    private var extensionBytes = 0
    /// True while only blanks came after the size: old servers pad it.
    private var blanksOnly = false
    /// Data bytes of the current chunk still to come; 0 between chunks.
    private(set) var left: UInt64 = 0

    /// True when the next ``left`` bytes are data.
    var isAtData: Bool { state == .data }

    /// True once the last chunk's line is read: the trailer section follows.
    var isAtTrailers: Bool { state == .trailers }

    /// Reads framing until data, the trailer section or the end of `bytes`. Returns how many bytes it read; they need
    /// not be shown again.
    mutating func advance(_ bytes: Span<UInt8>) throws(MessageError) -> Int {
        var place = 0
        while place < bytes.count, state != .data, state != .trailers {
            let byte = bytes[place]
            place += 1
            switch state {
            case .size: try readSize(byte)
            case .extensions: try readExtension(byte)
            case .sizeEnd:
                guard byte == 0x0a else { throw .bareCarriageReturn }
                state = left == 0 ? .trailers : .data
            case .dataEnd:
                guard byte == 0x0d else { throw byte == 0x0a ? .bareLineFeed : .badChunk }
                state = .dataLineFeed
            case .dataLineFeed:
                guard byte == 0x0a else { throw .bareCarriageReturn }
                state = .size
                digits = 0
                extensionBytes = 0
            case .data, .trailers: break
            }
        }
        return place
    }

    /// `count` bytes of data, at most ``left``, went on.
    mutating func took(_ count: Int) {
        left -= min(left, UInt64(max(0, count)))
        if left == 0, state == .data { state = .dataEnd }
    }

    private mutating func readSize(_ byte: UInt8) throws(MessageError) {
        if let digit = Self.hexDigit(byte) {
            // 15 digits stay far from the edge of what counters hold.
            guard digits < 15 else { throw .badChunk }
            digits += 1
            left = left << 4 | UInt64(digit)
            return
        }
        guard digits > 0 else { throw .badChunk }
        switch byte {
        case 0x0d: state = .sizeEnd
        case 0x0a: throw .bareLineFeed
        case 0x3b, 0x20, 0x09:
            state = .extensions
            extensionBytes = byte == 0x3b ? 1 : 0
            blanksOnly = byte != 0x3b
        default: throw .badChunk
        }
    }

    private mutating func readExtension(_ byte: UInt8) throws(MessageError) {
        if byte == 0x0d {
            state = .sizeEnd
            return
        }
        if byte == 0x0a { throw .bareLineFeed }
        guard byte == 0x09 || (byte >= 0x20 && byte != 0x7f) else { throw .badChunk }
        if blanksOnly, !byte.isBlank {
            guard byte == 0x3b else { throw .badChunk }
            blanksOnly = false
        }
        extensionBytes += 1
        guard extensionBytes <= Self.extensionLimit else { throw .chunkExtensionTooLong }
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        if byte &- 0x30 < 10 { return byte &- 0x30 }
        let letter = (byte | 0x20) &- 0x61
        return letter < 6 && byte >= 0x41 ? letter + 10 : nil
    }
}
