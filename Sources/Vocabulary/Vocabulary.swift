package import Rules
package import Samples

/// Every fetch, converter, alias and action that Portico knows, collected from the files that register them. The parser,
/// `-dKall` and the documentation read these lists.
package enum Vocabulary {
    /// The fetches and converters of sample expressions.
    package static let samples = SampleCatalogue(
        fetches: fetches, converters: converters, aliases: aliases)

    private static let fetches: [Fetch] = [
        ConstantFetches.all, StartLineFetches.all, HeaderFetches.all, CookieFetches.all, ParameterFetches.all,
        BodyFetches.all, AuthorizationFetches.all, CaptureFetches.all, ProcessFetches.all, VariableFetches.all,
        ProxyFetches.all, ACLFetch.all, ExchangeFetches.all, ConnectionFetches.all, StreamFetches.all, HelloFetches.all,
        PayloadFetches.all,
        TLSFetches.all, CertificateFetches.all,
    ].flatMap(\.self)

    /// The aliases of log formats.
    package static let aliases: [Alias] =
        ConnectionAliases.all + TimeAliases.all + FigureAliases.all + MessageAliases.all

    private static let converters: [Converter] = [
        AddressConverters.all, ArithmeticConverters.all, CaptureConverters.all, CaseConverters.all, ChunkConverters.all,
        DiagnosticConverters.all, EncodingConverters.all, FieldConverters.all, ForwardedConverters.all,
        HashConverters.all, JoinConverters.all,
        LanguageConverter.all, ProxyConverters.all, RegsubConverter.all, StructureConverters.all, TextConverters.all,
        TimeConverters.all,
        URLConverters.all,
        VariableConverters.all,
    ].flatMap { $0 }

    /// The actions of rules. A name may stand more than once, for different sets.
    package static let actions: [ActionKeyword] =
        FlowActions.all + RedirectAction.all + FieldActions.all + EncodedFieldActions.all + EarlyHintAction.all
        + TargetActions.all + ResponseLineActions.all + WaitingActions.all + VariableActions.all + CaptureActions.all
        + LogActions.all + AddressActions.all + PacketActions.all + ExchangeActions.all + ConnectionActions.all
        + PatternActions.all + ResolveActions.all

    /// The action of a name in a set; nil when there is none.
    package static func action(named name: String, in kind: RuleSetKind) -> ActionKeyword? {
        actions.first { $0.name == name && $0.sets.contains(kind) }
    }

    /// The actions of a set, for messages.
    package static func actionNames(in kind: RuleSetKind) -> String {
        actions.filter { $0.sets.contains(kind) }.map { "'\($0.name)'" }.sorted().joined(separator: ", ")
    }
}
