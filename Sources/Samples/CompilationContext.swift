public import Patterns
public import Words

/// Looks over the checked arguments when the configuration is read: refuses them, or makes a compiled form that ``run``
/// finds in ``ArgumentList/prepared``.
public typealias ArgumentPreparation =
    @Sendable (_ arguments: [Argument], _ context: CompilationContext) throws(Complaint) -> (any AnyObject & Sendable)?

/// What reading expressions and rules needs to know and leaves behind: one for a whole configuration. It lives only
/// while the configuration is read. Not Sendable.
public final class CompilationContext {
    public let catalogue: SampleCatalogue
    /// Where the expression that is read now will be evaluated.
    public var place: RulePlace = .all
    /// The proxy whose section is read; empty outside.
    public var proxyName = ""
    /// The file and line of the statement that is read, for objects that report later.
    public var file = ""
    public var line = 0
    /// The bytes of that line.
    public var text: ArraySlice<UInt8> = []
    public var location: String { "\(file):\(line)" }
    /// Warnings of what is read; whoever reads a statement passes them on and empties the list.
    public var warnings: [Complaint] = []
    /// Pattern lists of ACLs and maps.
    public let patterns = PatternRegistry()
    /// Reads a file that an argument names. `Language` sets it.
    public var readFile: (_ path: String) throws(Complaint) -> [UInt8]
    /// The IPv4 address of a host name in an ACL; nil when it has none. `Language` sets it.
    public var resolveName: (String) -> UInt32? = { _ in nil }
    /// References to proxies, servers and user lists that are resolved once all sections are read.
    public private(set) var references: [PendingReference] = []
    /// The fetch, and the converter if it is one's argument, whose arguments are read.
    public var keyword = (fetch: "", converter: "")
    /// What messages about references say of where an expression stands: `in http-request expression`; nil: an ACL.
    public var expressionPlace: String? = "in"
    /// Finds an ACL that the proxy whose section is read has declared. `Language` sets it.
    public var findACL: (String) -> AnyObject? = { _ in nil }
    /// Where texts for operators go.
    public let sinks = SinkTable()
    /// Sinks that arguments name, to be looked up once all sections are read.
    public private(set) var sinkReferences: [SinkReference] = []
    /// The capture slots of the proxy whose section is read, by their lengths: rules add to them.
    public var requestCaptureLengths: [Int] = []
    public var responseCaptureLengths: [Int] = []
    /// Slots that rules fill by number, to be checked once the section is read.
    public var captureUses: [CaptureUse] = []
    /// Names of log profiles by the numbers that were given to them.
    public private(set) var logProfiles: [(name: String, first: PendingPlace)] = []
    /// The names of variables.
    public let variableNames: VariableNames
    /// `resolvers` sections that rules name, to be checked once all are read.
    public var resolverUses: [ResolverUse] = []
    /// Servers that `attach-srv` rules name, to be looked up once all sections are read.
    public var attachments: [AttachmentUse] = []
    /// Groups that ACLs name, to be checked once all user lists are read.
    public var groupUses: [GroupUse] = []
    /// Objects that kinds of arguments keep here by name, such as map files that several expressions share.
    public var shared: [String: any AnyObject & Sendable] = [:]

    /// Bytes of a buffer (`tune.bufsize`): what a whole answer has to fit.
    public var bufferSize = 16_384
    /// Whether the configuration allows what HAProxy calls experimental (`expose-experimental-directives`).
    public var allowsExperiments = false

    public init(_ catalogue: SampleCatalogue, variableNames: VariableNames = VariableNames()) {
        self.catalogue = catalogue
        self.variableNames = variableNames
        readFile = { path throws(Complaint) in throw Complaint("no file can be read here: '\(path)'") }
    }

    /// The pattern list of a file (`path`, `file@path`, `opt@path`) or a virtual one (`virt@name`), loaded when it is
    /// new. Expressions and ACLs that name the same file share it.
    ///
    /// - Parameter hasValues: the file is a map.
    public func patternReference(
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
    public struct PendingReference {
        public let reference: NamedReference
        public let proxyName: String
        public let file: String
        public let line: Int
        /// The argument's place, counted from 1.
        public let argument: Int
        /// The keyword that has it: `sample fetch keyword 'be_conn' in http-request expression`.
        public let owner: String
        /// The keyword, and the line, for the place in it.
        public let keyword: String
        public let text: ArraySlice<UInt8>
    }

    /// A place that messages name later.
    public struct PendingPlace {
        public let location: String
        public let column: Int
        public let line: Int
        public let file: String
    }

    /// A rule that fills a capture slot by its number.
    public struct CaptureUse: Sendable {
        public let slot: Int
        public let isResponse: Bool
        public let column: Int

        public init(slot: Int, isResponse: Bool, column: Int) {
            self.slot = slot
            self.isResponse = isResponse
            self.column = column
        }
    }

    /// The number of a log profile, which may be declared later.
    public func logProfile(_ name: Word) -> Int {
        if let known = logProfiles.firstIndex(where: { $0.name == name.text }) { return known }
        let place = PendingPlace(location: location, column: name.column, line: line, file: file)
        logProfiles.append((name.text, place))
        return logProfiles.count - 1
    }

    /// Keeps a reference for later.
    ///
    /// - Parameter argument: the place of the argument, counted from 1.
    public func refer(_ kind: ArgumentKind, to name: String, argument: Int) -> NamedReference {
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
    public func referToSink(_ name: String) -> SinkReference {
        let reference = SinkReference(name, location: location)
        sinkReferences.append(reference)
        return reference
    }

    /// Reads a variable's name, `scope.name`.
    public func variable(_ text: String) throws(Complaint) -> VariableName {
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
public struct ResolverUse: Sendable {
    public let name: String
    public let proxyName: String
    /// `file:line` of the rule.
    public let location: String

    public init(name: String, proxyName: String, location: String) {
        self.name = name
        self.proxyName = proxyName
        self.location = location
    }
}

/// A rule's mention of the server that is to have the connection (`attach-srv`).
public struct AttachmentUse {
    /// Gets the places of the backend and of the server in it.
    public let reference: NamedReference
    /// Whether the rule names the connection.
    public let hasName: Bool
    public let proxyName: String
    /// `file:line` of the rule.
    public let location: String

    public init(reference: NamedReference, hasName: Bool, proxyName: String, location: String) {
        self.reference = reference
        self.hasName = hasName
        self.proxyName = proxyName
        self.location = location
    }
}

/// An ACL's mention of a group of a user list (`http_auth_group`).
public struct GroupUse: Sendable {
    public let list: String
    /// Nil: the ACL names none.
    public let group: String?
    /// The ACL's name; empty for an anonymous one.
    public let acl: String
    public let proxyName: String
    public let location: String

    public init(list: String, group: String?, acl: String, proxyName: String, location: String) {
        self.list = list
        self.group = group
        self.acl = acl
        self.proxyName = proxyName
        self.location = location
    }
}
