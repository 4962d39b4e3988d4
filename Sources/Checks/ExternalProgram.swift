import CLinux
import Glibc
import Runtime

/// A program that checks a server, as the loop sees it: it polls a descriptor of the process, which turns readable when
/// that ends. The loop keeps it until then, also when nobody waits for it any more.
final class ExternalProgram: Pollable {
    private let loop: EventLoop
    private let process: OwnedDescriptor
    private var ended: ((Int) -> Void)?

    /// Starts a program. Throws when there is none, or no process can be had.
    ///
    /// - Parameters:
    ///   - path: where it is.
    ///   - ended: gets its exit status, -1 when a signal ended it.
    init(
        _ path: String, arguments: [String], environment: [String], loop: EventLoop, ended: @escaping (Int) -> Void
    ) throws(SystemError) {
        self.loop = loop
        self.ended = ended
        var number: Int32 = 0
        let result = unsafe Self.withStrings(arguments) { arguments in
            unsafe Self.withStrings(environment) { environment in
                unsafe portico_spawn(path, arguments, environment, &number)
            }
        }
        guard result >= 0 else { throw SystemError("posix_spawn", -result) }
        process = OwnedDescriptor(adopting: result)
        super.init()
        try loop.register(self, descriptor: process.number, writing: false, levelTriggered: true)
    }

    override func ready(_ events: PollEvents) {
        var status: Int32 = 0
        guard unsafe portico_process_ended(process.number, &status) != 0 else { return }
        loop.deregister(self, descriptor: process.number)
        let ended = ended
        self.ended = nil
        ended?(Int(status))
    }

    /// Ends it, if it still runs; nobody is told.
    func terminate() {
        guard ended != nil else { return }
        ended = nil
        portico_process_signal(process.number, SIGTERM)
    }

    /// Texts as C wants them: pointers with a null at the end.
    private static func withStrings<Result>(
        _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: texts.count + 1)
        for (index, text) in texts.enumerated() { unsafe (list + index).initialize(to: strdup(text)) }
        unsafe (list + texts.count).initialize(to: nil)
        defer {
            for index in 0..<texts.count { unsafe free(list[index]) }
            unsafe list.deallocate()
        }
        return unsafe body(UnsafePointer(list))
    }
}
