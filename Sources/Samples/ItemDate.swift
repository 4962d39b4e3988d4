import Bytes
import Glibc

/// The dates that items of log lines show, each computed once per second.
public struct ItemDate {
    /// `06/Feb/2009:12:14:14` of one second.
    private struct Second {
        var number = Int.min
        var text: [UInt8] = []
        /// Minutes east of UTC.
        var offset = 0

        /// - Parameter isLocal: in local time; otherwise UTC.
        mutating func update(_ wall: UInt64, isLocal: Bool) {
            let now = Int(wall / 1_000_000_000)
            guard now != number else { return }
            number = now
            var time = time_t(now)
            var parts = unsafe tm()
            if isLocal { _ = unsafe localtime_r(&time, &parts) } else { _ = unsafe gmtime_r(&time, &parts) }
            unsafe offset = isLocal ? parts.tm_gmtoff / 60 : 0
            text.removeAll(keepingCapacity: true)
            unsafe put(Int(parts.tm_mday), 2, "/")
            let names: [StaticString] = [
                "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
            ]
            let month = unsafe names[min(max(Int(parts.tm_mon), 0), 11)]
            unsafe text.append(contentsOf: UnsafeBufferPointer(start: month.utf8Start, count: 3))
            text.append(0x2f)
            unsafe put(Int(parts.tm_year) + 1900, 4, ":")
            unsafe put(Int(parts.tm_hour), 2, ":")
            unsafe put(Int(parts.tm_min), 2, ":")
            unsafe put(Int(parts.tm_sec), 2, nil)
        }

        private mutating func put(_ number: Int, _ width: Int, _ end: Unicode.Scalar?) {
            var divisor = 1
            for _ in 1..<width { divisor *= 10 }
            while divisor > 0 {
                text.append(UInt8(truncatingIfNeeded: max(0, number) / divisor % 10) + 0x30)
                divisor /= 10
            }
            if let end { text.append(UInt8(ascii: end)) }
        }
    }

    private var local = Second()
    private var universal = Second()

    public init() {}

    /// `06/Feb/2009:12:14:14.655`, local time.
    mutating func precise(_ wall: UInt64, to text: inout ScratchText) {
        local.update(wall, isLocal: true)
        text.append(local.text.span)
        text.append(byte: 0x2e)
        let milliseconds = wall / 1_000_000 % 1000
        text.append(UInt8(milliseconds / 100) + 0x30)
        text.append(UInt8(milliseconds / 10 % 10) + 0x30)
        text.append(UInt8(milliseconds % 10) + 0x30)
    }

    /// `06/Feb/2009:11:14:14 +0000`.
    mutating func universal(_ wall: UInt64, to text: inout ScratchText) {
        universal.update(wall, isLocal: false)
        text.append(universal.text.span)
        text.append(" +0000")
    }

    /// `06/Feb/2009:12:14:14 +0100`, local time.
    mutating func local(_ wall: UInt64, to text: inout ScratchText) {
        local.update(wall, isLocal: true)
        text.append(local.text.span)
        text.append(byte: 0x20)
        text.append(byte: local.offset < 0 ? 0x2d : 0x2b)
        let minutes = abs(local.offset)
        for number in [minutes / 60, minutes % 60] {
            text.append(UInt8(number / 10 % 10) + 0x30)
            text.append(UInt8(number % 10) + 0x30)
        }
    }
}

extension FormatWriter {
    /// How an item writes a date.
    public enum DateStyle { case precise, universal, local }

    /// A date. It is text where items are encoded.
    public mutating func put(_ wall: UInt64, _ style: DateStyle) {
        var made = Sample()
        var text = evaluation.scratch.text()
        switch style {
        case .precise: evaluation.dates.precise(wall, to: &text)
        case .universal: evaluation.dates.universal(wall, to: &text)
        case .local: evaluation.dates.local(wall, to: &text)
        }
        text.finish(&made)
        // Dates have no byte that an option escapes or quotes: only encodings touch them.
        let kept = options
        options.formIntersection([.json, .cbor, .binary])
        putPlain(made.bytes)
        options = kept
    }
}
