public import Bytes
import CLinux
import Glibc

/// Receives datagrams of any socket of one worker, many in one call: `recvmmsg` into slots that are used again. With
/// UDP_GRO one message may hold up to 64 datagrams of one sender.
@safe public final class DatagramReceiver {
    /// What a call came to.
    public enum Outcome: Equatable, Sendable {
        /// So many messages are in the slots. When `isDrained` the socket had no more.
        case messages(Int, isDrained: Bool)
        /// Nothing waits.
        case wouldBlock
        /// The call failed: an error that waited on the socket, such as ECONNREFUSED.
        case failed(Int32)
    }

    /// One received message: one datagram, or several of the same size and sender.
    @safe public struct Message {
        /// The bytes; good until the next call of ``DatagramReceiver/receive(on:)``.
        public let bytes: UnsafeRawBufferPointer
        /// Bytes of each datagram in the message but the last, which may have fewer.
        public let segmentSize: Int
        /// The address that the datagrams were sent to.
        public let local: SocketAddress
        /// The sender.
        public let remote: SocketAddress
        /// The two ECN bits of the IP header (RFC 3168), the same for all.
        public let ecn: UInt8

        /// How many datagrams the message holds.
        public var count: Int { unsafe (bytes.count + segmentSize - 1) / segmentSize }

        /// The datagram at `index`, from 0 up to ``count``.
        @unsafe public subscript(index: Int) -> UnsafeRawBufferPointer {
            let start = index * segmentSize
            return unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + segmentSize, bytes.count)])
        }
    }

    /// Messages that one call takes at most.
    public let capacity: Int
    private let slotSize: Int
    private let slots: UnsafeMutableRawPointer
    private let controls: UnsafeMutableRawPointer
    private let headers: UnsafeMutablePointer<portico_message>
    private let vectors: UnsafeMutablePointer<iovec>
    private let names: UnsafeMutablePointer<sockaddr_storage>
    private var messages: [Message] = []

    /// Bytes between the slots' starts beside their size: slots that all start at the same place of a page would share
    /// the same few cache lines.
    private static let slotGap = 192
    private static let controlSize = Int(PORTICO_CONTROL_SIZE)

    /// - Parameters:
    ///   - capacity: messages that one call takes at most.
    ///   - slotSize: bytes of the largest message: 64 KiB hold what UDP_GRO gathers. Memory that is never written
    ///     costs nothing.
    public init(capacity: Int = 32, slotSize: Int = 65_536) {
        self.capacity = max(1, capacity)
        self.slotSize = max(2048, slotSize)
        let count = self.capacity
        let stride = self.slotSize + Self.slotGap
        unsafe slots = .allocate(byteCount: count * stride, alignment: 64)
        unsafe controls = .allocate(byteCount: count * Self.controlSize, alignment: 16)
        unsafe headers = .allocate(capacity: count)
        unsafe vectors = .allocate(capacity: count)
        unsafe names = .allocate(capacity: count)
        unsafe names.initialize(repeating: sockaddr_storage(), count: count)
        for index in 0..<count {
            unsafe (vectors + index).initialize(to: iovec(iov_base: slots + index * stride, iov_len: self.slotSize))
            var header = unsafe portico_message()
            unsafe header.header.msg_name = UnsafeMutableRawPointer(names + index)
            unsafe header.header.msg_iov = vectors + index
            unsafe header.header.msg_iovlen = 1
            unsafe header.header.msg_control = controls + index * Self.controlSize
            unsafe (headers + index).initialize(to: header)
            reset(index)
        }
        messages.reserveCapacity(count)
    }

    deinit {
        unsafe slots.deallocate()
        unsafe controls.deallocate()
        unsafe headers.deallocate()
        unsafe vectors.deallocate()
        unsafe names.deallocate()
    }

    /// Makes a header ready for the next call: the kernel has written the lengths.
    private func reset(_ index: Int) {
        unsafe headers[index].header.msg_namelen = socklen_t(MemoryLayout<sockaddr_storage>.size)
        unsafe headers[index].header.msg_controllen = Self.controlSize
        unsafe headers[index].header.msg_flags = 0
    }

    /// Takes what waits on `socket`, at most ``capacity`` messages. Longer datagrams than a slot are dropped.
    public func receive(on socket: DatagramSocket) -> Outcome {
        messages.removeAll(keepingCapacity: true)
        let count = retryingInterrupts {
            unsafe portico_receive_messages(socket.descriptor, headers, UInt32(capacity))
        }
        guard count >= 0 else { return errno == EAGAIN ? .wouldBlock : .failed(errno) }
        socket.counters.receiveCalls &+= 1
        for index in 0..<Int(count) {
            take(index, socket)
            reset(index)
        }
        return .messages(messages.count, isDrained: Int(count) < capacity)
    }

    /// The message at `index` of the last call.
    public subscript(index: Int) -> Message { messages[index] }

    private func take(_ index: Int, _ socket: DatagramSocket) {
        let header = unsafe headers + index
        var control = portico_received()
        unsafe portico_read_control(header, &control)
        if control.has_overflowed != 0 {
            socket.counters.overflowed &+= UInt64(control.overflowed &- socket.lastOverflow)
            socket.lastOverflow = control.overflowed
        }
        let size = min(Int(unsafe header.pointee.length), slotSize)
        guard unsafe header.pointee.header.msg_flags & Int32(MSG_TRUNC) == 0 else {
            socket.counters.truncated &+= 1
            return
        }
        guard size > 0, let base = unsafe vectors[index].iov_base else { return }
        let segment = control.segment_size == 0 ? size : min(Int(control.segment_size), size)
        let name = unsafe UnsafeRawBufferPointer(
            start: names + index, count: MemoryLayout<sockaddr_storage>.size)
        let remote =
            unsafe socket.peerAddress
            ?? SocketAddress(raw: name, length: Int(header.pointee.header.msg_namelen))
        let message = unsafe Message(
            bytes: UnsafeRawBufferPointer(start: base, count: size), segmentSize: segment,
            local: local(of: control, socket), remote: remote, ecn: control.ecn)
        socket.counters.received &+= UInt64(message.count)
        socket.counters.receivedBytes &+= UInt64(size)
        messages.append(message)
    }

    private func local(of control: portico_received, _ socket: DatagramSocket) -> SocketAddress {
        guard socket.isWildcard, control.local_family != 0 else { return socket.localAddress }
        var octets = InlineArray<16, UInt8>(repeating: 0)
        var from = control.local
        let count = Int32(control.local_family) == AF_INET ? 4 : 16
        unsafe withUnsafeBytes(of: &from) { bytes in
            for index in 0..<count { octets[index] = unsafe bytes[index] }
        }
        return SocketAddress(
            family: count == 4 ? .ipv4 : .ipv6, octets: octets, port: socket.localAddress.port)
    }
}
