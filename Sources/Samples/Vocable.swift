/// What a fetch or converter does: it makes `sample` its result. False: there is none; the expression has no value.
package typealias SampleFunction =
    @Sendable (_ evaluation: Evaluation, _ arguments: borrowing ArgumentList, _ sample: inout Sample) -> Bool

/// A sample fetch: one registration, from which the parser, the evaluator, `-dKall` and the documentation's list read.
package struct Fetch: Sendable {
    package let name: String
    /// One sentence.
    package let summary: String
    /// An expression that uses it.
    package let example: String
    package let signature: ArgumentSignature
    package let type: SampleType
    package let sources: SampleSource
    package let prepare: ArgumentPreparation?
    package let run: SampleFunction

    package init(
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
package struct Converter: Sendable {
    package let name: String
    /// One sentence.
    package let summary: String
    /// An expression that uses it.
    package let example: String
    package let signature: ArgumentSignature
    package let input: SampleType
    package let output: SampleType
    package let prepare: ArgumentPreparation?
    package let run: SampleFunction

    package init(
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
package struct SampleCatalogue: Sendable {
    package let fetches: [String: Fetch]
    package let converters: [String: Converter]
    package let aliases: [String: Alias]

    package init(fetches: [Fetch], converters: [Converter], aliases: [Alias] = []) {
        self.aliases = Dictionary(aliases.map { ($0.name, $0) }) { first, _ in first }
        self.fetches = Dictionary(fetches.map { ($0.name, $0) }) { first, _ in first }
        self.converters = Dictionary(converters.map { ($0.name, $0) }) { first, _ in first }
    }
}
