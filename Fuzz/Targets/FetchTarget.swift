import Messages
import Samples
import Vocabulary

extension FuzzTarget {
    /// What fetches read out of bytes that clients send: a TLS hello, an RDP cookie, credentials, cookies, parameters,
    /// a distcc message, addresses. The first byte chooses.
    static let fetches = FuzzTarget(
        "fetches", "TLS hellos, RDP cookies, credentials, cookies and parameters in fetches"
    ) {
        input in
        guard !input.isEmpty else { return }
        let text = input.extracting(1..<input.count)
        promise(FetchParsers.read(text, as: input[0]), "a place outside of the \(text.count) bytes")
    }
}
