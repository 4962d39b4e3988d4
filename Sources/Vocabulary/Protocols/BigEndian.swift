/// The number in network order at `index`; the caller knows that it is there.
func bigEndian16(_ bytes: Span<UInt8>, at index: Int) -> UInt16 {
    UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1])
}

/// The number in network order at `index`; the caller knows that it is there.
func bigEndian32(_ bytes: Span<UInt8>, at index: Int) -> UInt32 {
    UInt32(bigEndian16(bytes, at: index)) << 16 | UInt32(bigEndian16(bytes, at: index + 2))
}

/// The number in network order at `index`; the caller knows that it is there.
func bigEndian64(_ bytes: Span<UInt8>, at index: Int) -> UInt64 {
    UInt64(bigEndian32(bytes, at: index)) << 32 | UInt64(bigEndian32(bytes, at: index + 4))
}
