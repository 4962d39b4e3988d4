import Bytes
import QUICTransport
import Runtime

/// The messages between an older process and the newest one, on a ``MessagePair``. What finds no room there is dropped, as
/// in a full receive buffer.
public enum QUICChannel {
    /// What a message is, by its first byte.
    @safe public enum Message {
        /// The newer process serves, and has the groups.
        case commit
        /// The older process has seen that.
        case committed
        /// A worker of the older process has ended.
        case workerEnded(Int)
        /// A datagram that reached the wrong process.
        case datagram(UnsafeRawBufferPointer)
    }

    /// Bytes of the largest message.
    public static let messageLimit = 66_000

    /// Tells an older process that this one serves, and has the groups.
    public static func commit(_ channel: Int32) { _ = MessagePair.send([UInt8(ascii: "C")], on: channel) }

    /// Tells a newer process that ``commit(_:)`` was seen.
    public static func confirm(_ channel: Int32) { _ = MessagePair.send([UInt8(ascii: "K")], on: channel) }

    static func sendEnd(of worker: Int, on channel: Int32) {
        _ = MessagePair.send(
            [UInt8(ascii: "W"), UInt8(truncatingIfNeeded: worker >> 8), UInt8(truncatingIfNeeded: worker)],
            on: channel)
    }

    /// Tells what a message is; nil when it is none of ours.
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> Message? {
        switch unsafe bytes.first {
        case UInt8(ascii: "C"): .commit
        case UInt8(ascii: "K"): .committed
        case UInt8(ascii: "W") where bytes.count == 3: .workerEnded(unsafe Int(bytes[1]) << 8 | Int(bytes[2]))
        case UInt8(ascii: "D"): unsafe .datagram(UnsafeRawBufferPointer(rebasing: bytes.dropFirst()))
        default: nil
        }
    }
}

extension HandedDatagram {
    /// Bytes before the datagram: how often it was handed over, its ECN mark, and two addresses.
    private static let headCount = 2 + 2 * addressCount
    private static let addressCount = 1 + 16 + 2 + 4

    /// The message for another process.
    var message: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(1 + Self.headCount + self.bytes.count)
        bytes += [UInt8(ascii: "D"), hops, ecn]
        for address in [path.local, path.remote] {
            bytes.append(address.family.rawValue)
            for index in 0..<16 { bytes.append(address.octets[index]) }
            bytes += [UInt8(address.port >> 8), UInt8(truncatingIfNeeded: address.port)]
            for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: address.scope >> UInt32(shift))) }
        }
        return bytes + self.bytes
    }

    /// Reads what ``message`` wrote, without its first byte.
    init?(message: UnsafeRawBufferPointer) {
        guard message.count > Self.headCount else { return nil }
        func address(at start: Int) -> SocketAddress? {
            guard let family = SocketAddress.Family(rawValue: unsafe message[start]) else { return nil }
            var octets = InlineArray<16, UInt8>(repeating: 0)
            for index in 0..<16 { octets[index] = unsafe message[start + 1 + index] }
            let port = unsafe UInt16(message[start + 17]) << 8 | UInt16(message[start + 18])
            var scope: UInt32 = 0
            for index in 0..<4 { scope = unsafe scope << 8 | UInt32(message[start + 19 + index]) }
            return SocketAddress(family: family, octets: octets, port: port, scope: scope)
        }
        guard let local = address(at: 2), let remote = address(at: 2 + Self.addressCount) else { return nil }
        unsafe self.init(
            bytes: Array(message[Self.headCount...]), path: QUICPath(local: local, remote: remote), ecn: message[1],
            listener: nil, hops: message[0])
    }
}
