// Joins the targets to libFuzzer, which comes with the toolchain. Built only by scripts/fuzz: it needs the whole
// program compiled with coverage counters.

import FuzzTargets
import Glibc

/// libFuzzer as a library (`fuzzer/FuzzerInterface.h`): its command line, and a function that takes each input.
@_extern(c, "LLVMFuzzerRunDriver")
func runFuzzer(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ feed: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The target that this process feeds. Set once, before libFuzzer starts.
nonisolated(unsafe) private var target = FuzzTarget.all[0]

@main
enum Driver {
    /// `portico-fuzz TARGET [libFuzzer's arguments]`, or `portico-fuzz list`.
    static func main() {
        let name = CommandLine.arguments.dropFirst().first ?? "list"
        if name == "list" {
            for target in FuzzTarget.all { print("\(target.name)\t\(target.summary)") }
            return
        }
        guard let chosen = FuzzTarget.named(name) else {
            print("portico-fuzz: there is no target \(name)")
            exit(2)
        }
        unsafe target = chosen
        // libFuzzer gets its own command line: without the target's name.
        let arguments = unsafe CommandLine.unsafeArgv
        var count = CommandLine.argc - 1
        unsafe arguments[1] = arguments[0]
        var rest: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe arguments + 1
        let status = unsafe runFuzzer(&count, &rest) { bytes, length in
            unsafe target.run(Span(_unsafeElements: UnsafeBufferPointer(start: bytes, count: length)))
            return 0
        }
        exit(status)
    }
}
