/// QUIC version 2 has two numbers: RFC 9369's on the wire, and that of its draft, by which ngtcp2 0.12 knows it. Here
/// they change places, at our own seam around the library: in the datagrams and transport parameters that come in, and
/// in the headers that go out. Nobody outside sees the draft's number, and the library does not know a peer's that uses
/// it.
package enum VersionTranslation {
    /// RFC 9369 section 3.1.
    package static let outside: UInt32 = 0x6b33_43cf
    /// The library's number for it.
    package static let inside: UInt32 = 0x709a_50c4

    /// The number on the other side of the seam.
    package static func translated(_ version: UInt32) -> UInt32 {
        switch version {
        case outside: inside
        case inside: outside
        default: version
        }
    }

    // MARK: Datagrams

    /// Bit of a packet's first byte that tells a long header (RFC 9000 section 17.2).
    private static let longForm: UInt8 = 0x80
    private static let versionCount = 4

    /// Calls `body` with the place of each version number in a datagram: those of its packets' long headers, as far as
    /// they can be read, and those that a Version Negotiation packet lists.
    package static func forEachVersion(in datagram: RawSpan, _ body: (Int) -> Void) {
        var start = 0
        while datagram.byteCount - start > versionCount, datagram.byte(start) & longForm != 0 {
            body(start + 1)
            guard let ids = endOfIDs(of: datagram, from: start + 1 + versionCount) else { return }
            let version = datagram.number(start + 1)
            if version == 0 {
                var place = ids
                while datagram.byteCount - place >= versionCount {
                    body(place)
                    place += versionCount
                }
                return
            }
            guard let end = endOfPacket(in: datagram, start: start, version: version, from: ids) else { return }
            start = end
        }
    }

    /// Where the connection IDs end that begin with a length at `start`; nil when they are cut short.
    private static func endOfIDs(of datagram: RawSpan, from start: Int) -> Int? {
        var place = start
        for _ in 0..<2 {
            guard place < datagram.byteCount else { return nil }
            place += 1 + Int(datagram.byte(place))
        }
        return place <= datagram.byteCount ? place : nil
    }

    /// Where the next packet of the datagram begins; nil when there is none.
    private static func endOfPacket(in datagram: RawSpan, start: Int, version: UInt32, from ids: Int) -> Int? {
        enum Kind { case initial, other, retry }
        let type = datagram.byte(start) >> 4 & 3
        // RFC 9000 table 5, RFC 9369 section 3.2.
        let kind: Kind? =
            switch (version, type) {
            case (QUICSettings.Version.v1, 0), (outside, 1), (inside, 1): .initial
            case (QUICSettings.Version.v1, 3), (outside, 0), (inside, 0): .retry
            case (QUICSettings.Version.v1, _), (outside, _), (inside, _): .other
            default: nil
            }
        var place = ids
        switch kind {
        case nil, .retry: return nil
        case .initial:
            guard let token = datagram.varint(at: &place), token <= UInt64(datagram.byteCount - place) else {
                return nil
            }
            place += Int(token)
        case .other: break
        }
        guard let length = datagram.varint(at: &place), length <= UInt64(datagram.byteCount - place) else { return nil }
        return place + Int(length)
    }
}

/// A place for datagrams whose versions are translated: what a caller owns is never changed. One per endpoint.
@safe
final class DatagramTranslator {
    /// Largest UDP payload.
    private static let capacity = 65_535
    private var room: UnsafeMutableRawBufferPointer?

    deinit {
        unsafe room?.deallocate()
    }

    /// The datagram as the library is to see it: mostly itself, else a copy, which lasts until the next call.
    func inside(_ datagram: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        // After the handshake packets have short headers, and this is all that there is to it.
        guard let first = unsafe datagram.first, first & 0x80 != 0, datagram.count <= Self.capacity else {
            return unsafe datagram
        }
        return unsafe translated(datagram)
    }

    @inline(never)
    private func translated(_ datagram: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let bytes = unsafe datagram.bytes
        var result = unsafe datagram
        VersionTranslation.forEachVersion(in: bytes) { place in
            let version = unsafe datagram.loadUnaligned(fromByteOffset: place, as: UInt32.self).bigEndian
            let other = VersionTranslation.translated(version)
            guard other != version else { return }
            let room = unsafe copy(of: datagram, &result)
            unsafe room.storeBytes(of: other.bigEndian, toByteOffset: place, as: UInt32.self)
        }
        return unsafe result
    }

    /// Copies the datagram, once.
    private func copy(
        of datagram: UnsafeRawBufferPointer, _ result: inout UnsafeRawBufferPointer
    ) -> UnsafeMutableRawBufferPointer {
        let room = unsafe self.room ?? .allocate(byteCount: Self.capacity, alignment: 8)
        unsafe self.room = room
        if unsafe result.baseAddress == datagram.baseAddress {
            unsafe room.copyMemory(from: datagram)
            unsafe result = UnsafeRawBufferPointer(rebasing: room[..<datagram.count])
        }
        return unsafe room
    }
}

extension RawSpan {
    /// The byte at `place`, which is inside.
    fileprivate func byte(_ place: Int) -> UInt8 {
        unsafe unsafeLoad(fromUncheckedByteOffset: check(place, 1), as: UInt8.self)
    }

    /// The four bytes at `place`, which are inside, as a number in network order.
    fileprivate func number(_ place: Int) -> UInt32 {
        unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: check(place, 4), as: UInt32.self).bigEndian
    }

    private func check(_ place: Int, _ count: Int) -> Int {
        precondition(place >= 0 && count <= byteCount - place)
        return place
    }

    /// The variable-length integer at `place` (RFC 9000 section 16), and `place` after it; nil when it is cut short.
    func varint(at place: inout Int) -> UInt64? {
        guard place < byteCount else { return nil }
        let first = byte(place)
        let count = 1 << Int(first >> 6)
        guard count <= byteCount - place else { return nil }
        var value = UInt64(first & 0x3f)
        for index in 1..<count { value = value << 8 | UInt64(byte(place + index)) }
        place += count
        return value
    }
}
