import Glibc

/// A thread of the system, which runs one closure. What it needs goes into the closure.
public struct SystemThread: Sendable {
    private let thread: pthread_t

    /// Starts the thread. It ends when `body` returns; ``detach(_:)`` is for those that nobody waits for.
    public init(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        var thread = pthread_t()
        let box = unsafe Unmanaged.passRetained(Box(body))
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                if let argument = unsafe argument {
                    unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                }
                return nil
            }, box.toOpaque())
        guard code == 0 else {
            unsafe box.release()
            throw SystemError("pthread_create", code)
        }
        self.thread = thread
    }

    /// Starts a thread that nobody waits for.
    public static func detach(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        _ = pthread_detach(try SystemThread(body).thread)
    }

    /// Waits for the thread's end. Once only.
    public func join() { _ = pthread_join(thread, nil) }

    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
