import TLSTransport

/// Contents that are known by a name.
protocol NamedContents {
    var name: String { get }
}

extension CertificateParts: NamedContents {}
extension TrustStore: NamedContents {}
extension RevocationList: NamedContents {}

/// What operators are changing about certificates and authorities, and have not committed yet: one of each kind for the
/// whole process, whoever began it.
@ControlActor
final class TLSTransactions {
    /// The new contents, under the name of the old ones.
    var certificate: CertificateParts?
    var authorities: TrustStore?
    var revocations: RevocationList?

    /// Refuses a deed about `name` when what was begun is about another one.
    ///
    /// - Parameter deed: what the operator wants to do with it.
    func check(
        _ begun: some NamedContents, isAbout name: String, to deed: String = "set", end: String = ""
    ) throws(CommandFailure) {
        guard begun.name != name else { return }
        throw .refused(
            "The ongoing transaction is about '\(begun.name)' but you are trying to \(deed) '\(name)'\n" + end)
    }

    /// `commit ssl cert` and its like: what was begun about `name`, which is no transaction any more once `isReady`
    /// does not throw.
    func take<Contents: NamedContents>(
        _ contents: ReferenceWritableKeyPath<TLSTransactions, Contents?>, _ name: String, end: String,
        isReady: (Contents) throws(CommandFailure) -> Void = { _ in }
    ) throws(CommandFailure) -> Contents {
        guard let begun = self[keyPath: contents] else { throw .refused("No ongoing transaction! !\n" + end) }
        try check(begun, isAbout: name, end: end)
        try isReady(begun)
        self[keyPath: contents] = nil
        return begun
    }

    /// `abort ssl cert` and its like, for one `kind` of contents.
    func abort<Contents: NamedContents>(
        _ contents: ReferenceWritableKeyPath<TLSTransactions, Contents?>, _ kind: String, _ call: CommandCall
    ) async throws(CommandFailure) {
        let name = call[3]
        guard !name.isEmpty else { throw .refused("'abort ssl \(kind)' expects a filename\n") }
        guard let begun = self[keyPath: contents] else { throw .refused("No ongoing transaction!\n") }
        try check(begun, isAbout: name, to: "abort a transaction for")
        self[keyPath: contents] = nil
        try await call.say("Transaction aborted for certificate '\(name)'!\n", .notice)
    }
}
