import Samples
import Words

/// Converters that read Ethernet frames, IP packets and TCP segments, as `fc_saved_syn` gives them (configuration.txt
/// section 7.3.1).
enum FrameConverters {
    static let all: [Converter] = ethernet + ip + tcp

    // MARK: Ethernet

    private static let ethernet: [Converter] = [
        Converter("eth.data", "What follows the Ethernet header.", from: .bin, to: .bin) { _, _, sample in
            guard let frame = EthernetHeader(sample.bytes) else { return false }
            sample.cut(to: frame.length..<sample.byteCount)
            return true
        },
        Converter("eth.dst", "The six bytes of the destination.", from: .bin, to: .bin) { _, _, sample in
            guard sample.byteCount >= 6 else { return false }
            sample.cut(to: 0..<6)
            return true
        },
        Converter("eth.hdr", "The Ethernet header with its VLAN tags.", from: .bin, to: .bin) { _, _, sample in
            guard let frame = EthernetHeader(sample.bytes) else { return false }
            sample.cut(to: 0..<frame.length)
            return true
        },
        Converter("eth.proto", "The protocol in the frame.", from: .bin, to: .sint) { _, _, sample in
            guard let frame = EthernetHeader(sample.bytes) else { return false }
            sample.setInteger(Int64(frame.proto))
            return true
        },
        Converter("eth.src", "The six bytes of the source.", from: .bin, to: .bin) { _, _, sample in
            guard sample.byteCount >= 12 else { return false }
            sample.cut(to: 6..<12)
            return true
        },
        Converter("eth.vlan", "The last VLAN identifier, if there is one.", from: .bin, to: .sint) { _, _, sample in
            guard let frame = EthernetHeader(sample.bytes), frame.vlan != 0 else { return false }
            sample.setInteger(Int64(frame.vlan))
            return true
        },
    ]

    // MARK: IP

    private static let ip: [Converter] = [
        Converter("ip.data", "What follows the IP header and its extensions.", from: .bin, to: .bin) { _, _, sample in
            guard let length = IPPacket(sample.bytes)?.headerLength(sample.bytes) else { return false }
            sample.cut(to: length..<sample.byteCount)
            return true
        },
        ipNumber("ip.df", "1 when the packet must not be fragmented, as always in IPv6.", v4: 7, v6: 1) {
            $0.version == .v6 || $1[6] & 0x40 != 0 ? 1 : 0
        },
        Converter("ip.dst", "The destination address.", from: .bin, to: .addr) { _, _, sample in
            address(v4: 16, v6: 24, &sample)
        },
        Converter(
            "ip.fp", "A fingerprint of the sender's IP and TCP settings.", example: "fc_saved_syn,ip.fp(3)",
            takes: ArgumentSignature([.integer], required: 0), from: .bin, to: .bin
        ) { evaluation, arguments, sample in
            var text = evaluation.scratch.text()
            let parts = StackFingerprint.Parts(rawValue: arguments.integer(0))
            guard StackFingerprint.write(sample.bytes, parts, into: &text) else { return false }
            text.finish(&sample, .bin)
            return true
        },
        Converter("ip.hdr", "The IP header with its extensions.", from: .bin, to: .bin) { _, _, sample in
            guard let length = IPPacket(sample.bytes)?.headerLength(sample.bytes) else { return false }
            sample.cut(to: 0..<length)
            return true
        },
        Converter("ip.proto", "The protocol in the packet.", from: .bin, to: .sint) { _, _, sample in
            guard let packet = IPPacket(sample.bytes), let proto = packet.upperProtocol(sample.bytes) else {
                return false
            }
            sample.setInteger(Int64(proto))
            return true
        },
        Converter("ip.src", "The source address.", from: .bin, to: .addr) { _, _, sample in
            address(v4: 12, v6: 8, &sample)
        },
        ipNumber("ip.tos", "The type of service, or traffic class.", v4: 2, v6: 2) { $0.serviceType($1) },
        ipNumber("ip.ttl", "The time to live, or hop limit.", v4: 20, v6: 40) { $0.timeToLive($1) },
        Converter("ip.ver", "The IP version.", from: .bin, to: .sint) { _, _, sample in
            guard sample.byteCount > 0 else { return false }
            sample.setInteger(Int64(sample.bytes[0] >> 4))
            return true
        },
    ]

    /// A converter that reads a small number, for which so many bytes have to be there.
    private static func ipNumber(
        _ name: String, _ summary: String, v4: Int, v6: Int,
        read: @escaping @Sendable (IPPacket, Span<UInt8>) -> UInt8
    ) -> Converter {
        Converter(name, summary, from: .bin, to: .sint) { _, _, sample in
            guard let packet = IPPacket(sample.bytes),
                sample.byteCount >= (packet.version == .v4 ? v4 : v6)
            else { return false }
            sample.setInteger(Int64(read(packet, sample.bytes)))
            return true
        }
    }

    private static func address(v4: Int, v6: Int, _ sample: inout Sample) -> Bool {
        let bytes = sample.bytes
        guard let packet = IPPacket(bytes) else { return false }
        switch packet.version {
        case .v4:
            guard bytes.count >= 20 else { return false }
            sample.setIPv4(bigEndian32(bytes, at: v4))
        case .v6:
            guard bytes.count >= 40 else { return false }
            sample.setIPv6(high: bigEndian64(bytes, at: v6), low: bigEndian64(bytes, at: v6 + 8))
        }
        return true
    }

    // MARK: TCP

    private static let tcp: [Converter] = [
        tcpNumber("tcp.dst", "The destination port.") { Int64(bigEndian16($0, at: 2)) },
        tcpNumber("tcp.flags", "The flags.") { Int64($0[13]) },
        tcpOption("tcp.options.mss", "The maximum segment size; 0 when not told.") { segment, bytes in
            guard let option = segment.option(2, bytes), option + 3 < bytes.count else { return 0 }
            return Int64(bigEndian16(bytes, at: option + 2))
        },
        tcpOption("tcp.options.sack", "1 when selective acknowledgements are allowed.") { segment, bytes in
            segment.option(4, bytes) == nil ? 0 : 1
        },
        tcpOption("tcp.options.tsopt", "1 when there is a timestamp.") { segment, bytes in
            segment.option(8, bytes) == nil ? 0 : 1
        },
        tcpOption("tcp.options.tsval", "The sender's timestamp; 0 without one.") { segment, bytes in
            guard let option = segment.option(8, bytes), option + 5 < bytes.count else { return 0 }
            return Int64(bigEndian32(bytes, at: option + 2))
        },
        tcpOption("tcp.options.wscale", "The window scale; 0 without one.") { segment, bytes in
            guard let option = segment.option(3, bytes), option + 2 < bytes.count else { return 0 }
            return Int64(bytes[option + 2])
        },
        tcpOption("tcp.options.wsopt", "1 when there is a window scale.") { segment, bytes in
            segment.option(3, bytes) == nil ? 0 : 1
        },
        Converter("tcp.options_list", "The kinds of the options, a byte each.", from: .bin, to: .bin) {
            evaluation, _, sample in
            guard let segment = TCPSegment(sample.bytes) else { return false }
            var text = evaluation.scratch.text()
            segment.forEachOption(sample.bytes) { kind, _, _ in
                text.append(kind)
                return true
            }
            text.finish(&sample, .bin)
            return true
        },
        tcpNumber("tcp.seq", "The sequence number.") { Int64(bigEndian32($0, at: 4)) },
        tcpNumber("tcp.src", "The source port.") { Int64(bigEndian16($0, at: 0)) },
        tcpNumber("tcp.win", "The window.") { Int64(bigEndian16($0, at: 14)) },
    ]

    /// A converter that reads a number of the fixed part of the header.
    private static func tcpNumber(
        _ name: String, _ summary: String, read: @escaping @Sendable (Span<UInt8>) -> Int64
    ) -> Converter {
        Converter(name, summary, from: .bin, to: .sint) { _, _, sample in
            guard sample.byteCount >= TCPSegment.fixedLength else { return false }
            sample.setInteger(read(sample.bytes))
            return true
        }
    }

    /// A converter that reads an option; the whole header has to be there.
    private static func tcpOption(
        _ name: String, _ summary: String, read: @escaping @Sendable (TCPSegment, Span<UInt8>) -> Int64
    ) -> Converter {
        Converter(name, summary, from: .bin, to: .sint) { _, _, sample in
            guard let segment = TCPSegment(sample.bytes) else { return false }
            sample.setInteger(read(segment, sample.bytes))
            return true
        }
    }
}
