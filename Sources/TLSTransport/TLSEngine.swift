// One TLS connection over a TCP descriptor.

public import Bytes
import COpenSSL
import Glibc

/// TLS on one non-blocking stream socket that it does not own. Never leaves the worker's thread.
///
/// Every call does what it can at once and says what it waits for; with edge-triggered epoll the caller repeats it
/// when the descriptor becomes ready. Nothing is allocated here per read or write; OpenSSL gives its buffers back
/// while the connection is idle.
@safe public final class TLSEngine {
    /// How far the handshake, or the shutdown, has come.
    public enum Progress: Sendable {
        case done
        case wantsRead
        case wantsWrite
    }

    /// What the engine waits for.
    public enum Direction: Sendable {
        case read
        case write
    }

    /// What a read or a write came to.
    public enum Outcome: Equatable, Sendable {
        /// So many bytes of plaintext were moved: at least one, but for an empty request.
        case bytes(Int)
        /// Nothing can be moved before the descriptor is ready in this direction.
        case wouldBlock(Direction)
        /// The peer ended its direction with close_notify.
        case endOfStream
        /// The peer's TCP direction ended without close_notify: what came may be cut short.
        case truncated
        case failed(TLSError)
    }

    let ssl: OpaquePointer
    /// Keeps the context that OpenSSL's callbacks reach.
    let owner: AnyObject
    private var gathering: RecordBuffer
    private let state: UnsafeMutablePointer<DescriptorBIO.State>
    private let isServer: Bool
    /// True once the handshake is done.
    private(set) public var isEstablished = false
    /// OpenSSL's code of the error that ended the connection; 0 without one (`ssl_fc_err`).
    private(set) public var failureCode: UInt = 0
    /// Why reading is over for good; later calls answer the same.
    private var readVerdict: Outcome?
    /// Why writing is over for good. A failed send leaves reading as it is: the peer may have answered before it closed.
    private var writeVerdict: Outcome?

    init(
        context: SSLContext, owner: AnyObject, gathering: RecordBuffer, descriptor: Int32, isServer: Bool
    ) throws(TLSError) {
        ERR_clear_error()
        guard let ssl = unsafe SSL_new(context.pointer) else { throw TLSError(.internal, OpenSSLErrors.drain()) }
        let state = UnsafeMutablePointer<DescriptorBIO.State>.allocate(capacity: 1)
        unsafe state.initialize(to: DescriptorBIO.State(descriptor: descriptor))
        do throws(TLSError) {
            let bio = unsafe try DescriptorBIO.make(state)
            unsafe SSL_set_bio(ssl, bio, bio)
        } catch {
            unsafe SSL_free(ssl)
            unsafe state.deinitialize(count: 1)
            unsafe state.deallocate()
            throw error
        }
        if isServer { unsafe SSL_set_accept_state(ssl) } else { unsafe SSL_set_connect_state(ssl) }
        unsafe self.ssl = ssl
        self.owner = owner
        self.gathering = gathering
        unsafe self.state = state
        self.isServer = isServer
    }

    deinit {
        // A TCP connection that ends without close_notify does not spoil its session (RFC 5246, section 7.2.1).
        if readVerdict == nil, writeVerdict == nil {
            unsafe SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        }
        unsafe SSL_free(ssl)
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    /// The engine goes to another thread, between two calls and once the handshake is done: what it shared with others
    /// of this one it shares no more.
    public func leaveThread() { gathering = RecordBuffer() }

    /// Gives the engine bytes that were read from the descriptor before TLS began. Call before `handshake()`.
    public func feed(initialBytes bytes: UnsafeRawBufferPointer) {
        unsafe state.pointee.initial.append(contentsOf: bytes)
    }

    // MARK: Handshake

    /// Goes on with the handshake. Repeat until `done`. After an error, close the descriptor: the alert is sent.
    public func handshake() throws(TLSError) -> Progress {
        if let verdict = readVerdict ?? writeVerdict { throw error(of: verdict) }
        prepare()
        let status = unsafe SSL_do_handshake(ssl)
        if status == 1 {
            isEstablished = true
            return .done
        }
        switch judge(status, .read) {
        case .wouldBlock(.read): return .wantsRead
        case .wouldBlock(.write): return .wantsWrite
        case let final: throw error(of: final)
        }
    }

    private func error(of outcome: Outcome) -> TLSError {
        switch outcome {
        case .failed(let error): error
        case .truncated, .endOfStream: TLSError(.truncated, "the peer closed the connection during the handshake")
        case .bytes, .wouldBlock: TLSError(.internal, "no verdict")
        }
    }

    // MARK: Data

    /// Reads plaintext into `buffer`: of as many records as have been received and fit.
    public func read(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        if let readVerdict { return readVerdict }
        guard unsafe !buffer.isEmpty else { return .bytes(0) }
        var total = 0
        repeat {
            prepare()
            var count = 0
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[total...])
            let status = unsafe SSL_read_ex(ssl, room.baseAddress, room.count, &count)
            guard status == 1 else {
                // What ended the loop is remembered, or comes again, at the next call.
                let outcome = judge(status, .read)
                return total > 0 ? .bytes(total) : outcome
            }
            total += count
        } while total < buffer.count && hasPending
        return .bytes(total)
    }

    /// Writes the beginning of `bytes`, a record at a time, and answers how many bytes were taken.
    ///
    /// An answer below `bytes.count` means that the descriptor is full. The bytes that were not taken must stand at
    /// the beginning of the next write (they may have moved, and more may follow): the first of them are encrypted
    /// already.
    ///
    /// - more: further bytes follow at once: the kernel may wait for them before it sends a short segment.
    public func write(_ bytes: UnsafeRawBufferPointer, more: Bool = false) -> Outcome {
        if let writeVerdict { return writeVerdict }
        var total = 0
        while total < bytes.count {
            let end = min(total + RecordBuffer.recordSize, bytes.count)
            let record = unsafe UnsafeRawBufferPointer(rebasing: bytes[total..<end])
            let outcome = unsafe writeRecord(record, more: more || end < bytes.count)
            guard case .bytes(let count) = outcome else { return total > 0 ? .bytes(total) : outcome }
            total += count
        }
        return .bytes(total)
    }

    /// Writes the beginning of a queue and answers how many bytes were taken; consumes none. Small pieces are gathered
    /// into full records. The rules of `write(_:more:)` hold: what was not taken must come first next time.
    public func write(_ output: borrowing OutputQueue, more: Bool = false) -> Outcome {
        if let writeVerdict { return writeVerdict }
        return unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.piecesPerWrite) { vectors in
            let (used, bytes) = unsafe output.describe(into: vectors)
            let pieces = unsafe UnsafeMutableBufferPointer(rebasing: vectors[..<used])
            return unsafe write(pieces, count: bytes, more: more || bytes < output.count)
        }
    }

    /// Pieces of a queue that one write looks at.
    private static let piecesPerWrite = 64

    /// Writes `count` bytes in `pieces`, which it changes.
    private func write(_ pieces: UnsafeMutableBufferPointer<iovec>, count: Int, more: Bool) -> Outcome {
        var total = 0
        var first = 0
        while total < count {
            let size = min(count - total, RecordBuffer.recordSize)
            let record =
                if unsafe pieces[first].iov_len >= size {
                    unsafe UnsafeRawBufferPointer(start: pieces[first].iov_base, count: size)
                } else {
                    unsafe gathering.gather(size, from: pieces, first: first)
                }
            let outcome = unsafe writeRecord(record, more: more || total + size < count)
            guard case .bytes(var taken) = outcome else { return total > 0 ? .bytes(total) : outcome }
            total += taken
            while taken > 0, unsafe taken >= pieces[first].iov_len {
                unsafe taken -= pieces[first].iov_len
                first += 1
            }
            if taken > 0 {
                unsafe pieces[first].iov_base += taken
                unsafe pieces[first].iov_len -= taken
            }
        }
        return .bytes(total)
    }

    /// One record. `bytes` is not empty and at most a record long.
    private func writeRecord(_ bytes: UnsafeRawBufferPointer, more: Bool) -> Outcome {
        prepare()
        unsafe state.pointee.moreFollows = more
        var count = 0
        let status = unsafe SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count)
        return status == 1 ? .bytes(count) : judge(status, .write)
    }

    /// Whether bytes that were received wait inside: a caller that stopped reading before `wouldBlock` has to come
    /// back by itself, epoll will not call.
    public var hasPending: Bool {
        unsafe SSL_has_pending(ssl) == 1
    }

    /// Whether the last read has emptied the socket and everything here: the next one would find nothing, unless epoll
    /// has said that the peer has closed.
    public var isDrained: Bool {
        unsafe state.pointee.isDrained && !hasPending
    }

    /// Sends close_notify, after which nothing can be written; reading goes on. Does nothing before the handshake is
    /// done and after a failure.
    public func shutdown() throws(TLSError) -> Progress {
        guard isEstablished, writeVerdict == nil else { return .done }
        prepare()
        let status = unsafe SSL_shutdown(ssl)
        if status >= 0 { return .done }
        switch judge(status, .write) {
        case .wouldBlock(.read): return .wantsRead
        case .wouldBlock(.write): return .wantsWrite
        case let final: throw error(of: final)
        }
    }

    // MARK: Verdicts

    private func prepare() {
        ERR_clear_error()
        unsafe state.pointee.errno = 0
        // What a call sends by the way (an alert, a key update) goes out at once.
        unsafe state.pointee.moreFollows = false
    }

    /// Turns OpenSSL's answer to an unsuccessful call into ours.
    private func judge(_ status: Int32, _ direction: Direction) -> Outcome {
        switch unsafe SSL_get_error(ssl, status) {
        case SSL_ERROR_WANT_READ: return .wouldBlock(.read)
        case SSL_ERROR_WANT_WRITE: return .wouldBlock(.write)
        case SSL_ERROR_ZERO_RETURN:
            return unsafe state.pointee.sawCloseNotify ? .endOfStream : .truncated
        case SSL_ERROR_SYSCALL:
            let number = unsafe state.pointee.errno
            let outcome = number == 0 ? Outcome.truncated : .failed(systemError(number))
            if direction == .read { readVerdict = outcome } else { writeVerdict = outcome }
            return outcome
        default:
            let outcome = libraryError()
            readVerdict = outcome
            writeVerdict = outcome
            return outcome
        }
    }

    private func systemError(_ number: Int32) -> TLSError {
        TLSError(.system, unsafe String(cString: strerror(number)), errno: number)
    }

    /// What the client said in its hello, when it was to be kept.
    var capturedHello: ClientHelloCapture? { unsafe state.pointee.hello }

    /// What verifying the client's certificate has come to; on a server.
    var verdict: ClientVerdict { unsafe state.pointee.verdict }

    private func libraryError() -> Outcome {
        var code = ERR_get_error()
        // The SSL library's own entry says more than that of the algorithm below it.
        while code != 0, ERR_GET_LIB(code) != ERR_LIB_SSL {
            let next = ERR_get_error()
            if next == 0 { break }
            code = next
        }
        ERR_clear_error()
        let alert = unsafe state.pointee.alert
        let sent = alert == 0 ? nil : TLSAlert(rawValue: alert)
        guard code != 0 else { return .failed(TLSError(.internal, "OpenSSL gives no reason", alert: sent)) }
        failureCode = code
        let reason = ERR_GET_REASON(code)
        if unsafe state.pointee.refusesName {
            let name = serverName.map { "no certificate for the server name '\($0)'" }
            return .failed(TLSError(.unrecognizedName, name ?? "the client names no server", alert: .unrecognizedName))
        }
        if reason == SSL_R_CERTIFICATE_VERIFY_FAILED, let refusal = verdict.refusal {
            return .failed(TLSError(refusal, verdict.reason, alert: sent))
        }
        if reason == SSL_R_CERTIFICATE_VERIFY_FAILED {
            let result = unsafe SSL_get_verify_result(ssl)
            let text = unsafe String(cString: X509_verify_cert_error_string(result))
            return .failed(TLSError(.certificateVerification, "certificate verify failed: \(text)", alert: sent))
        }
        let text = OpenSSLErrors.reason(code)
        if reason > SSL_AD_REASON_OFFSET {
            let received = TLSAlert(rawValue: UInt8(truncatingIfNeeded: reason - SSL_AD_REASON_OFFSET))
            return .failed(TLSError(.alertReceived, text, alert: received))
        }
        return .failed(TLSError(isEstablished ? .record : .handshake, text, alert: sent))
    }
}
