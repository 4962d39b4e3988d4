import Bytes
import Streams
import Testing

@Suite("Permit bucket") struct PermitBucketTests {
    private func taken(_ bucket: inout PermitBucket, at milliseconds: Int, tries: Int = 1_000) -> Int {
        let now = Instant.zero.advanced(milliseconds: 10_000 + milliseconds)
        return (0..<tries).reduce(0) { count, _ in count + (bucket.take(at: now) ? 1 : 0) }
    }

    @Test("So many at once, then so many a second, never more than at first") func refills() {
        var bucket = PermitBucket(PermitRate(burst: 100, perSecond: 10))
        #expect(taken(&bucket, at: 0) == 100)
        #expect(taken(&bucket, at: 99) == 0)
        #expect(taken(&bucket, at: 100) == 1)
        #expect(taken(&bucket, at: 350) == 2)
        // What was over is not lost: 350 ms made three and a half.
        #expect(taken(&bucket, at: 400) == 1)
        #expect(taken(&bucket, at: 1_000_000) == 100)
        #expect(taken(&bucket, at: 1_000_000) == 0)
    }

    @Test("Without a rate the first permits are all; without a burst there are none") func edges() {
        var once = PermitBucket(PermitRate(burst: 3, perSecond: 0))
        #expect(taken(&once, at: 0) == 3)
        #expect(taken(&once, at: 100_000_000) == 0)
        var never = PermitBucket(PermitRate(burst: 0, perSecond: 1_000))
        #expect(taken(&never, at: 0) == 0)
        #expect(taken(&never, at: 5_000) == 0)
    }
}
