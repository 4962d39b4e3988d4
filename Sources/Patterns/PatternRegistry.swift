public import Bytes

/// All lists of a process: each file once, however often it is used, and each ACL's own patterns. Filled while the
/// configuration is read; afterwards the control thread finds lists here for the runtime API.
public final class PatternRegistry: @unchecked Sendable {
    /// Guards what readers of all lists hold. Each worker announces itself there.
    public let epochs: Epochs
    /// In the order of their numbers, once ``assignNumbers()`` has been called.
    public private(set) var references: [PatternReference] = []

    public init(epochs: Epochs = Epochs()) { self.epochs = epochs }

    /// The list of `argument`, and whether it is new: a new one with a file as its source has to be filled with
    /// ``PatternReference/load(_:)``. Only while the configuration is read.
    /// - Parameters:
    ///   - argument: a file's name, with `file@` or `opt@` before it if wanted, or `virt@name`.
    ///   - hasValues: whether it is read as two columns.
    ///   - place: the file and line of the configuration that name it.
    public func reference(
        _ argument: String, hasValues: Bool, uses: PatternReference.Uses, file: String, line: Int
    ) throws(PatternError) -> (reference: PatternReference, isNew: Bool) {
        let user = "by \(uses.contains(.map) ? "map" : "acl") at file '\(file)' line \(line)"
        if let known = find(named: argument) {
            if known.hasValues != hasValues {
                let (known, wanted) = hasValues ? ("one", "two") : ("two", "one")
                throw PatternError(
                    "The file \"\(argument)\" is already used as \(known) column file and cannot be used by as "
                        + "\(wanted) column file.")
            }
            known.display += ", \(user)"
            known.uses.formUnion(uses)
            return (known, false)
        }
        let (name, source) = Self.split(argument)
        let reference = PatternReference(
            name: name, source: source, hasValues: hasValues, uses: uses,
            display: "pattern loaded from file '\(argument)' used \(user)", epochs: epochs)
        references.append(reference)
        return (reference, true)
    }

    /// A list for the patterns that an ACL writes in the configuration.
    /// - Parameters:
    ///   - id: the number that `-u` asks for.
    ///   - keyword: the ACL's criterion.
    public func inlineReference(
        id: Int? = nil, keyword: String, file: String, line: Int
    ) throws(PatternError) -> PatternReference {
        if let id, find(id: id) != nil { throw PatternError("the id is already used") }
        let reference = PatternReference(
            uses: .acl, display: "acl '\(keyword)' file '\(file)' line \(line)", id: id, epochs: epochs)
        references.append(reference)
        return reference
    }

    private static func split(_ argument: String) -> (String, PatternReference.Source) {
        if argument.hasPrefix("virt@"), argument.count > 5 { return (argument, .virtual) }
        if argument.hasPrefix("opt@"), argument.count > 4 {
            return (String(argument.dropFirst(4)), .file(isOptional: true))
        }
        let hasPrefix = argument.hasPrefix("file@") && argument.count > 5
        return (hasPrefix ? String(argument.dropFirst(5)) : argument, .file(isOptional: false))
    }

    /// Gives each list without a number the lowest free one, in the order in which they came, and puts all in order. To
    /// be called when the configuration is read: from here on no list takes host names.
    public func assignNumbers() {
        let taken = Set(references.compactMap(\.id))
        var next = 0
        for reference in references where reference.id == nil {
            while taken.contains(next) { next += 1 }
            reference.id = next
            next += 1
        }
        for reference in references { reference.resolveName = nil }
        references.sort { ($0.id ?? 0) < ($1.id ?? 0) }
    }

    /// The list that a runtime command means: `#id`, or the name, with or without `file@` or `opt@`.
    public func find(_ identifier: String) -> PatternReference? {
        guard identifier.hasPrefix("#") else { return find(named: identifier) }
        return Int(identifier.dropFirst()).flatMap { find(id: $0) }
    }

    private func find(id: Int) -> PatternReference? { references.first { $0.id == id } }

    private func find(named argument: String) -> PatternReference? {
        let (name, _) = Self.split(argument)
        return references.first { $0.source != .inline && $0.name == name }
    }
}
