package import Configuration
import Samples
import Vocabulary
import Words

/// Reads lists of certificates (`crt-list`): `FILE [\[OPTION …\]] [NAME …]` on each line.
package enum CertificateListReader {
    /// HAProxy's limit of a line, with its end.
    private static let maximumLength = 65_536

    /// Why a line is wrong.
    package struct Mistake: Error { package let text: String }

    /// The lines of a file.
    static func lines(
        _ bytes: [UInt8], of file: String, certificateBase: String, authorityBase: String
    ) throws(Mistake) -> [CertificateListLine] {
        var lines: [CertificateListLine] = []
        var number = 0
        var rest = bytes[...]
        while !rest.isEmpty {
            number += 1
            let end = rest.firstIndex(of: UInt8(ascii: "\n"))
            let text = rest[..<(end ?? rest.endIndex)]
            let place = "parsing [\(file):\(number)]"
            if text.contains(0) { throw Mistake(text: "\(place): Stray NUL character in the line.") }
            guard let end else {
                throw Mistake(text: "\(place): Missing LF on last line, file might have been truncated.")
            }
            if text.count >= maximumLength - 1 {
                throw Mistake(text: "\(place): line too long, limit is \(maximumLength - 1) characters")
            }
            rest = rest[(end + 1)...]
            if text.first == UInt8(ascii: "#") { continue }
            do throws(Mistake) {
                let line = try Self.line(
                    String(decoding: text, as: UTF8.self), certificateBase: certificateBase,
                    authorityBase: authorityBase)
                guard var line else { continue }
                line.number = number
                lines.append(line)
            } catch {
                throw Mistake(text: "\(place): \(error.text)")
            }
        }
        return lines
    }

    /// One line; nil: it is empty.
    package static func line(
        _ text: String, certificateBase: String, authorityBase: String
    ) throws(Mistake) -> CertificateListLine? {
        var words: [String] = []
        var word = ""
        /// The places of the words that the brackets stand before.
        var opening: Int?
        var closing: Int?
        for character in text {
            if character.isWhitespace || character == "[" || character == "]" {
                if !word.isEmpty { words.append(word) }
                word = ""
            }
            if character == "[" {
                if opening != nil { throw Mistake(text: "too many '['") }
                if words.isEmpty { throw Mistake(text: "file must start with a cert") }
                opening = words.count
            } else if character == "]" {
                if closing != nil { throw Mistake(text: "too many ']'") }
                if opening == nil { throw Mistake(text: "missing '['") }
                closing = words.count
            } else if !character.isWhitespace {
                word.append(character)
            }
        }
        if !word.isEmpty { words.append(word) }
        guard let first = words.first else { return nil }
        guard let opening else {
            return CertificateListLine(
                path: path(first, below: certificateBase), filters: Array(words.dropFirst()))
        }
        guard let closing else { throw Mistake(text: "missing ']'") }
        guard opening == 1 else {
            throw Mistake(text: "malformated line, filters can't be between filename and options!")
        }
        let options = Array(words[opening..<closing])
        return CertificateListLine(
            path: path(first, below: certificateBase), filters: Array(words[closing...]),
            options: try self.options(options, authorityBase: authorityBase),
            optionText: options.joined(separator: " "))
    }

    // MARK: Options

    /// The settings of a line as they are read.
    private struct Draft: Sendable {
        var tls = TLSDraft()
        var alpn: [String]?
        var clients: ClientCertificateDraft
    }

    private static let table = LineOptionTable<Draft>(
        versions + lists + clients + [
            LineOption("alpn") { (draft, statement, option) throws(Complaint) in
                draft.alpn = try statement.alpn(of: option)
            },
            LineOption("no-alpn") { (draft, _, _) in draft.alpn = [] },
        ],
        refused: [
            "allow-0rtt", "client-sigalgs", "crt", "issuer", "key", "ktls", "npn", "ocsp", "ocsp-update",
            "sctl",
        ])

    private static let versions: [LineOption<Draft>] = TLSOptions.lift(
        TLSOptions.shared.filter { ["ssl-min-ver", "ssl-max-ver"].contains($0.name) }, to: \.tls)
    private static let lists: [LineOption<Draft>] = TLSOptions.lift(
        TLSOptions.lists + TLSOptions.curves, to: \.tls)
    private static let clients: [LineOption<Draft>] = TLSOptions.lift(
        ClientCertificateOptions.all, to: \.clients)

    private static func options(
        _ words: [String], authorityBase: String
    ) throws(Mistake) -> CertificateLineOptions? {
        if words.isEmpty { return nil }
        var draft = Draft(clients: ClientCertificateDraft(authorityBase: authorityBase))
        var statement = Statement(
            line: SourceLine(location: SourceLocation(file: "crt-list", line: 0), bytes: []),
            words: words.map { Word(text: $0, column: 0) }, start: 0, keywordLength: 0, modifier: .none,
            context: CompilationContext(Vocabulary.samples))
        do throws(Complaint) { try table.apply(to: &draft, &statement) } catch {
            throw Mistake(text: error.message)
        }
        var options = CertificateLineOptions()
        options.minVersion = draft.tls.minVersion
        options.maxVersion = draft.tls.maxVersion
        options.ciphers = draft.tls.ciphers
        options.ciphersuites = draft.tls.ciphersuites
        options.curves = draft.tls.curves ?? draft.tls.fallbackCurves
        options.signatureAlgorithms = draft.tls.signatureAlgorithms
        options.alpn = draft.alpn
        let clients = draft.clients.settings
        if words.contains("verify") { options.clientMode = clients.mode }
        options.authorities = clients.authorities
        options.unnamedAuthorities = clients.unnamedAuthorities
        options.revocations = clients.revocations
        options.hidesNames = !clients.tellsNames
        return options
    }
}
