import Testing
import portico_load

@Suite struct HistogramTests {
    /// Every percentile is within 1 % of what sorting gives.
    @Test(arguments: [1...300, 1...1_000_000, 1_000...90_000_000_000] as [ClosedRange<UInt64>])
    func percentiles(range: ClosedRange<UInt64>) {
        var histogram = Histogram()
        var generator = Splitmix(state: 7)
        var values: [UInt64] = []
        for _ in 0..<20_000 {
            // Logarithmic, so that all sizes come.
            let bits = UInt64.random(in: 0...UInt64(63 - range.upperBound.leadingZeroBitCount), using: &generator)
            values.append(
                min(max(UInt64.random(in: 0...(1 << bits), using: &generator), range.lowerBound), range.upperBound))
        }
        for value in values { histogram.record(value) }
        values.sort()
        for share in [0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1] {
            let exact = values[max(0, Int((share * Double(values.count)).rounded(.up)) - 1)]
            let found = histogram.percentile(share)
            let error = exact > found ? exact - found : found - exact
            #expect(Double(error) <= Double(exact) * 0.01, "\(share): \(found) for \(exact)")
        }
        #expect(histogram.least == values.first)
        #expect(histogram.greatest == values.last)
        #expect(histogram.count == UInt64(values.count))
    }

    @Test func mergesAsIfOne() {
        var generator = Splitmix(state: 3)
        var (one, two, all) = (Histogram(), Histogram(), Histogram())
        for index in 0..<10_000 {
            let value = UInt64.random(in: 0...1_000_000, using: &generator)
            if index % 3 == 0 { one.record(value) } else { two.record(value) }
            all.record(value)
        }
        var merged = Histogram()
        merged.merge(one)
        merged.merge(two)
        merged.merge(Histogram())
        #expect(merged.count == all.count)
        #expect(merged.least == all.least)
        #expect(merged.greatest == all.greatest)
        #expect(abs(merged.mean - all.mean) < 1e-6 * all.mean)
        for share in [0.0, 0.25, 0.5, 0.999] { #expect(merged.percentile(share) == all.percentile(share)) }
    }

    @Test func extremes() {
        var histogram = Histogram()
        #expect(histogram.percentile(0.5) == 0)
        #expect(histogram.mean == 0)
        histogram.record(0)
        #expect(histogram.percentile(1) == 0)
        histogram.record(.max)
        #expect(histogram.percentile(0.5) == 0)
        #expect(histogram.greatest == .max)
        #expect(histogram.percentile(1) > .max / 100 * 99)
    }
}

/// Numbers that are the same in each run.
struct Splitmix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
