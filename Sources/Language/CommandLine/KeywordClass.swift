import Vocabulary

/// What `-dK` lists (management.txt section 3).
package enum KeywordClass: String, Sendable, CaseIterable {
    /// The names of the classes.
    case help
    /// All classes but `doc`.
    case all
    /// Sample converters.
    case cnv
    /// Sample fetches.
    case smp
    /// Portico's own: the text of `docs/SAMPLES.md`.
    case doc

    /// The lists of some classes, one after the other. After `all` each further class lists everything, as in HAProxy.
    package static func text(_ classes: [KeywordClass]) -> String {
        let listing = SampleListing(Vocabulary.samples)
        var text = ""
        var isAll = false
        for keywordClass in classes {
            switch keywordClass {
            case .help:
                text += """
                    # List of supported keyword classes:
                    all: list all keywords
                    cnv: sample converter keywords
                    doc: fetches and converters as the text of docs/SAMPLES.md
                    smp: sample fetch functions

                    """
                continue
            case .all: isAll = true
            case .doc: text += listing.document
            case .cnv, .smp: break
            }
            if isAll || keywordClass == .cnv { text += listing.converterKeywords }
            if isAll || keywordClass == .smp { text += listing.fetchKeywords }
        }
        return text
    }
}
