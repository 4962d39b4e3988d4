// OpenSSL's way to a socket: a BIO over a non-blocking descriptor.

import COpenSSL
import Glibc

/// The BIO between an `SSL` and its descriptor: receives and sends without blocking, without SIGPIPE, and tells the
/// kernel when more follows.
enum DescriptorBIO {
    /// What the BIO of one connection keeps. Lives as long as the engine.
    struct State {
        /// Not owned.
        let descriptor: Int32
        /// More records follow at once: the kernel may hold back a short segment (MSG_MORE).
        var moreFollows = false
        /// The last receive took less than it asked for: the socket is empty until epoll says otherwise.
        var isDrained = false
        /// The peer's FIN was read.
        var sawEnd = false
        /// The error of the last system call that failed, or 0.
        var errno: Int32 = 0
        /// The last fatal alert sent or received, or 0.
        var alert: UInt8 = 0
        /// The peer's close_notify was read.
        var sawCloseNotify = false
        /// `strict-sni` refused the client's server name.
        var refusesName = false
        /// What verifying the client's certificate has come to.
        var verdict = ClientVerdict()
        /// What the client said in its hello, when it is to be kept.
        var hello: ClientHelloCapture?
        /// Bytes that were read from the descriptor before TLS began, still to be handed to OpenSSL.
        var initial: [UInt8] = []
        var initialOffset = 0
    }

    /// Made once; OpenSSL reads it from all threads and never writes to it.
    private nonisolated(unsafe) static let method: OpaquePointer? = unsafe makeMethod()

    /// A BIO over `state`, which has to outlive it.
    static func make(_ state: UnsafeMutablePointer<State>) throws(TLSError) -> OpaquePointer {
        guard let method = unsafe method, let bio = unsafe BIO_new(method) else {
            throw TLSError(.internal, OpenSSLErrors.drain())
        }
        unsafe BIO_set_data(bio, state)
        unsafe BIO_set_init(bio, 1)
        return unsafe bio
    }

    /// The state behind a connection's BIO.
    static func state(of ssl: OpaquePointer?) -> UnsafeMutablePointer<State>? {
        guard let bio = unsafe SSL_get_rbio(ssl) else { return nil }
        return unsafe BIO_get_data(bio)?.assumingMemoryBound(to: State.self)
    }

    private static func makeMethod() -> OpaquePointer? {
        guard let method = unsafe BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "descriptor") else {
            return nil
        }
        unsafe BIO_meth_set_read_ex(method, receive)
        unsafe BIO_meth_set_write_ex(method, send)
        unsafe BIO_meth_set_ctrl(method, control)
        return unsafe method
    }
}

private func receive(
    bio: OpaquePointer?, buffer: UnsafeMutablePointer<CChar>?, size: Int, count: UnsafeMutablePointer<Int>?
) -> Int32 {
    unsafe BIO_clear_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY)
    guard let state = unsafe BIO_get_data(bio)?.assumingMemoryBound(to: DescriptorBIO.State.self),
        let buffer = unsafe buffer, let count = unsafe count
    else { return 0 }
    if unsafe !state.pointee.initial.isEmpty {
        unsafe count.pointee = unsafe takeInitial(state, buffer, size)
        return 1
    }
    while true {
        let got = unsafe recv(state.pointee.descriptor, buffer, size, 0)
        if got > 0 {
            unsafe state.pointee.isDrained = got < size
            unsafe count.pointee = got
            return 1
        }
        unsafe count.pointee = 0
        if got == 0 {
            unsafe state.pointee.sawEnd = true
            return 0
        }
        switch errno {
        case EINTR:
            continue
        case EAGAIN:
            unsafe state.pointee.isDrained = true
            unsafe BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
        default:
            unsafe state.pointee.errno = errno
        }
        return 0
    }
}

private func takeInitial(
    _ state: UnsafeMutablePointer<DescriptorBIO.State>, _ buffer: UnsafeMutablePointer<CChar>, _ size: Int
) -> Int {
    let offset = unsafe state.pointee.initialOffset
    let taken = unsafe min(size, state.pointee.initial.count - offset)
    unsafe state.pointee.initial.withUnsafeBytes { bytes in
        unsafe UnsafeMutableRawBufferPointer(start: buffer, count: taken)
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + taken]))
    }
    if unsafe offset + taken == state.pointee.initial.count {
        unsafe state.pointee.initial = []
        unsafe state.pointee.initialOffset = 0
    } else {
        unsafe state.pointee.initialOffset = offset + taken
    }
    return taken
}

private func send(
    bio: OpaquePointer?, bytes: UnsafePointer<CChar>?, size: Int, count: UnsafeMutablePointer<Int>?
) -> Int32 {
    unsafe BIO_clear_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY)
    guard let state = unsafe BIO_get_data(bio)?.assumingMemoryBound(to: DescriptorBIO.State.self),
        let count = unsafe count
    else { return 0 }
    let flags = unsafe Int32(MSG_NOSIGNAL) | (state.pointee.moreFollows ? Int32(MSG_MORE) : 0)
    while true {
        let sent = unsafe Glibc.send(state.pointee.descriptor, bytes, size, flags)
        if sent >= 0 {
            unsafe count.pointee = sent
            return 1
        }
        unsafe count.pointee = 0
        switch errno {
        case EINTR:
            continue
        case EAGAIN:
            unsafe BIO_set_flags(bio, BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY)
        default:
            unsafe state.pointee.errno = errno
        }
        return 0
    }
}

private func control(
    bio: OpaquePointer?, command: Int32, number: Int, pointer: UnsafeMutableRawPointer?
) -> Int {
    switch command {
    case BIO_CTRL_FLUSH:
        return 1
    case BIO_CTRL_EOF:
        guard let state = unsafe BIO_get_data(bio)?.assumingMemoryBound(to: DescriptorBIO.State.self) else {
            return 1
        }
        return unsafe state.pointee.sawEnd ? 1 : 0
    default:
        return 0
    }
}
