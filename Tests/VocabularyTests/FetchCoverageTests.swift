import Samples
import Testing
import Vocabulary
import Words

/// Every fetch of HAProxy is here with the same arguments, type and places, or refused for a reason.
struct FetchCoverageTests {
    /// Fetches that are not here, and why.
    private static let refused: [String: String] = {
        var refused: [String: String] = [:]
        func refuse(_ names: String, _ reason: String) {
            for name in names.split(separator: " ") { refused[String(name)] = reason }
        }
        refuse("term_events", "its format is HAProxy's own and documented nowhere")
        refuse("bs.debug_str fs.debug_str", "internals of its muxes")
        refuse("fcgi.docroot fcgi.index", "FastCGI is not served")
        refuse("spoe.engine-id", "SPOE is not served")
        refuse("res.cache_hit res.cache_name", "caches are filed elsewhere")
        refuse("res.comp res.comp_algo", "compression is filed elsewhere")
        refuse(
            "internal.htx.data internal.htx.free internal.htx.free_data internal.htx.has_eom internal.htx.nbblks"
                + " internal.htx.size internal.htx.used internal.htx_blk.data internal.htx_blk.hdrname"
                + " internal.htx_blk.hdrval internal.htx_blk.size internal.htx_blk.start_line internal.htx_blk.type",
            "its message buffers are not ours")
        return refused
    }()

    struct Row: Sendable, CustomStringConvertible {
        let places: UInt32
        let name: String
        let rest: String
        var description: String { name }
    }

    private static let rows: [Row] = FetchList.text.split(separator: "\n").compactMap { line in
        guard let places = UInt32(line.prefix(6), radix: 16) else { return nil }
        let text = line.dropFirst(7)
        let name = text.prefix { $0 != "(" && $0 != ":" }
        return Row(places: places, name: String(name), rest: String(text.dropFirst(name.count)))
    }

    @Test func everyFetchIsHereOrRefused() {
        let missing = Set(Self.rows.map(\.name).filter { Vocabulary.samples.fetches[$0] == nil })
        let unexplained = missing.subtracting(Self.refused.keys).sorted()
        #expect(unexplained == [])
        let stale = Set(Self.refused.keys).subtracting(missing).sorted()
        #expect(stale == [])
        #expect(Self.rows.count > 390)
    }

    @Test func argumentsAndTypes() {
        var wrong: [String] = []
        for row in Self.rows {
            guard let fetch = Vocabulary.samples.fetches[row.name] else { continue }
            // A variable is a string to HAProxy until it is looked up.
            let found = fetch.signature.text.replacing("variable", with: "string") + ": \(fetch.type.name)"
            if found != row.rest { wrong.append("\(row.name)\(found), not \(row.rest)") }
        }
        #expect(wrong == [])
    }

    @Test func places() {
        var wrong: [String] = []
        for row in Self.rows {
            guard let fetch = Vocabulary.samples.fetches[row.name] else { continue }
            let found = fetch.sources.places.rawValue
            if found != row.places {
                wrong.append("\(row.name) \(String(found, radix: 16)), not \(String(row.places, radix: 16))")
            }
        }
        #expect(wrong == [])
    }

    /// Examples are what the listings show: each one reads.
    @Test func examplesAreRead() {
        var wrong: [String] = []
        for fetch in Vocabulary.samples.fetches.values {
            if let complaint = Evaluator().complaint(fetch.example) {
                wrong.append("\(fetch.example): \(complaint.message)")
            }
        }
        #expect(wrong.sorted() == [])
    }

    /// HAProxy has none of these: they are about QUIC.
    @Test func ours() {
        for name in ["quic_rtt", "quic_version", "quic_early_data"] {
            #expect(Vocabulary.samples.fetches[name] != nil)
        }
    }
}
