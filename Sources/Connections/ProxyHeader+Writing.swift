public import Bytes

// PROXY headers towards servers (haproxy.org's proxy-protocol.txt). Addresses of which one is no IP address are not told;
// an IPv4 address beside an IPv6 one is written as an IPv6 one.
extension ProxyHeader {
    /// What a header of version 2 tells of the client's TLS connection.
    public struct TLSPart: Sendable {
        /// As `TLSv1.3`; nil for a client without TLS.
        public var version: String?
        /// The cipher's name; nil: it is not told.
        public var cipher: String?
        /// The client has shown a certificate, in this TLS session or in the one that it resumes.
        public var hasCertificate = false
        /// It has shown it on this connection.
        public var hasShownCertificate = false
        /// OpenSSL's number of what verifying it gave; 0 when it is good.
        public var verification = 0
        /// The common name of the client's certificate; nil: it is not told.
        public var commonName: [UInt8]?
        /// Of the key of the certificate that the client saw: `EC256`; nil: it is not told.
        public var keyAlgorithm: String?
        /// Of the signature of that certificate; nil: it is not told.
        public var signatureAlgorithm: String?

        public init(version: String?, cipher: String?) {
            self.version = version
            self.cipher = cipher
        }

        /// PP2_CLIENT_SSL, PP2_CLIENT_CERT_CONN, PP2_CLIENT_CERT_SESS.
        fileprivate var flags: UInt8 {
            guard version != nil else { return 0 }
            return 1 | (hasCertificate && hasShownCertificate ? 2 : 0) | (hasCertificate ? 4 : 0)
        }
    }

    /// A version 1 header.
    public static func text(source: SocketAddress, destination: SocketAddress) -> [UInt8] {
        guard source.isIP, destination.isIP else { return Array("PROXY UNKNOWN\r\n".utf8) }
        let isIPv4 = source.family == .ipv4 && destination.family == .ipv4
        let (from, to) = isIPv4 ? (source, destination) : (source.asIPv6, destination.asIPv6)
        let line = "PROXY \(isIPv4 ? "TCP4" : "TCP6") \(from.host) \(to.host) \(from.port) \(to.port)\r\n"
        return Array(line.utf8)
    }

    /// A version 2 header.
    ///
    /// - Parameters:
    ///   - alpn: the protocol of the client's connection; empty: not told.
    ///   - authority: the name that the client gave in SNI; nil: not told.
    ///   - tls: nil: not told.
    ///   - hasChecksum: a CRC-32C over the header is added.
    public static func binary(
        source: SocketAddress, destination: SocketAddress, alpn: String, authority: String?, tls: TLSPart?,
        hasChecksum: Bool, uniqueID: [UInt8]? = nil, fields: [Field] = []
    ) -> [UInt8] {
        var header: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
        if !source.isIP || !destination.isIP {
            header += [0x20, 0x00, 0, 0]
        } else {
            let isIPv4 = source.family == .ipv4 && destination.family == .ipv4
            header += [0x21, isIPv4 ? 0x11 : 0x21, 0, 0]
            let (from, to) = isIPv4 ? (source, destination) : (source.asIPv6, destination.asIPv6)
            for address in [from, to] {
                for index in 0..<(isIPv4 ? 4 : 16) { header.append(address.octets[index]) }
            }
            for port in [from.port, to.port] { header += [UInt8(port >> 8), UInt8(truncatingIfNeeded: port)] }
        }
        for field in fields { append(field.type, field.value, to: &header) }
        var checksumAt: Int?
        if hasChecksum {
            checksumAt = header.count + 3
            append(0x03, [0, 0, 0, 0], to: &header)
        }
        if !alpn.isEmpty { append(0x01, Array(alpn.utf8), to: &header) }
        if let authority { append(0x02, Array(authority.utf8), to: &header) }
        if let uniqueID, !uniqueID.isEmpty { append(0x05, uniqueID, to: &header) }
        if let tls {
            var value = [tls.flags]
            let result = tls.hasCertificate ? UInt32(clamping: tls.verification) : 0
            for shift: UInt32 in [24, 16, 8, 0] { value.append(UInt8(truncatingIfNeeded: result >> shift)) }
            if let version = tls.version {
                append(0x21, Array(version.utf8), to: &value)
                if let name = tls.commonName { append(0x22, name, to: &value) }
                if let name = tls.keyAlgorithm { append(0x25, Array(name.utf8), to: &value) }
                if let name = tls.signatureAlgorithm { append(0x24, Array(name.utf8), to: &value) }
                if let cipher = tls.cipher { append(0x23, Array(cipher.utf8), to: &value) }
            }
            append(0x20, value, to: &header)
        }
        let length = header.count - 16
        header[14] = UInt8(truncatingIfNeeded: length >> 8)
        header[15] = UInt8(truncatingIfNeeded: length)
        if let place = checksumAt {
            let sum = ByteHash.crc32c(header.span)
            for index in 0..<4 { header[place + index] = UInt8(truncatingIfNeeded: sum >> UInt32(24 - 8 * index)) }
        }
        return header
    }

    private static func append(_ type: UInt8, _ value: [UInt8], to bytes: inout [UInt8]) {
        bytes += [type, UInt8(truncatingIfNeeded: value.count >> 8), UInt8(truncatingIfNeeded: value.count)]
        bytes += value
    }
}

extension SocketAddress {
    /// An IPv4 address as one of IPv6 (`::ffff:a.b.c.d`).
    fileprivate var asIPv6: SocketAddress {
        guard family == .ipv4 else { return self }
        var mapped = InlineArray<16, UInt8>(repeating: 0)
        mapped[10] = 0xff
        mapped[11] = 0xff
        for index in 0..<4 { mapped[12 + index] = octets[index] }
        return SocketAddress(family: .ipv6, octets: mapped, port: port)
    }
}
