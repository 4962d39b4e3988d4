/// HTTP/3 frame types (RFC 9114 section 7.2, RFC 9218 section 7.2).
public enum FrameType {
    public static let data: UInt64 = 0x00
    public static let headers: UInt64 = 0x01
    public static let cancelPush: UInt64 = 0x03
    public static let settings: UInt64 = 0x04
    public static let pushPromise: UInt64 = 0x05
    public static let goaway: UInt64 = 0x07
    public static let maxPushID: UInt64 = 0x0d
    public static let priorityUpdateRequest: UInt64 = 0xf0700
    public static let priorityUpdatePush: UInt64 = 0xf0701

    /// Types that HTTP/2 had and HTTP/3 has not: their receipt is an error (RFC 9114 section 7.2.8).
    static func isForbidden(_ type: UInt64) -> Bool { type == 0x02 || type == 0x06 || type == 0x08 || type == 0x09 }
}

/// Types of unidirectional streams (RFC 9114 section 6.2, RFC 9204 section 4.2).
public enum StreamType {
    public static let control: UInt64 = 0x00
    public static let push: UInt64 = 0x01
    public static let qpackEncoder: UInt64 = 0x02
    public static let qpackDecoder: UInt64 = 0x03
}

/// Identifiers of settings (RFC 9114 section 7.2.4.1, RFC 9204 section 5, RFC 9220 section 3, RFC 9297 section 2.1.1).
public enum SettingID {
    public static let qpackMaxTableCapacity: UInt64 = 0x01
    public static let maxFieldSectionSize: UInt64 = 0x06
    public static let qpackBlockedStreams: UInt64 = 0x07
    public static let enableConnectProtocol: UInt64 = 0x08
    public static let datagram: UInt64 = 0x33

    /// Identifiers that HTTP/2 had and HTTP/3 has not: their receipt is an error (RFC 9114 section 7.2.4.1).
    static func isForbidden(_ id: UInt64) -> Bool { id == 0 || (id >= 0x02 && id <= 0x05) }
}

/// A frame's type and the length of its payload in bytes (RFC 9114 section 7.1).
public struct FrameHeader: Equatable {
    public var type: UInt64
    public var length: UInt64

    public init(type: UInt64, length: UInt64) {
        self.type = type
        self.length = length
    }
}

/// Reads one frame header after the other; a header may come in pieces.
public struct FrameHeaderReader {
    private var varint = VarintReader()
    private var type: UInt64?

    public init() {}

    /// True in the middle of a header.
    public var isPartial: Bool { type != nil || varint.isPartial }

    /// Reads on at `position` and moves it; nil when the bytes end before the header does.
    @inline(__always) public mutating func read(_ bytes: Span<UInt8>, _ position: inout Int) -> FrameHeader? {
        if type == nil {
            guard let value = varint.read(bytes, &position) else { return nil }
            type = value
        }
        guard let known = type, let length = varint.read(bytes, &position) else { return nil }
        type = nil
        return FrameHeader(type: known, length: length)
    }
}
