import Samples

/// A fingerprint of how a system's IP and TCP are set, taken from the packet that opens a connection (configuration.txt
/// section 7.3.1, `ip.fp`).
enum StackFingerprint {
    /// What is added to the eight bytes that are always there.
    struct Parts: OptionSet {
        let rawValue: Int64
        /// The time to live as it is.
        static let timeToLive = Parts(rawValue: 1)
        /// The kinds of the TCP options in their order.
        static let options = Parts(rawValue: 2)
        /// The source address.
        static let source = Parts(rawValue: 4)
    }

    /// Writes the fingerprint of `packet`. False when its headers are not all here.
    static func write(_ packet: Span<UInt8>, _ parts: Parts, into text: inout ScratchText) -> Bool {
        guard let ip = IPPacket(packet), packet.count >= (ip.version == .v4 ? 20 : 40),
            let ipLength = ip.headerLength(packet)
        else { return false }
        let isV6 = ip.version == .v6
        // The length that the packet says; IPv6 does not count its own header.
        var left = isV6 ? (40 + Int(bigEndian16(packet, at: 4))) & 0xffff : Int(bigEndian16(packet, at: 2))
        guard ipLength <= left else { return false }
        left -= ipLength
        let segment = packet.extracting(droppingFirst: ipLength)
        guard let tcp = TCPSegment(segment), tcp.headerLength <= left else { return false }
        left -= tcp.headerLength

        let timeToLive = ip.timeToLive(packet)
        let timeClass: UInt8 = timeToLive > 64 ? (timeToLive > 128 ? 3 : 2) : timeToLive > 32 ? 1 : 0
        let isWhole = isV6 || packet[6] & 0x40 != 0
        text.append(ip.serviceType(packet))
        var marks: UInt8 = (isV6 ? 0x80 : 0) | (isWhole ? 0x40 : 0) | timeClass << 4
        marks |= (ip.hasExtensions(packet) ? 8 : 0) | (left > 0 ? 4 : 0) | segment[13] >> 6
        text.append(marks)

        var largestSegment: UInt16 = 0
        var scale: UInt8 = 0
        var present: UInt8 = 0
        tcp.forEachOption(segment) { kind, start, next in
            guard let next, next <= tcp.headerLength else { return false }
            if kind == 2, start + 3 < tcp.headerLength {
                largestSegment = bigEndian16(segment, at: start + 2)
            } else if kind == 3, start + 2 < tcp.headerLength {
                // From 1 on, so that 0 is none.
                scale = min(segment[start + 2], 14) + 1
            }
            if kind >= 2 { present |= 1 << min(kind - 2, 7) }
            return true
        }
        text.append(UInt8(truncatingIfNeeded: tcp.headerLength << 2) | scale)
        append(bigEndian16(segment, at: 14), to: &text)
        append(largestSegment, to: &text)
        text.append(present)

        if parts.contains(.timeToLive) { text.append(timeToLive) }
        if parts.contains(.options) {
            tcp.forEachOption(segment) { kind, _, next in
                guard let next, next <= tcp.headerLength else { return false }
                text.append(kind)
                return true
            }
        }
        if parts.contains(.source) { text.append(packet.extracting(isV6 ? 8..<24 : 12..<16)) }
        return true
    }

    private static func append(_ number: UInt16, to text: inout ScratchText) {
        text.append(UInt8(number >> 8))
        text.append(UInt8(truncatingIfNeeded: number))
    }
}
