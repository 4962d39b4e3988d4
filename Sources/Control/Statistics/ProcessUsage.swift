import CLinux
import Glibc

/// What the kernel says about the process.
enum ProcessUsage {
    /// CPU time of all threads so far, nanoseconds.
    static var cpuTime: UInt64 {
        var time = timespec()
        guard unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Descriptors that the process may have.
    static var descriptorLimit: Int {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        guard unsafe portico_get_descriptor_limit(&soft, &hard) == 0 else { return 0 }
        return Int(clamping: soft)
    }

    /// When the program's file was last written: seconds since 1970.
    static var programDate: Int {
        var facts = stat()
        return unsafe stat("/proc/self/exe", &facts) == 0 ? facts.st_mtim.tv_sec : 0
    }

    /// The machine's name.
    static var nodeName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
