import Glibc

extension SocketAddress {
    /// The address from its text form without a port: `127.0.0.1`, `::1`, `fe80::1%eth0` is not accepted. Nil when the
    /// text is neither an IPv4 nor an IPv6 literal.
    public init?(text: String, port: UInt16) {
        var four = in_addr()
        if unsafe inet_pton(AF_INET, text, &four) == 1 {
            let word = UInt32(bigEndian: four.s_addr)
            self.init(
                ipv4: UInt8(truncatingIfNeeded: word >> 24), UInt8(truncatingIfNeeded: word >> 16),
                UInt8(truncatingIfNeeded: word >> 8), UInt8(truncatingIfNeeded: word), port: port)
            return
        }
        var six = in6_addr()
        guard unsafe inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        var octets = InlineArray<16, UInt8>(repeating: 0)
        unsafe withUnsafeBytes(of: &six) { raw in
            for index in 0..<16 { octets[index] = unsafe raw[index] }
        }
        self.init(family: .ipv6, octets: octets, port: port)
    }

    /// The address from its text form, as above, without an allocation.
    public init?(text: Span<UInt8>, port: UInt16) {
        var copy = InlineArray<46, CChar>(repeating: 0)
        guard text.count < copy.count else { return nil }
        for index in text.indices { copy[index] = CChar(bitPattern: text[index]) }
        var four = in_addr()
        var octets = InlineArray<16, UInt8>(repeating: 0)
        let isIPv4 = unsafe withUnsafePointer(to: copy) { copy in
            unsafe copy.withMemoryRebound(to: CChar.self, capacity: 46) { unsafe inet_pton(AF_INET, $0, &four) == 1 }
        }
        if isIPv4 {
            let word = UInt32(bigEndian: four.s_addr)
            for index in 0..<4 { octets[index] = UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * index)) }
            self.init(family: .ipv4, octets: octets, port: port)
            return
        }
        var six = in6_addr()
        let isIPv6 = unsafe withUnsafePointer(to: copy) { copy in
            unsafe copy.withMemoryRebound(to: CChar.self, capacity: 46) { unsafe inet_pton(AF_INET6, $0, &six) == 1 }
        }
        guard isIPv6 else { return nil }
        unsafe withUnsafeBytes(of: &six) { raw in
            for index in 0..<16 { octets[index] = unsafe raw[index] }
        }
        self.init(family: .ipv6, octets: octets, port: port)
    }

    /// Writes the address without the port, as ``host`` has it, into `room` and gives its length; 0 when there is too
    /// little room, or no IP address.
    public func writeHost(to room: UnsafeMutableBufferPointer<UInt8>) -> Int {
        guard isIP, let base = room.baseAddress else { return 0 }
        if family == .ipv4 { return unsafe writeIPv4(to: room) }
        let text = unsafe UnsafeMutableRawPointer(base).assumingMemoryBound(to: CChar.self)
        let size = socklen_t(min(room.count, Int(INET6_ADDRSTRLEN)))
        var octets = octets
        guard unsafe inet_ntop(AF_INET6, &octets, text, size) != nil else { return 0 }
        return unsafe strlen(text)
    }

    /// The C library's way is a hundred times dearer, and a field or a log line of each request has this.
    @unsafe private func writeIPv4(to room: UnsafeMutableBufferPointer<UInt8>) -> Int {
        guard room.count >= Int(INET_ADDRSTRLEN) else { return 0 }
        var count = 0
        for index in 0..<4 {
            let octet = octets[index]
            if octet >= 100 { unsafe Self.put(0x30 + octet / 100, room, &count) }
            if octet >= 10 { unsafe Self.put(0x30 + octet / 10 % 10, room, &count) }
            unsafe Self.put(0x30 + octet % 10, room, &count)
            if index < 3 { unsafe Self.put(0x2e, room, &count) }
        }
        return count
    }

    @inline(__always)
    @unsafe private static func put(_ byte: UInt8, _ room: UnsafeMutableBufferPointer<UInt8>, _ count: inout Int) {
        unsafe room[count] = byte
        count &+= 1
    }

    /// The address without the port: `127.0.0.1`, `::1`, `unix`. Not for the hot path.
    public var host: String {
        switch family {
        case .ipv4: return "\(octets[0]).\(octets[1]).\(octets[2]).\(octets[3])"
        case .ipv6:
            var six = in6_addr()
            unsafe withUnsafeMutableBytes(of: &six) { raw in
                for index in 0..<16 { unsafe raw[index] = octets[index] }
            }
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            _ = unsafe inet_ntop(AF_INET6, &six, &text, socklen_t(INET6_ADDRSTRLEN))
            return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        case .unix: return "unix"
        case .unspecified: return "unknown"
        }
    }
}

extension SocketAddress: CustomStringConvertible {
    /// `127.0.0.1:80`, `[::1]:80`, `unix`.
    public var description: String {
        switch family {
        case .ipv4: "\(host):\(port)"
        case .ipv6: "[\(host)]:\(port)"
        case .unix, .unspecified: host
        }
    }
}
