public import Bytes
public import Messages

/// A value that a fetch took out of a message, a connection or the process, or that a converter made of one.
///
/// Text is not copied: a sample shows the bytes of a message head, of the configuration, or of the worker's
/// ``ScratchArena``. It is good until that message is changed, the head is given back, or the arena is released: use it
/// at once, and copy what has to stay.
@safe public struct Sample {
    /// What a consumer of the sample has to know besides its value.
    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The fetch has more values: the next evaluation with ``Evaluation/iterates`` gives the next one.
        public static let notLast = Flags(rawValue: 1)
        /// More data may change the result; a failed fetch with this flag may succeed later.
        public static let mayChange = Flags(rawValue: 2)
    }

    public var type: SampleType = .bool
    public var flags: Flags = []
    /// The value of `bool` (0 or 1) and `sint`, and ``Method``'s raw value for `meth`.
    public var number: Int64 = 0
    /// An address in network order; IPv4 has it in the low 32 bits of ``addressLow``.
    public var addressHigh: UInt64 = 0
    public var addressLow: UInt64 = 0
    /// Where an iterating fetch goes on; 0 at the start. The fetch alone reads and writes it.
    public var cursor = 0

    private var start: UnsafePointer<UInt8>?
    private var count = 0

    public init() { unsafe start = nil }

    // MARK: Values

    /// The text of `str`, `bin`, and of a `meth` that is not well known; empty for other types.
    public var bytes: Span<UInt8> {
        @_lifetime(borrow self) get {
            guard let start = unsafe start else { return Span() }
            return unsafe _overrideLifetime(Span(_unsafeStart: start, count: count), borrowing: self)
        }
    }

    /// Bytes of text.
    public var byteCount: Int { count }

    public mutating func setBool(_ value: Bool) {
        type = .bool
        number = value ? 1 : 0
    }

    public mutating func setInteger(_ value: Int64) {
        type = .sint
        number = value
    }

    /// Shows `text`, which the caller keeps unchanged as long as the sample is used.
    public mutating func setText(_ text: Span<UInt8>, _ type: SampleType = .str) {
        self.type = type
        count = text.count
        unsafe text.withUnsafeBufferPointer { unsafe start = $0.baseAddress }
    }

    /// Shows the text of a literal.
    public mutating func setText(_ text: StaticString, _ type: SampleType = .str) {
        self.type = type
        count = text.utf8CodeUnitCount
        unsafe start = text.utf8Start
    }

    /// Keeps only the bytes in `range` of the text, without a copy. The type stays.
    public mutating func cut(to range: Range<Int>) {
        let lower = min(max(range.lowerBound, 0), count)
        let upper = min(max(range.upperBound, lower), count)
        if let base = unsafe start { unsafe start = base + lower }
        count = upper - lower
    }

    public mutating func setIPv4(_ value: UInt32) {
        type = .ipv4
        addressHigh = 0
        addressLow = UInt64(value)
    }

    public mutating func setIPv6(high: UInt64, low: UInt64) {
        type = .ipv6
        addressHigh = high
        addressLow = low
    }

    /// The address of a socket; false when it is no IP address.
    public mutating func setAddress(_ address: SocketAddress) -> Bool {
        switch address.family {
        case .ipv4:
            var value: UInt32 = 0
            for index in 0..<4 { value = value << 8 | UInt32(address.octets[index]) }
            setIPv4(value)
        case .ipv6:
            var high: UInt64 = 0
            var low: UInt64 = 0
            for index in 0..<8 { high = high << 8 | UInt64(address.octets[index]) }
            for index in 8..<16 { low = low << 8 | UInt64(address.octets[index]) }
            setIPv6(high: high, low: low)
        case .unix, .unspecified: return false
        }
        return true
    }

    /// The sample's address as a socket address with `port`. Only for `ipv4` and `ipv6`.
    public func socketAddress(port: UInt16 = 0) -> SocketAddress {
        var octets = InlineArray<16, UInt8>(repeating: 0)
        if type == .ipv4 {
            for index in 0..<4 { octets[index] = UInt8(truncatingIfNeeded: addressLow >> UInt64(24 - 8 * index)) }
            return SocketAddress(family: .ipv4, octets: octets, port: port)
        }
        for index in 0..<8 {
            octets[index] = UInt8(truncatingIfNeeded: addressHigh >> UInt64(56 - 8 * index))
            octets[index + 8] = UInt8(truncatingIfNeeded: addressLow >> UInt64(56 - 8 * index))
        }
        return SocketAddress(family: .ipv6, octets: octets, port: port)
    }

    /// A method; `text` is shown when it is not a well-known one.
    public mutating func setMethod(_ method: Method, text: Span<UInt8>) {
        setText(text, .meth)
        number = Int64(method.rawValue)
    }
}
