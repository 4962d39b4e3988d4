import Foundation
import Testing

/// Pairs of converters of which one undoes the other, on random bytes. `PORTICO_SEED` repeats a run.
struct InverseTests {
    @Test(arguments: [
        ("base64", "b64dec"), ("ub64enc", "ub64dec"), ("url_enc", "url_dec"), ("reverse", "reverse"),
        ("base64,reverse", "reverse,b64dec"),
    ])
    func undo(_ forth: String, _ back: String) throws {
        let seed = ProcessInfo.processInfo.environment["PORTICO_SEED"].flatMap(UInt64.init) ?? .random(in: 1...99_999)
        var random = SeededNumbers(seed)
        for _ in 0..<300 {
            // Text ends at a NUL, and URLs read `+` after a `?` as a space once decoded.
            let bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                UInt8.random(in: 1...255, using: &random)
            }
            let hexadecimal = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
            guard !bytes.isEmpty else { continue }
            let found = try ConverterTable.value("bin(\(hexadecimal)),\(forth),\(back),hex")
            #expect(found == hexadecimal, "seed \(seed)")
        }
    }

    /// `hex` and the reading of `hex2i` agree for integers.
    @Test func integers() throws {
        let seed = ProcessInfo.processInfo.environment["PORTICO_SEED"].flatMap(UInt64.init) ?? .random(in: 1...99_999)
        var random = SeededNumbers(seed)
        for _ in 0..<300 {
            let number = Int64.random(in: .min ... .max, using: &random)
            let found = try ConverterTable.value("int(\(number)),hex,hex2i")
            #expect(found == "\(number)", "seed \(seed)")
        }
    }

    /// A time written as an HTTP date is read back as the same time.
    @Test func dates() throws {
        let seed = ProcessInfo.processInfo.environment["PORTICO_SEED"].flatMap(UInt64.init) ?? .random(in: 1...99_999)
        var random = SeededNumbers(seed)
        for _ in 0..<300 {
            let seconds = Int64.random(in: 0...253_402_300_799, using: &random)
            let found = try ConverterTable.value("int(\(seconds)),http_date,date")
            #expect(found == "\(seconds)", "seed \(seed)")
        }
    }
}

/// Numbers that a seed determines.
private struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
