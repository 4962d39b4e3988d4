import Glibc
import Samples

/// A time in its parts, local or UTC.
@safe struct BrokenDownTime {
    private var parts = unsafe tm()

    /// The parts of a time in seconds since 1970; nil when its year does not fit.
    init?(_ seconds: Int64, isLocal: Bool) {
        var seconds = time_t(seconds)
        let found = unsafe isLocal ? localtime_r(&seconds, &parts) : gmtime_r(&seconds, &parts)
        if unsafe found == nil { return nil }
    }

    /// 0 for Sunday.
    var weekday: Int { unsafe Int(parts.tm_wday) }
    var day: Int { unsafe Int(parts.tm_mday) }
    /// 0 for January.
    var month: Int { unsafe Int(parts.tm_mon) }
    var year: Int { unsafe Int(parts.tm_year) + 1900 }
    var hour: Int { unsafe Int(parts.tm_hour) }
    var minute: Int { unsafe Int(parts.tm_min) }
    var second: Int { unsafe Int(parts.tm_sec) }

    /// Appends the time in a format of strftime(3) that ends with a NUL; nothing when it does not fit.
    func write(_ format: borrowing Span<UInt8>, to text: inout ScratchText) {
        guard format.count > 0, format[format.count - 1] == 0 else { return }
        unsafe text.fill { room in
            unsafe format.withUnsafeBytes { format in
                guard let base = room.baseAddress, let format = format.baseAddress else { return 0 }
                return unsafe withUnsafePointer(to: parts) { parts in
                    unsafe strftime(
                        UnsafeMutableRawPointer(base).assumingMemoryBound(to: CChar.self), room.count,
                        format.assumingMemoryBound(to: CChar.self), parts)
                }
            }
        }
    }
}
