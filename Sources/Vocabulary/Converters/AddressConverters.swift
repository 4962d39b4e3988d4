import Samples

/// Converters of IP addresses (configuration.txt section 7.3.1).
enum AddressConverters {
    static let all: [Converter] = [
        Converter(
            "ipmask",
            "The address with only the bits that the mask has. An IPv6 address that carries an IPv4 one becomes that;"
                + " others need the second mask.",
            example: "src,ipmask(24,64)", takes: ArgumentSignature([.mask4, .mask6], required: 1), from: .addr,
            to: .addr
        ) { _, arguments, sample in
            if sample.type == .ipv6, let address = Cast.ipv4(high: sample.addressHigh, low: sample.addressLow) {
                sample.setIPv4(address)
            }
            switch (sample.type, arguments[0], arguments[1]) {
            case (.ipv4, .ipv4(let mask), _):
                sample.setIPv4(UInt32(truncatingIfNeeded: sample.addressLow) & mask)
                return true
            case (.ipv6, _, .ipv6(let high, let low)):
                sample.setIPv6(high: sample.addressHigh & high, low: sample.addressLow & low)
                return true
            default: return false
            }
        }
    ]
}
