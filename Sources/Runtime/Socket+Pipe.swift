public import Bytes
import CLinux
import Glibc

// Bytes that go from one socket to another through a pipe.
extension Socket {
    /// Moves what has come on the socket into the pipe, as far as that has room. ``TransferResult/wouldBlock``: nothing
    /// has come, or the pipe, if it holds bytes, is full.
    public static func receive(_ descriptor: Int32, into pipe: KernelPipe) -> TransferResult {
        switch retryingInterrupts({ portico_splice(descriptor, pipe.writeEnd, pipe.capacity - pipe.count) }) {
        case 0: .end
        case let count where count > 0: .bytes(count)
        default: errno == EAGAIN ? .wouldBlock : .failed(errno)
        }
    }

    /// Sends what waits in the pipe.
    public static func send(_ descriptor: Int32, _ pipe: KernelPipe) -> TransferResult {
        let count = retryingInterrupts { portico_splice(pipe.readEnd, descriptor, pipe.count) }
        if count > 0 { return .bytes(count) }
        return count == 0 || errno == EAGAIN ? .wouldBlock : .failed(errno)
    }
}
