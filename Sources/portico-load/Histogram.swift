/// Counts of durations in fixed memory. Each power of two is cut into 128 steps, so that a value is known to better
/// than 0.8 %, from one nanosecond to centuries; least, greatest and mean are exact.
package struct Histogram: Sendable {
    private static let stepBits = 7
    /// Values below 256 have a place each; each further power of two has 128.
    private static let places = (64 - stepBits) << stepBits

    private var counts = [UInt64](repeating: 0, count: places + 1 << stepBits)
    /// Durations recorded.
    package private(set) var count: UInt64 = 0
    /// The least duration in nanoseconds; 0 without any.
    package private(set) var least: UInt64 = 0
    /// The greatest duration in nanoseconds; 0 without any.
    package private(set) var greatest: UInt64 = 0
    private var sum = 0.0

    package init() {}

    /// The mean in nanoseconds; 0 without any.
    package var mean: Double { count == 0 ? 0 : sum / Double(count) }

    /// Counts a duration, in nanoseconds.
    package mutating func record(_ value: UInt64) {
        counts[Self.place(of: value)] += 1
        least = count == 0 ? value : min(least, value)
        greatest = max(greatest, value)
        count += 1
        sum += Double(value)
    }

    /// Adds the counts of another.
    package mutating func merge(_ other: Histogram) {
        guard other.count > 0 else { return }
        for index in counts.indices { counts[index] += other.counts[index] }
        least = count == 0 ? other.least : min(least, other.least)
        greatest = max(greatest, other.greatest)
        count += other.count
        sum += other.sum
    }

    /// The duration that `share` (0 ... 1) of all do not pass, in nanoseconds; 0 without any.
    package func percentile(_ share: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        let wanted = max(1, UInt64((min(max(share, 0), 1) * Double(count)).rounded(.up)))
        var seen: UInt64 = 0
        for index in counts.indices {
            seen += counts[index]
            if seen >= wanted { return min(max(Self.middle(of: index), least), greatest) }
        }
        return greatest
    }

    private static func place(of value: UInt64) -> Int {
        let shift = max(0, 63 - value.leadingZeroBitCount - stepBits)
        return shift << stepBits + Int(value >> UInt64(shift))
    }

    /// The value in the middle of a place.
    private static func middle(of place: Int) -> UInt64 {
        let shift = max(0, place >> stepBits - 1)
        let low = UInt64(place - shift << stepBits) << UInt64(shift)
        return low + (UInt64(1) << UInt64(shift)) / 2
    }
}
