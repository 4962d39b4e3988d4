package import Patterns
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
    /// The file and line of the statement that is read, for objects that report later.
    package var file = ""
    package var line = 0
    /// The bytes of that line.
    package var text: ArraySlice<UInt8> = []
    package var location: String { "\(file):\(line)" }
    /// Warnings of what is read; whoever reads a statement passes them on and empties the list.
    package var warnings: [Complaint] = []
    /// Pattern lists of ACLs and maps.
    package let patterns = PatternRegistry()
    /// Reads a file that an argument names. `Language` sets it.
    package var readFile: (_ path: String) throws(Complaint) -> [UInt8]
    /// The IPv4 address of a host name in an ACL; nil when it has none. `Language` sets it.
    package var resolveName: (String) -> UInt32? = { _ in nil }
    /// References to proxies, servers and user lists that are resolved once all sections are read.
    package private(set) var references: [PendingReference] = []
    /// The fetch, and the converter if it is one's argument, whose arguments are read.
    package var keyword = (fetch: "", converter: "")
    /// What messages about references say of where an expression stands: `in http-request expression`; nil: an ACL.
    package var expressionPlace: String? = "in"
    /// Finds an ACL that the proxy whose section is read has declared. `Language` sets it.
    package var findACL: (String) -> AnyObject? = { _ in nil }
    /// Where texts for operators go.
    package let sinks = SinkTable()
    /// Sinks that arguments name, to be looked up once all sections are read.
    package private(set) var sinkReferences: [SinkReference] = []
    /// The capture slots of the proxy whose section is read, by their lengths: rules add to them.
    package var requestCaptureLengths: [Int] = []
    package var responseCaptureLengths: [Int] = []
    /// Slots that rules fill by number, to be checked once the section is read.
    package var captureUses: [CaptureUse] = []
    /// Names of log profiles by the numbers that were given to them.
    package private(set) var logProfiles: [(name: String, first: PendingPlace)] = []
    /// The names of variables.
    package let variableNames: VariableNames
    /// `resolvers` sections that rules name, to be checked once all are read.
    package var resolverUses: [ResolverUse] = []
    /// Objects that kinds of arguments keep here by name, such as map files that several expressions share.
    package var shared: [String: any AnyObject & Sendable] = [:]

    /// Bytes of a buffer (`tune.bufsize`): what a whole answer has to fit.
    package var bufferSize = 16_384
    /// Whether the configuration allows what HAProxy calls experimental (`expose-experimental-directives`).
    package var allowsExperiments = false

    package init(_ catalogue: SampleCatalogue, variableNames: VariableNames = VariableNames()) {
        self.catalogue = catalogue
        self.variableNames = variableNames
        readFile = { path throws(Complaint) in throw Complaint("no file can be read here: '\(path)'") }
    }

    /// The pattern list of a file (`path`, `file@path`, `opt@path`) or a virtual one (`virt@name`), loaded when it is
    /// new. Expressions and ACLs that name the same file share it.
    ///
    /// - Parameter hasValues: the file is a map.
    package func patternReference(
        _ word: Word, hasValues: Bool, uses: PatternReference.Uses
    ) throws(Complaint) -> PatternReference {
        let reference: PatternReference
        let isNew: Bool
        do throws(PatternError) {
            (reference, isNew) = try patterns.reference(
                word.text, hasValues: hasValues, uses: uses, file: file, line: line)
        } catch {
            throw Complaint("\(error)", at: word)
        }
        guard isNew, case .file(let isOptional) = reference.source else { return reference }
        let content: [UInt8]
        do throws(Complaint) {
            content = try readFile(reference.name)
        } catch {
            if isOptional { return reference }
            throw Complaint("failed to open pattern file <\(reference.name)>: \(error.message)", at: word)
        }
        do throws(PatternError) {
            _ = try reference.load(content.span)
        } catch {
            throw Complaint("\(error)", at: word)
        }
        return reference
    }

    /// A reference with the place that messages name.
    package struct PendingReference {
        package let reference: NamedReference
        package let proxyName: String
        package let file: String
        package let line: Int
        /// The argument's place, counted from 1.
        package let argument: Int
        /// The keyword that has it: `sample fetch keyword 'be_conn' in http-request expression`.
        package let owner: String
        /// The keyword, and the line, for the place in it.
        package let keyword: String
        package let text: ArraySlice<UInt8>
    }

    /// A place that messages name later.
    package struct PendingPlace {
        package let location: String
        package let column: Int
        package let line: Int
        package let file: String
    }

    /// A rule that fills a capture slot by its number.
    package struct CaptureUse: Sendable {
        package let slot: Int
        package let isResponse: Bool
        package let column: Int

        package init(slot: Int, isResponse: Bool, column: Int) {
            self.slot = slot
            self.isResponse = isResponse
            self.column = column
        }
    }

    /// The number of a log profile, which may be declared later.
    package func logProfile(_ name: Word) -> Int {
        if let known = logProfiles.firstIndex(where: { $0.name == name.text }) { return known }
        let place = PendingPlace(location: location, column: name.column, line: line, file: file)
        logProfiles.append((name.text, place))
        return logProfiles.count - 1
    }

    /// Keeps a reference for later.
    ///
    /// - Parameter argument: the place of the argument, counted from 1.
    package func refer(_ kind: ArgumentKind, to name: String, argument: Int) -> NamedReference {
        let reference = NamedReference(kind, name: name)
        let converter = keyword.converter.isEmpty ? "" : "conversion keyword '\(keyword.converter)' for "
        let what = expressionPlace == nil ? "ACL keyword" : "sample fetch keyword"
        references.append(
            PendingReference(
                reference: reference, proxyName: proxyName, file: file, line: line, argument: argument,
                owner: "\(converter)\(what) '\(keyword.fetch)' \(expressionPlace ?? "in")",
                keyword: keyword.converter.isEmpty ? keyword.fetch : keyword.converter, text: text))
        return reference
    }

    /// Keeps the name of a sink for later.
    package func referToSink(_ name: String) -> SinkReference {
        let reference = SinkReference(name, location: location)
        sinkReferences.append(reference)
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
        let number = variableNames.number(of: String(name), isOfProcess: scope == .proc)
        return VariableName(scope: scope, number: number, text: text)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte == 0x5f || byte == 0x2e
    }
}

/// A rule's mention of a `resolvers` section.
package struct ResolverUse: Sendable {
    package let name: String
    package let proxyName: String
    /// `file:line` of the rule.
    package let location: String

    package init(name: String, proxyName: String, location: String) {
        self.name = name
        self.proxyName = proxyName
        self.location = location
    }
}
