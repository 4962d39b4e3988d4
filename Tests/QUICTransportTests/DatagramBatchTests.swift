import Bytes
import QUICTransport
import Testing

@Suite("Datagram batch")
struct DatagramBatchTests {
    let path = QUICPath(
        local: SocketAddress(ipv4: 192, 0, 2, 1, port: 443), remote: SocketAddress(ipv4: 198, 51, 100, 7, port: 50_000))

    func append(_ datagram: [UInt8], to batch: inout DatagramBatch, ecn: UInt8 = 0, path: QUICPath) -> Bool {
        unsafe datagram.withUnsafeBytes { unsafe batch.append($0, ecn: ecn, path: path) }
    }

    @Test("A datagram built elsewhere is a run of its own, with its bytes and path")
    func appendsCopies() throws {
        var batch = DatagramBatch(capacity: 4096, runs: 4)
        let datagram: [UInt8] = [1, 2, 3, 4, 5]
        #expect(append(datagram, to: &batch, ecn: 2, path: path))
        #expect(append(datagram, to: &batch, path: path))
        var runs = batch.runCount
        #expect(runs == 2)
        let run = batch[0]
        #expect(run.path == path)
        #expect(run.ecn == 2)
        #expect(run.datagramCount == 1)
        let bytes = unsafe Array(batch.bytes(of: run))
        #expect(bytes == datagram)
        batch.removeAll()
        runs = batch.runCount
        #expect(runs == 0)
    }

    @Test("A full batch takes nothing and says so")
    func refusesWhenFull() throws {
        var batch = DatagramBatch(capacity: 3000, runs: 2)
        let datagram = [UInt8](repeating: 7, count: 1400)
        #expect(append(datagram, to: &batch, path: path))
        #expect(append(datagram, to: &batch, path: path))
        #expect(!append(datagram, to: &batch, path: path))
        let count = batch.count
        #expect(count == 2800)
    }
}
