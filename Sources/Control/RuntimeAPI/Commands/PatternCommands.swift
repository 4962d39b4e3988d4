import Configuration
import Patterns

/// Commands that look at the lists of maps and ACLs and change them (management.txt 9.3, `show map` and its like). They
/// write on the control thread; workers read on meanwhile.
enum PatternCommands {
    static let all = PatternListKind.map.commands + PatternListKind.acl.commands
}

/// The two faces of the same commands: their words differ a little.
private enum PatternListKind: Sendable {
    case map, acl

    var commands: [Command] {
        let name = self == .map ? "map" : "acl"
        var commands = [
            Command(
                "show \(name)",
                usage: self == .map
                    ? "show map [@<ver>] [map]                 : report available maps or dump a map's contents"
                    : "show acl [@<ver>] <acl>                 : report available acls or dump an acl's contents",
                level: .admin, run: show),
            Command(
                "get \(name)",
                usage: self == .map
                    ? "get map <map> <value>                   : report the keys and values matching a sample for a map"
                    : "get acl <acl> <value>                   : report the patterns matching a sample for an ACL",
                level: .admin, run: get),
            Command(
                "add \(name)",
                usage: self == .map
                    ? "add map [@<ver>] <map> <key> <val>      : add a map entry (payload supported instead of key/val)"
                    : "add acl [@<ver>] <acl> <pattern>        : add an acl entry",
                level: .admin, run: add),
            Command(
                "del \(name)",
                usage: "del \(name) <\(name)> [<key>|#<ref>]            : delete \(name) entries matching <key>",
                level: .admin, run: delete),
            Command(
                "clear \(name)",
                usage: "clear \(name) [@<ver>] <\(name)>                : clear the contents of this \(name)",
                level: .admin, run: clear),
            Command(
                "prepare \(name)",
                usage: "prepare \(name) <\(name)>                       : "
                    + "prepare a new version for atomic \(self == .map ? "map" : "ACL") replacement",
                level: .admin, run: prepare),
            Command(
                "commit \(name)",
                usage: "commit \(name) @<ver> <\(name)>                 : "
                    + "commit the \(self == .map ? "map" : "ACL") at this version",
                level: .admin, run: commit),
        ]
        if self == .map {
            commands.append(
                Command(
                    "set map", usage: "set map <map> [<key>|#<ref>] <value>    : modify a map entry", level: .admin,
                    run: set))
        }
        return commands
    }

    private var uses: PatternReference.Uses { self == .map ? .map : .acl }

    /// How messages call the list.
    private var title: String { self == .map ? "map" : "ACL" }

    private var unknown: CommandFailure {
        .refused("Unknown \(title) identifier. Please use #<id> or <file>.\n")
    }

    /// The list that a word means.
    /// - Parameter anyUse: whether a list that has no use of this kind will do.
    @ControlActor
    private func reference(
        _ identifier: String, _ call: CommandCall, anyUse: Bool = false
    ) throws(CommandFailure) -> PatternReference {
        guard let reference = call.api.configuration.patterns.find(identifier),
            anyUse || !reference.uses.isDisjoint(with: uses)
        else { throw unknown }
        return reference
    }

    /// The version that the word at `index` asks for with `@`, and where the words go on behind it.
    @ControlActor
    private func version(_ call: CommandCall, at index: Int) -> (number: UInt32?, next: Int) {
        guard call[index].hasPrefix("@") else { return (nil, index) }
        return (Self.leadingNumber(call[index].dropFirst()), index + 1)
    }

    /// The number that a text starts with, as C reads it into 32 bits: 0 when it starts with none.
    private static func leadingNumber(_ text: Substring) -> UInt32 {
        text.utf8.prefix { $0 >= 0x30 && $0 <= 0x39 }.reduce(0) { $0 &* 10 &+ UInt32($1 - 0x30) }
    }

    /// The entry's name in a word like `#0x1a`; nil when the word is a key.
    private func entryName(_ word: String) throws(CommandFailure) -> UInt64? {
        guard word.hasPrefix("#0x") else { return nil }
        let digits = word.dropFirst(3)
        if digits.isEmpty { return 0 }
        guard let name = UInt64(digits, radix: 16), name <= UInt64(Int64.max) else {
            throw .refused("Malformed identifier. Please use #<id> or <file>.\n")
        }
        return name
    }

    // MARK: Looking

    @ControlActor private func show(_ call: CommandCall) async throws(CommandFailure) {
        guard !call[2].isEmpty else { return try await showLists(call) }
        let (number, next) = version(call, at: 2)
        let reference = try reference(call[next], call)
        guard let cursor = reference.entries(version: number) else { return }
        var text: [UInt8] = []
        while cursor.next({ name, key, value in
            text.append(contentsOf: "0x\(String(name, radix: 16)) ".utf8)
            text.append(key)
            if let value {
                text.append(0x20)
                text.append(value)
            }
            text.append(0x0a)
        }) {
            guard text.count >= 8192 else { continue }
            try await call.write(bytes: text)
            text.removeAll(keepingCapacity: true)
        }
        try await call.write(bytes: text)
    }

    @ControlActor private func showLists(_ call: CommandCall) async throws(CommandFailure) {
        var text = "# id (file) description\n"
        for reference in call.api.configuration.patterns.references where !reference.uses.isDisjoint(with: uses) {
            text += "\(reference.id ?? -1) (\(reference.name)) \(reference.display)."
            text += " curr_ver=\(reference.currentVersion) next_ver=\(reference.nextVersion)"
            text += " entry_cnt=\(reference.entryCount)\n"
        }
        try await call.write(text)
    }

    @ControlActor private func get(_ call: CommandCall) async throws(CommandFailure) {
        guard !call[2].isEmpty, !call[3].isEmpty else { throw .refused("Missing \(title) identifier and/or key.\n") }
        let reference = try reference(call[2], call, anyUse: true)
        let (found, pattern) = self == .map ? ("found", "key") : ("match", "pattern")
        var text = ""
        let value = Array(call[3].utf8)
        for finding in reference.findings(for: value.span) {
            text += "type=\(finding.method.name), case=\(finding.ignoresCase ? "insensitive" : "sensitive"), "
            guard let match = finding.match else {
                text += "\(found)=no\n"
                continue
            }
            text += "\(found)=yes, idx=\(match.isInTree ? "tree" : "list"), "
            text += match.key.map { "\(pattern)=\"\($0)\"" } ?? "\(pattern)=unknown"
            if self == .map {
                text += match.value.map { ", value=\"\($0.text)\", type=\"\($0.type)\"" } ?? ", value=none"
            }
            text += "\n"
        }
        try await call.write(text)
    }

    // MARK: Changing entries

    @ControlActor private func add(_ call: CommandCall) async throws(CommandFailure) {
        let (number, next) = version(call, at: 2)
        let payload = call.payload.flatMap { $0.isEmpty ? nil : $0 }
        if self == .acl {
            guard !call[next].isEmpty, !call[next + 1].isEmpty else {
                throw .refused("'add acl' expects two parameters: ACL identifier and pattern.\n")
            }
        } else if call[next].isEmpty || payload == nil && (call[next + 1].isEmpty || call[next + 2].isEmpty) {
            throw .refused(
                "'add map' expects three parameters (map identifier, key and value) or one parameter (map identifier)"
                    + " and a payload\n")
        }
        let reference = try reference(call[next], call, anyUse: true)
        if let number, !reference.isKnown(number) {
            throw .refused(
                "Version number in the future, please use 'prepare \(self == .map ? "map" : "acl")' before.\n")
        }
        if self == .acl, reference.hasValues {
            throw .refused(
                "This ACL is shared with a map containing samples. You must use the command 'add map' to add values.\n")
        }
        do throws(PatternError) {
            if let payload {
                try add(payload, to: reference, version: number)
            } else {
                try reference.add(call[next + 1], self == .map ? call[next + 2] : nil, version: number)
            }
        } catch { throw .refused("\(error).\n") }
    }

    /// Adds a payload's lines: a key up to the first blank, and behind the blanks the value, which an ACL leaves out.
    @ControlActor
    private func add(
        _ payload: [UInt8], to reference: PatternReference, version: UInt32?
    ) throws(PatternError) {
        for line in payload.split(separator: 0x0a, omittingEmptySubsequences: false) {
            let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
            let key = Array(line.prefix { !isBlank($0) })
            let value = Array(line.dropFirst(key.count).drop(while: isBlank))
            guard self == .map else {
                try reference.add(key: key.span, value: nil, version: version)
                continue
            }
            guard line.count > key.count else {
                throw PatternError("Missing value for key '\(String(decoding: key, as: UTF8.self))'")
            }
            try reference.add(key: key.span, value: value.span, version: version)
        }
    }

    @ControlActor private func set(_ call: CommandCall) async throws(CommandFailure) {
        guard !call[2].isEmpty, !call[3].isEmpty, !call[4].isEmpty else {
            throw .refused("'set map' expects three parameters: map identifier, key and value.\n")
        }
        let reference = try reference(call[2], call, anyUse: true)
        let name = try entryName(call[3])
        let key = Array(call[3].utf8)
        let value = Array(call[4].utf8)
        do throws(PatternError) {
            if let name {
                try reference.set(named: name, value: value.span)
            } else {
                try reference.set(key: key.span, value: value.span)
            }
        } catch { throw .refused("\(error).\n") }
    }

    @ControlActor private func delete(_ call: CommandCall) async throws(CommandFailure) {
        guard !call[2].isEmpty, !call[3].isEmpty else {
            throw .refused("This command expects two parameters: \(title) identifier and key.\n")
        }
        let reference = try reference(call[2], call)
        let key = Array(call[3].utf8)
        let isDone =
            if let name = try entryName(call[3]) { reference.delete(named: name) } else {
                reference.delete(key: key.span)
            }
        if !isDone { throw .refused("Key not found.\n") }
    }

    // MARK: Versions

    @ControlActor private func clear(_ call: CommandCall) async throws(CommandFailure) {
        let (number, next) = version(call, at: 2)
        guard !call[next].isEmpty else { throw .refused("Missing \(title) identifier.\n") }
        try reference(call[next], call).clear(version: number)
    }

    @ControlActor private func prepare(_ call: CommandCall) async throws(CommandFailure) {
        try await call.say("New version created: \(try reference(call[2], call).prepare())\n")
    }

    @ControlActor private func commit(_ call: CommandCall) async throws(CommandFailure) {
        guard let number = version(call, at: 2).number else { throw .refused("Missing version number.\n") }
        guard !call[3].isEmpty else { throw .refused("Missing \(title) identifier.\n") }
        guard try reference(call[3], call).commit(version: number) else {
            throw .refused("Version number out of range.\n")
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ span: Span<UInt8>) {
        for index in span.indices { append(span[index]) }
    }
}
