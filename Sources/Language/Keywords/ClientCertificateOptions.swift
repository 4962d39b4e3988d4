import Configuration
import Vocabulary
import Words

/// What `bind` lines say of clients' certificates (configuration.txt section 5.1).
enum ClientCertificateOptions {
    static let all: [LineOption<ClientCertificateDraft>] = [
        LineOption("verify") { (draft, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a verify method")
            guard let mode = ClientCertificateSettings.Mode(rawValue: word.text) else {
                throw Complaint(
                    "'\(statement.name)' : unknown verify method '\(word.text)', only 'none', 'optional', and 'required'"
                        + " are supported", at: word)
            }
            draft.settings.mode = mode
        },
        LineOption("ca-file") { (draft, statement, option) throws(Complaint) in
            draft.settings.authorities = try trust(of: option, &statement, draft)
        },
        LineOption("ca-verify-file") { (draft, statement, option) throws(Complaint) in
            draft.settings.unnamedAuthorities = try trust(of: option, &statement, draft)
        },
        LineOption("crl-file") { (draft, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a CRL file")
            draft.settings.revocations = path(word.text, below: draft.authorityBase)
        },
        LineOption("no-ca-names") { (draft, _, _) in draft.settings.tellsNames = false },
    ]

    /// What stands on the line alone, not in lists of certificates.
    static let ofLine: [LineOption<ClientCertificateDraft>] = [
        LineOption("crt-ignore-err") { (draft, statement, option) throws(Complaint) in
            draft.settings.ignoredErrors.formUnion(try errors(of: option, &statement))
        },
        LineOption("ca-ignore-err") { (draft, statement, option) throws(Complaint) in
            draft.settings.ignoredAuthorityErrors.formUnion(try errors(of: option, &statement))
        },
    ]

    private static func trust(
        of option: Word, _ statement: inout Statement, _ draft: ClientCertificateDraft
    ) throws(Complaint) -> TrustSource {
        let word = try statement.value(of: option, "a CA file")
        return word.text == "@system-ca" ? .system : .path(path(word.text, below: draft.authorityBase))
    }

    /// HAProxy's greatest number of an error.
    private static let greatestError = 94

    /// `all`, or numbers and names of errors between commas.
    private static func errors(of option: Word, _ statement: inout Statement) throws(Complaint) -> Set<Int> {
        let word = try statement.value(of: option, "a list of error IDs")
        if word.text == "all" { return Set(0...greatestError) }
        var numbers: Set<Int> = []
        for name in word.text.split(separator: ",") {
            if name.first?.isNumber == true {
                // What follows the digits does not count.
                let number = Int(name.prefix { $0.isASCII && $0.isNumber }) ?? .max
                guard (1...greatestError).contains(number) else {
                    throw Complaint(
                        "'\(statement.name)' : '\(option.text)' : ID '\(name)' out of range (1..\(greatestError)) in error"
                            + " IDs list '\(word.text)'", at: word)
                }
                numbers.insert(number)
            } else if let number = CertificateErrorConverters.number(of: String(name)) {
                numbers.insert(number)
            } else {
                throw Complaint(
                    "'\(statement.name)' : '\(option.text)' : error constant '\(name)' unknown in error IDs list"
                        + " '\(word.text)'", at: word)
            }
        }
        return numbers
    }
}
