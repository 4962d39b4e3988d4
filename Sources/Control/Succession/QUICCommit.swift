import Bytes
package import Connections
package import Proxying
import QUICTransport
package import Runtime

extension QUICInheritance {
    /// Takes over: the programs of all addresses give this process what is new, and the older one is told. Called when the
    /// workers serve, before any older process is told to end. It waits a second at most.
    ///
    /// Throws when the kernel refuses a program; the older process goes on as before then, when this one ends.
    package func commit(_ workers: WorkerGroup) throws(SystemError) {
        let service = workers.quic
        let codec = ConnectionIDCodec(key: service.steeringKey)
        let line = processes.map(\.generation) + [generation]
        for process in processes { service.connect(process.generation, channel: process.channel, isHeir: false) }
        for group in workers.sockets.groups {
            let newest = line.last { group.workers(of: $0) > 0 }
            guard let descriptor = group.places.first(where: { $0.descriptor >= 0 })?.descriptor else { continue }
            try SteeredGroup.attach(group.program(codec, newest: newest), by: descriptor)
        }
        guard let last = processes.last else { return }
        QUICChannel.commit(last.channel)
        var buffer = [UInt8](repeating: 0, count: QUICChannel.messageLimit)
        let end = SystemClock.now().advanced(milliseconds: 1000)
        while SystemClock.now() < end {
            guard MessagePair.wait(last.channel, milliseconds: 100) else { continue }
            let isOver = unsafe buffer.withUnsafeMutableBytes { buffer in
                guard case .message(let count) = unsafe MessagePair.read(last.channel, into: buffer) else {
                    return true
                }
                switch unsafe QUICChannel.parse(UnsafeRawBufferPointer(rebasing: buffer[..<count])) {
                case .committed: return true
                case .datagram(let bytes): unsafe service.take(forwarded: bytes)
                default: break
                }
                return false
            }
            if isOver { return }
        }
    }
}
