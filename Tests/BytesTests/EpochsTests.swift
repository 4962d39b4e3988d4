import Bytes
import Testing

@Suite struct EpochsTests {
    /// Retires one piece of memory; the flag tells when it is freed.
    private func retire(_ epochs: Epochs) -> Box {
        let box = Box()
        let memory = unsafe Unmanaged.passRetained(box).toOpaque()
        unsafe epochs.retire(memory) { memory in
            unsafe Unmanaged<Box>.fromOpaque(memory).takeRetainedValue().isFreed = true
        }
        return box
    }

    private final class Box { var isFreed = false }

    @Test func withoutReadersMemoryGoesAtOnce() {
        let epochs = Epochs()
        let box = retire(epochs)
        #expect(epochs.pending == 1 && !box.isFreed)
        epochs.collect()
        #expect(epochs.pending == 0 && box.isFreed)
    }

    @Test func memoryStaysUntilEveryReaderHasPassed() {
        let epochs = Epochs()
        let (slow, quick) = (epochs.makeReader(), epochs.makeReader())
        slow.goOnline()
        quick.goOnline()
        let box = retire(epochs)
        epochs.collect()
        quick.announceQuiescence()
        epochs.collect()
        #expect(!box.isFreed)
        slow.announceQuiescence()
        epochs.collect()
        #expect(box.isFreed)
    }

    @Test func aReaderThatIsAwayHoldsNothing() {
        let epochs = Epochs()
        let reader = epochs.makeReader()
        let first = retire(epochs)
        epochs.collect()
        #expect(first.isFreed)
        reader.goOnline()
        let second = retire(epochs)
        epochs.collect()
        #expect(!second.isFreed)
        reader.goOffline()
        epochs.collect()
        #expect(second.isFreed)
    }

    @Test func whatIsRetiredLaterWaitsForALaterPass() {
        let epochs = Epochs()
        let reader = epochs.makeReader()
        reader.goOnline()
        let first = retire(epochs)
        epochs.collect()
        reader.announceQuiescence()
        let second = retire(epochs)
        epochs.collect()
        #expect(first.isFreed && !second.isFreed && epochs.pending == 1)
    }

    @Test func theEndFreesAll() {
        var epochs: Epochs? = Epochs()
        epochs!.makeReader().goOnline()
        let box = retire(epochs!)
        epochs = nil
        // The reader keeps nothing alive but its own word.
        #expect(box.isFreed)
    }
}
