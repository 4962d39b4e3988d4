/// An IPv4 (RFC 791) or IPv6 (RFC 8200) packet. Each reader looks that the bytes it needs are there.
struct IPPacket {
    enum Version { case v4, v6 }
    let version: Version

    /// Protocols that end a chain of IPv6 extension headers here.
    private static let tcp: UInt8 = 6
    private static let udp: UInt8 = 17
    private static let v6HeaderLength = 40

    /// Nil when the version is neither.
    init?(_ packet: Span<UInt8>) {
        guard packet.count > 0 else { return nil }
        switch packet[0] >> 4 {
        case 4: version = .v4
        case 6: version = .v6
        default: return nil
        }
    }

    /// Bytes before the upper protocol's header; nil when they are not all here, or when there are none.
    func headerLength(_ packet: Span<UInt8>) -> Int? {
        switch version {
        case .v4:
            let length = Int(packet[0] & 15) * 4
            return length > 0 && packet.count >= length ? length : nil
        case .v6: return extensions(packet)?.length
        }
    }

    /// The upper protocol's number; nil when the headers before it are not all here.
    func upperProtocol(_ packet: Span<UInt8>) -> UInt8? {
        switch version {
        case .v4: packet.count >= 10 ? packet[9] : nil
        case .v6: extensions(packet)?.proto
        }
    }

    /// IPv6: bytes of the header and its extensions, and the protocol after them, which is TCP or UDP.
    private func extensions(_ packet: Span<UInt8>) -> (length: Int, proto: UInt8)? {
        guard packet.count >= Self.v6HeaderLength else { return nil }
        var length = Self.v6HeaderLength
        var next = packet[6]
        while next != Self.tcp, next != Self.udp {
            guard packet.count >= length + 2 else { return nil }
            next = packet[length]
            length += Int(packet[length + 1]) * 8 + 8
        }
        return packet.count >= length ? (length, next) : nil
    }

    /// The type of service; two bytes have to be there.
    func serviceType(_ packet: Span<UInt8>) -> UInt8 {
        version == .v4 ? packet[1] : UInt8(truncatingIfNeeded: bigEndian16(packet, at: 0) >> 4)
    }

    /// The time to live; nine bytes have to be there.
    func timeToLive(_ packet: Span<UInt8>) -> UInt8 { version == .v4 ? packet[8] : packet[7] }

    /// Whether IPv4 options or IPv6 extension headers are there; seven bytes have to be.
    func hasExtensions(_ packet: Span<UInt8>) -> Bool {
        version == .v4 ? packet[0] & 15 != 5 : packet[6] != Self.tcp && packet[6] != Self.udp
    }
}
