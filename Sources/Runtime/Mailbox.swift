import CLinux
import Glibc
import Synchronization

/// Messages from any thread to one worker: a lock-free stack that the worker takes whole, and an eventfd that wakes it.
@safe public final class Mailbox<Message: Sendable>: @unchecked Sendable {
    @unsafe private struct Node {
        let message: Message
        var next: UnsafeMutablePointer<Node>?
    }

    private let head = Atomic<UInt>(0)
    /// Turns readable when a message has come; the owner polls it.
    public let descriptor: Int32

    public init() throws(SystemError) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else { throw SystemError("eventfd") }
    }

    deinit {
        _ = take()
        _ = close(descriptor)
    }

    /// Posts a message; wakes the worker when the mailbox was empty. From any thread.
    public func post(_ message: Message) {
        let node = UnsafeMutablePointer<Node>.allocate(capacity: 1)
        unsafe node.initialize(to: Node(message: message, next: nil))
        var seen = head.load(ordering: .relaxed)
        while true {
            unsafe node.pointee.next = UnsafeMutablePointer(bitPattern: seen)
            let (done, now) = head.weakCompareExchange(
                expected: seen, desired: UInt(bitPattern: node), ordering: .acquiringAndReleasing)
            if done { break }
            seen = now
        }
        if seen == 0 {
            var one: UInt64 = 1
            _ = retryingInterrupts { unsafe write(descriptor, &one, 8) }
        }
    }

    /// Takes all messages, oldest first. On the owner's thread.
    public func take() -> [Message] {
        var count: UInt64 = 0
        _ = unsafe read(descriptor, &count, 8)
        var node = unsafe UnsafeMutablePointer<Node>(bitPattern: head.exchange(0, ordering: .acquiringAndReleasing))
        var messages: [Message] = []
        while let current = unsafe node {
            let taken = unsafe current.move()
            unsafe current.deallocate()
            messages.append(unsafe taken.message)
            unsafe node = taken.next
        }
        messages.reverse()
        return messages
    }
}
