import Words

/// A sample expression: a fetch and converters, checked and laid out flat when the configuration is read. Immutable and
/// shared by all workers; evaluating it takes no memory but the worker's scratch.
public final class Expression: Sendable {
    /// One step of the program: what to cast to before it, and what to run.
    struct Step: Sendable {
        /// The type that the step needs; `any` when what comes in fits already.
        let cast: SampleType
        let run: SampleFunction
        let arguments: ArgumentList
    }

    /// The expression as written.
    public let text: String
    /// The type of the result; `any` when it depends on what is found.
    public let type: SampleType
    /// What the fetch reads.
    public let sources: SampleSource
    /// The fetch's name.
    public let fetchName: String
    let fetch: Step
    let converters: [Step]

    init(
        text: String, type: SampleType, sources: SampleSource, fetchName: String, fetch: Step, converters: [Step]
    ) {
        self.text = text
        self.type = type
        self.sources = sources
        self.fetchName = fetchName
        self.fetch = fetch
        self.converters = converters
    }

    /// Whether something is done to what the fetch gives.
    public var hasConverters: Bool { !converters.isEmpty }

    /// Evaluates the expression. False when it has no value; `sample`'s flag `mayChange` then tells whether it may have
    /// one once more data is here.
    public func evaluate(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        sample.flags = []
        guard fetch.run(evaluation, fetch.arguments, &sample) else { return false }
        if converters.isEmpty { return true }
        return convert(evaluation, &sample)
    }

    private func convert(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        for index in 0..<converters.count {
            let cast = converters[index].cast
            if cast != .any, sample.type != cast, !Cast.apply(&sample, to: cast, evaluation.scratch) { return false }
            guard converters[index].run(evaluation, converters[index].arguments, &sample) else { return false }
        }
        return true
    }

    /// Applies the converters alone, to a text that stands for what the fetch would give, and casts the result.
    public func convert(_ evaluation: Evaluation, _ sample: inout Sample, as type: SampleType) -> Bool {
        guard convert(evaluation, &sample) else { return false }
        return sample.type == type || Cast.apply(&sample, to: type, evaluation.scratch)
    }

    /// Evaluates the expression and casts its value.
    public func evaluate(_ evaluation: Evaluation, _ sample: inout Sample, as type: SampleType) -> Bool {
        guard evaluate(evaluation, &sample) else { return false }
        return sample.type == type || Cast.apply(&sample, to: type, evaluation.scratch)
    }
}
