/// An Ethernet header (IEEE 802.3) with its VLAN tags (IEEE 802.1Q).
struct EthernetHeader {
    /// Bytes of it.
    let length: Int
    /// The protocol in the frame.
    let proto: UInt16
    /// The last VLAN identifier; 0: none.
    let vlan: UInt16

    /// The kind of a VLAN tag.
    private static let vlanTag: UInt16 = 0x8100

    /// Reads it; nil when it is not here whole with at least a byte that follows.
    init?(_ frame: Span<UInt8>) {
        var index = 12
        var vlan: UInt16 = 0
        while index + 2 < frame.count {
            let proto = bigEndian16(frame, at: index)
            if proto != Self.vlanTag {
                length = index + 2
                self.proto = proto
                self.vlan = vlan
                return
            }
            guard index + 4 <= frame.count else { return nil }
            vlan = bigEndian16(frame, at: index + 2) & 0xfff
            index += 4
        }
        return nil
    }
}
