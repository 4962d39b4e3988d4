package import Samples

/// Every fetch and converter that Portico knows, collected from the files that register them. The parser, `-dKall` and
/// the documentation read this one list.
package enum Vocabulary {
    /// The fetches and converters of sample expressions.
    package static let samples = SampleCatalogue(fetches: fetches, converters: converters)

    private static let fetches: [Fetch] = ConstantFetches.all

    private static let converters: [Converter] = CaseConverters.all
}
