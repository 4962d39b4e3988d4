/// A message that its mux refused, as it came: for operators who want to see what was wrong (`show errors`).
public struct MalformedMessage: Sendable {
    /// What had come of it, at most ``limit`` bytes.
    public let bytes: [UInt8]
    /// Why it was refused, in a few words.
    public let reason: String

    /// Most bytes that are kept.
    public static let limit = 16_384

    public init(_ bytes: Span<UInt8>, reason: String) {
        let count = min(bytes.count, Self.limit)
        var copy: [UInt8] = []
        copy.reserveCapacity(count)
        for index in 0..<count { copy.append(bytes[index]) }
        self.bytes = copy
        self.reason = reason
    }
}
