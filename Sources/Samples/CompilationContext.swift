package import Words

/// Looks over the checked arguments when the configuration is read: refuses them, or makes a compiled form that ``run``
/// finds in ``ArgumentList/prepared``.
package typealias ArgumentPreparation =
    @Sendable (_ arguments: [Argument], _ context: CompilationContext) throws(Complaint) -> (any AnyObject & Sendable)?

/// What reading expressions and rules needs to know and leaves behind: one for a whole configuration. It lives only
/// while the configuration is read. Not Sendable.
package final class CompilationContext {
    package let catalogue: SampleCatalogue
    /// Where the expression that is read now will be evaluated.
    package var place: RulePlace = .all
    /// The proxy whose section is read; empty outside.
    package var proxyName = ""
    /// `file:line` of the statement that is read, for objects that report later.
    package var location = ""
    /// Whether variables and captures are checked strictly; kept for objects that need it.
    package var warnings: [Complaint] = []
    /// References to proxies, servers and user lists that are resolved once all sections are read.
    package private(set) var references: [PendingReference] = []
    private var variableNumbers: [String: UInt32] = [:]
    /// Objects that kinds of arguments keep here by name, such as map files that several expressions share.
    package var shared: [String: any AnyObject & Sendable] = [:]

    package init(_ catalogue: SampleCatalogue) { self.catalogue = catalogue }

    /// A reference with the place that messages name.
    package struct PendingReference {
        package let reference: NamedReference
        package let proxyName: String
        package let location: String
    }

    /// Keeps a reference for later.
    package func refer(_ kind: ArgumentKind, to name: String) -> NamedReference {
        let reference = NamedReference(kind, name: name)
        references.append(PendingReference(reference: reference, proxyName: proxyName, location: location))
        return reference
    }

    /// Reads a variable's name, `scope.name`.
    package func variable(_ text: String) throws(Complaint) -> VariableName {
        guard let dot = text.firstIndex(of: "."), let scope = VariableScope(rawValue: String(text[..<dot])) else {
            throw Complaint(
                "invalid variable name '\(text)'. A variable name must be start by its scope. The scope can be 'proc',"
                    + " 'sess', 'txn', 'req', 'res' or 'check'")
        }
        let name = text[text.index(after: dot)...]
        guard !name.isEmpty else { throw Complaint("invalid variable name '\(text)': a name must follow the scope") }
        for byte in name.utf8 where !Self.isNameByte(byte) {
            throw Complaint(
                "invalid syntax at char '\(Character(Unicode.Scalar(byte)))' in the variable name '\(text)'")
        }
        let number = variableNumbers[String(name)] ?? UInt32(variableNumbers.count)
        variableNumbers[String(name)] = number
        return VariableName(scope: scope, number: number, text: text)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte == 0x5f || byte == 0x2e
    }

    /// The names of all variables by their numbers.
    package var variableNames: [String] {
        variableNumbers.sorted { $0.value < $1.value }.map(\.key)
    }
}
