/// A parser of input that others write, and the way bytes get into it. libFuzzer drives it (`make fuzz`), and
/// `Tests/FuzzTests` replays its corpus in each test run.
package struct FuzzTarget: Sendable {
    /// What `make fuzz TARGET=` takes, and the name of its folder below `Fuzz/Corpus`.
    package let name: String
    /// What it reads, in a few words.
    package let summary: String
    /// Feeds one input, whole. Whatever the bytes are it returns; it traps when the parser breaks a promise.
    package let run: @Sendable (_ input: borrowing Span<UInt8>) -> Void

    /// How much longer one input takes than most targets need: the test run gives it so many inputs fewer.
    package let weight: Int

    init(
        _ name: String, _ summary: String, weight: Int = 1,
        run: @escaping @Sendable (_ input: borrowing Span<UInt8>) -> Void
    ) {
        self.name = name
        self.summary = summary
        self.weight = weight
        self.run = run
    }

    /// One for each parser.
    package static let all: [FuzzTarget] = [
        addressText, checkReply, clientHello, condition, configuration, converters, dnsAnswer, fetches, fieldSection,
        fix, http1Forward, http1Requests, http1Responses, http1Return, http2Requests, http2Responses, http3Requests,
        http3Responses, jsonQuery, jwt,
        logFormat, mqtt, patternFile, protobuf, proxyHeader, quicDatagram, quicInitial,
        quicVersion, syslogLines,
    ]

    package static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}

/// Traps with `message` when a parser breaks a promise; unlike `assert` also in release builds.
func promise(_ holds: Bool, _ message: @autoclosure () -> String) {
    if !holds { fatalError("broken promise: \(message())") }
}
