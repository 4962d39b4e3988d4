/// What a fetch or converter does: it makes `sample` its result. False: there is none; the expression has no value.
public typealias SampleFunction =
    @Sendable (_ evaluation: Evaluation, _ arguments: borrowing ArgumentList, _ sample: inout Sample) -> Bool

/// A sample fetch: one registration, from which the parser, the evaluator, `-dKall` and the documentation's list read.
public struct Fetch: Sendable {
    public let name: String
    /// One sentence.
    public let summary: String
    /// An expression that uses it.
    public let example: String
    public let signature: ArgumentSignature
    public let type: SampleType
    public let sources: SampleSource
    public let prepare: ArgumentPreparation?
    public let run: SampleFunction

    public init(
        _ name: String, _ summary: String, example: String? = nil, takes signature: ArgumentSignature = .none,
        gives type: SampleType, from sources: SampleSource, prepare: ArgumentPreparation? = nil,
        run: @escaping SampleFunction
    ) {
        self.name = name
        self.summary = summary
        self.example = example ?? name
        self.signature = signature
        self.type = type
        self.sources = sources
        self.prepare = prepare
        self.run = run
    }
}

/// A converter: one registration, as ``Fetch``.
public struct Converter: Sendable {
    public let name: String
    /// One sentence.
    public let summary: String
    /// An expression that uses it.
    public let example: String
    public let signature: ArgumentSignature
    public let input: SampleType
    public let output: SampleType
    public let prepare: ArgumentPreparation?
    public let run: SampleFunction

    public init(
        _ name: String, _ summary: String, example: String? = nil, takes signature: ArgumentSignature = .none,
        from input: SampleType, to output: SampleType, prepare: ArgumentPreparation? = nil,
        run: @escaping SampleFunction
    ) {
        self.name = name
        self.summary = summary
        self.example = example ?? name
        self.signature = signature
        self.input = input
        self.output = output
        self.prepare = prepare
        self.run = run
    }
}

/// The fetches and converters that expressions may use, and the aliases of log formats, by name.
public struct SampleCatalogue: Sendable {
    public let fetches: [String: Fetch]
    public let converters: [String: Converter]
    public let aliases: [String: Alias]

    public init(fetches: [Fetch], converters: [Converter], aliases: [Alias] = []) {
        self.aliases = Dictionary(aliases.map { ($0.name, $0) }) { first, _ in first }
        self.fetches = Dictionary(fetches.map { ($0.name, $0) }) { first, _ in first }
        self.converters = Dictionary(converters.map { ($0.name, $0) }) { first, _ in first }
    }
}
