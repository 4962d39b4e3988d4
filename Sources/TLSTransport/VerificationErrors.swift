/// A set of OpenSSL's numbers of verification errors that are to be ignored (`crt-ignore-err`, `ca-ignore-err`).
public struct VerificationErrors: Sendable, Equatable {
    /// HAProxy's greatest number; errors above it are never ignored.
    public static let greatest = 94

    private(set) var bits: UInt128 = 0

    public init() {}

    /// Numbers from 0 to ``greatest``; others are left out.
    public init(_ numbers: some Sequence<Int>) {
        for number in numbers where (0...Self.greatest).contains(number) { bits |= 1 << UInt128(number) }
    }

    /// All that can be ignored.
    public static let all = VerificationErrors(0...greatest)

    func contains(_ number: Int) -> Bool {
        (0...Self.greatest).contains(number) && bits >> UInt128(number) & 1 == 1
    }
}
