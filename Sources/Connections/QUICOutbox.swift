import Bytes
import QUICTransport
import Runtime

/// A worker's outgoing datagrams. In one turn of the loop all its QUIC connections write into one batch; at the turn's
/// end each socket sends its part in as few calls as can be.
final class QUICOutbox: LoopMember {
    /// What waits. Before writing to it, call ``claim(for:)``.
    var batch: DatagramBatch
    private let loop: EventLoop
    private let sender = DatagramSender()
    private let capacity: Int
    private let maxRuns: Int

    /// The part of the batch that leaves by one socket: from a run up to the next section's.
    private struct Section {
        let socket: QUICSocket
        let firstRun: Int
    }
    private var sections: [Section] = []

    init(loop: EventLoop, capacity: Int = 256 << 10, runs: Int = 128) {
        self.loop = loop
        self.capacity = capacity
        maxRuns = runs
        batch = DatagramBatch(capacity: capacity, runs: runs)
    }

    /// True when the next connection may find no room.
    var isFull: Bool { batch.runCount >= maxRuns || capacity - batch.count < 2 * 1500 }

    /// What is written from here on leaves by `socket`, at the end of this turn.
    func claim(for socket: QUICSocket) {
        if let last = sections.last {
            if last.socket === socket { return }
            // Nobody has written since.
            if last.firstRun == batch.runCount { sections.removeLast() }
        } else {
            loop.schedule(self)
        }
        sections.append(Section(socket: socket, firstRun: batch.runCount))
    }

    override func flush() { send() }

    /// Sends everything that is written.
    func send() {
        for (index, section) in sections.enumerated() {
            let end = index + 1 < sections.count ? sections[index + 1].firstRun : batch.runCount
            guard section.firstRun < end else { continue }
            section.socket.send(section.firstRun..<end, of: batch, by: sender)
        }
        sections.removeAll(keepingCapacity: true)
        batch.removeAll()
    }

    /// Sends what a socket could not send before; true when nothing is left.
    func send(_ backlog: inout QUICBacklog, on socket: DatagramSocket) -> Bool { backlog.send(on: socket, by: sender) }
}

/// Datagrams that found the socket's send buffer full: a copy of them, on the heap, since that is rare. No more than a
/// batch holds, for connections do not write to a socket that waits.
struct QUICBacklog: ~Copyable {
    private var bytes: [UInt8] = []
    private var runs: [DatagramBatch.Run] = []
    private var position = DatagramSender.Position(run: 0)

    init() {}

    /// Adds the rest of some runs of a batch.
    mutating func append(_ batch: borrowing DatagramBatch, _ runs: Range<Int>, offset: Int) {
        for index in runs {
            var run = batch[index]
            let skipped = index == runs.lowerBound ? offset : 0
            let rest = unsafe batch.bytes(of: run).dropFirst(skipped)
            run.offset = bytes.count
            run.count = unsafe rest.count
            unsafe bytes.append(contentsOf: rest)
            self.runs.append(run)
        }
    }

    /// Sends on; true when nothing is left.
    mutating func send(on socket: DatagramSocket, by sender: DatagramSender) -> Bool {
        let start = position
        position = unsafe bytes.withUnsafeBytes { bytes in
            sender.send(on: socket, from: start, to: runs.count) { index in
                let run = runs[index]
                return unsafe DatagramRun(
                    bytes: UnsafeRawBufferPointer(rebasing: bytes[run.offset..<run.offset + run.count]),
                    segmentSize: run.segmentSize, ecn: run.ecn, local: run.path.local, remote: run.path.remote)
            }
        }
        return position.run == runs.count
    }
}
