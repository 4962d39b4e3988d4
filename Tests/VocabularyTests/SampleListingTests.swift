import Foundation
import TestSupport
import Testing
import Vocabulary

/// The lists of fetches and converters, and the document that is made of them.
struct SampleListingTests {
    private let listing = SampleListing(Vocabulary.samples)

    @Test func documentIsCurrent() throws {
        let file = try String(contentsOfFile: Repository.path("docs/SAMPLES.md"), encoding: .utf8)
        #expect(file == listing.document, "write it anew: swift run portico -dKdoc > docs/SAMPLES.md")
    }

    /// Lines as HAProxy's `-dKcnv` has them.
    @Test(arguments: [
        "# List of registered sample converter functions:", "add(string): sint => sint",
        "be2hex(string[,integer,integer]): str => bin", "crc32([integer]): sint => bin",
        "ipmask(IPv4 mask[,IPv6 mask]): addr => addr", "lower: str => str",
        "regsub(regex,string[,string]): str => str", "set-var(string[,string,string,string,string]): any => any",
    ])
    func converters(_ line: String) {
        #expect(listing.converterKeywords.split(separator: "\n").contains(Substring(line)))
    }

    /// Lines as HAProxy's `-dKsmp` has them.
    @Test(arguments: [
        "# List of registered sample fetch functions:",
        "#                       _.---------------------- frontend tcp-request connection rule",
        "#                      / _.--------------------- frontend tcp-request session rule",
        "#  / / / / / / / / / / / / / / / / / / / / / _.- CLI parser",
        "# / / / / / / / / / / / / / / / / / / / / / /  ", "# | | | | | | | | | | | | | | | | | | | | | | ",
        "[ Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y ] always_true: bool",
        "[ Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y ] str(string): str",
    ])
    func fetches(_ line: String) {
        #expect(listing.fetchKeywords.split(separator: "\n").contains(Substring(line)))
    }

    @Test func listsAreInOrder() {
        let names = listing.converterKeywords.split(separator: "\n").dropFirst().map {
            $0.prefix { $0 != "(" && $0 != ":" }
        }
        #expect(names.count > 70)
        #expect(names == names.sorted())
    }
}
