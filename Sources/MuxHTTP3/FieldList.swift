import CNghttp3
public import Messages

/// The lines of one field section on their way to the QPACK encoder: a worker's reusable array of pointers into a head.
/// Fill it, encode it and clear it before the head changes.
@safe public struct FieldList: ~Copyable {
    private(set) var lines: UnsafeMutablePointer<nghttp3_nv>
    private var capacity = 64
    public private(set) var count = 0
    /// The section's size as RFC 9114 section 4.2.2 counts it: names, values, and 32 for each line.
    public private(set) var sectionSize: UInt64 = 0

    public init() { unsafe lines = .allocate(capacity: capacity) }

    deinit { unsafe lines.deallocate() }

    public mutating func removeAll() {
        count = 0
        sectionSize = 0
    }

    /// Takes all lines of `head`; the head must not change before the list is cleared.
    public mutating func fill(_ head: MessageHead) {
        removeAll()
        reserve(head.lineLimit)
        head.forEachLine(scheme: "https") { token, name, value in
            // RFC 9204 section 7.1: secrets stay out of both dynamic tables, on the next hops too.
            let isSecret = token == .authorization || token == .proxyAuthorization
            append(name, value, neverIndexed: isSecret)
        }
    }

    private mutating func append(_ name: Span<UInt8>, _ value: Span<UInt8>, neverIndexed: Bool) {
        guard count < capacity else { return }
        unsafe name.withUnsafeBufferPointer { name in
            unsafe value.withUnsafeBufferPointer { value in
                unsafe lines[count] = nghttp3_nv(
                    name: UnsafeMutablePointer(mutating: name.baseAddress),
                    value: UnsafeMutablePointer(mutating: value.baseAddress),
                    namelen: name.count, valuelen: value.count,
                    flags: neverIndexed ? UInt8(NGHTTP3_NV_FLAG_NEVER_INDEX) : 0)
            }
        }
        count += 1
        sectionSize += UInt64(name.count + value.count + 32)
    }

    private mutating func reserve(_ lineCount: Int) {
        guard lineCount > capacity else { return }
        unsafe lines.deallocate()
        capacity = lineCount * 2
        unsafe lines = .allocate(capacity: capacity)
    }
}
