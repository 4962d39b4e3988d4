import Glibc

/// Finds the empty line that ends a head or a trailer section (RFC 9112 section 2.1). It remembers how far it came, so
/// that a head which arrives byte by byte is looked through once.
struct HeadScanner {
    /// Bytes from the start of the section that need not be looked at again.
    private var scanned = 0

    init() {}

    /// Bytes of the section up to and with its empty line; nil when more must come. `bytes` starts at the section's
    /// start and only ever grows. A line may end in a bare LF here: the parser refuses it with a better reason.
    mutating func end(of bytes: Span<UInt8>) -> Int? {
        while let lineFeed = Self.lineFeed(in: bytes, from: scanned) {
            if lineFeed + 1 < bytes.count, bytes[lineFeed + 1] == 0x0a { return lineFeed + 2 }
            if lineFeed + 2 < bytes.count {
                if bytes[lineFeed + 1] == 0x0d, bytes[lineFeed + 2] == 0x0a { return lineFeed + 3 }
            } else if lineFeed + 1 >= bytes.count || bytes[lineFeed + 1] == 0x0d {
                scanned = lineFeed
                return nil
            }
            scanned = lineFeed + 1
        }
        scanned = bytes.count
        return nil
    }

    /// The place of the first LF from `start` on.
    static func lineFeed(in bytes: Span<UInt8>, from start: Int) -> Int? {
        guard start < bytes.count else { return nil }
        return unsafe bytes.withUnsafeBytes { raw -> Int? in
            guard let base = raw.baseAddress,
                let found = unsafe memchr(base + start, 0x0a, raw.count - start)
            else { return nil }
            return unsafe UnsafeRawPointer(found) - base
        }
    }
}
