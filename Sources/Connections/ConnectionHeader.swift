import Bytes

/// A header that a connection begins with, before TLS: it tells whose connection an intermediary passes on.
public enum ConnectionHeader: Sendable, Equatable {
    /// The PROXY protocol: `accept-proxy`, `expect-proxy`.
    case proxy
    /// NetScaler's Client IP insertion with its magic number: `accept-netscaler-cip`, `expect-netscaler-cip`.
    case addresses(magic: UInt32)

    /// Reads the header at the start of `bytes`; nil when more bytes are needed.
    func parse(_ bytes: Span<UInt8>) throws(ConnectionFailure) -> ProxyHeader? {
        switch self {
        case .proxy:
            do throws(ProxyHeaderError) { return try ProxyHeader.parse(bytes) } catch { throw .proxyHeader(error) }
        case .addresses(let magic):
            do throws(AddressHeaderError) { return try AddressHeader.parse(bytes, magic: magic) } catch {
                throw .addressHeader(error)
            }
        }
    }
}

/// Why the first bytes of a connection are not a NetScaler Client IP header.
public enum AddressHeaderError: Error, Equatable, Sendable {
    /// Another magic number than the one agreed on.
    case badMagic
    /// Neither of the two header formats, or no TCP over IPv4 or IPv6 in it.
    case badProtocol
    /// The peer ended before the first byte, or the header did not come in one piece.
    case closed, truncated
    /// The header did not come in time.
    case timeout
}

/// NetScaler's Client IP insertion: a magic number and lengths, then the IP and TCP headers of the client's packet
/// (configuration.txt section 5.1, `accept-netscaler-cip`).
enum AddressHeader {
    /// Reads a header; it has to be here whole, as in HAProxy.
    static func parse(_ bytes: Span<UInt8>, magic: UInt32) throws(AddressHeaderError) -> ProxyHeader {
        guard bytes.count >= 12 else { throw .truncated }
        guard number(bytes, 0, 4) == Int(magic) else { throw .badMagic }
        let length: Int
        let start: Int
        if bytes[8] & 0xd0 == 0x40 {
            // The old form: magic number and length of what follows.
            length = number(bytes, 4, 4)
            start = 8
        } else if bytes[8] == 0 {
            length = number(bytes, 10, 2)
            start = 12
        } else {
            throw .badProtocol
        }
        guard length >= 20, length <= ProxyHeader.maximumLength - start, bytes.count >= start + length else {
            throw .truncated
        }
        var header = ProxyHeader(length: start + length)
        let packet = bytes.extracting(start..<start + length)
        let ports: Int
        switch packet[0] >> 4 {
        case 4:
            guard packet[9] == 6 else { throw .badProtocol }
            ports = Int(packet[0] & 15) * 4
            guard ports >= 20, packet.count >= ports + 4 else { throw .truncated }
            header.source = address(packet, at: 12, octets: 4, port: number(packet, ports, 2))
            header.destination = address(packet, at: 16, octets: 4, port: number(packet, ports + 2, 2))
        case 6:
            ports = 40
            guard packet.count >= ports + 4 else { throw .truncated }
            guard packet[6] == 6 else { throw .badProtocol }
            header.source = address(packet, at: 8, octets: 16, port: number(packet, ports, 2))
            header.destination = address(packet, at: 24, octets: 16, port: number(packet, ports + 2, 2))
        default: throw .badProtocol
        }
        return header
    }

    private static func number(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> Int {
        var value = 0
        for index in start..<start + count { value = value << 8 | Int(bytes[index]) }
        return value
    }

    private static func address(_ bytes: Span<UInt8>, at start: Int, octets count: Int, port: Int) -> SocketAddress {
        var octets = InlineArray<16, UInt8>(repeating: 0)
        for index in 0..<count { octets[index] = bytes[start + index] }
        return SocketAddress(family: count == 4 ? .ipv4 : .ipv6, octets: octets, port: UInt16(clamping: port))
    }
}
