import Glibc
import Runtime

/// A worker process's end of the pair that it shares with its master: clients of the master CLI come over it. When the
/// master is gone, nobody minds the worker any more, so it ends, as in HAProxy.
@ControlActor
final class MasterLink {
    private let loop: ControlLoop
    private let descriptor: Int32
    private var poller: ControlPoller!
    private let accepted: (Int32) -> Void

    init(_ descriptor: Int32, loop: ControlLoop, accepted: @escaping (Int32) -> Void) throws(SystemError) {
        self.descriptor = descriptor
        self.loop = loop
        self.accepted = accepted
        poller = ControlPoller { [weak self] _ in self?.accept() }
        try loop.watch(poller, descriptor: descriptor, writing: false, levelTriggered: true)
    }

    private func accept() {
        while true {
            switch SocketPair.accept(from: descriptor) {
            case .connection(let client): accepted(client)
            case .bytes: continue
            case .wouldBlock: return
            case .end:
                loop.forget(poller, descriptor: descriptor)
                kill(getpid(), SIGTERM)
                return
            }
        }
    }
}
