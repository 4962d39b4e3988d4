import Messages
import Patterns
import Rules
import Words

/// How `del-header` and `del-headers-bin` compare the names of fields.
enum NameMethod: String, Sendable {
    case str, beg, end, sub, reg

    /// Reads `-m <method>` if it comes next; `str` without.
    static func read(_ reader: inout ActionReader, allowsRegex: Bool) throws(Complaint) -> NameMethod {
        guard reader.skip("-m") else { return .str }
        guard let word = reader.next() else {
            throw Complaint("-m flag expects exactly 1 argument", at: reader.keyword)
        }
        guard let method = NameMethod(rawValue: word.text), method != .reg || allowsRegex else {
            throw Complaint("-m with unsupported matching method '\(word.text)'", at: word)
        }
        return method
    }

    /// Whether the name of a field, in lower case, matches a wanted one, also in lower case. Not for `reg`.
    func matches(_ name: Span<UInt8>, _ wanted: Span<UInt8>) -> Bool {
        guard name.count >= wanted.count else { return false }
        switch self {
        case .str: return name.equals(wanted)
        case .beg: return name.has(wanted, at: 0)
        case .end: return name.has(wanted, at: name.count - wanted.count)
        case .sub:
            for start in 0...(name.count - wanted.count) where name.has(wanted, at: start) { return true }
            return false
        case .reg: return false
        }
    }
}

extension MessageHead {
    /// Removes the fields whose names match.
    func removeFields(_ method: NameMethod, _ wanted: Span<UInt8>) {
        if method == .str { return removeAll(named: wanted) }
        var index = 0
        while index < fieldCount {
            if method.matches(nameText(at: index), wanted) { remove(at: index) } else { index += 1 }
        }
    }

    /// Removes the fields whose names an expression matches.
    func removeFields(matching expression: PCRE2Expression) {
        var index = 0
        while index < fieldCount {
            if expression.matches(nameText(at: index)) { remove(at: index) } else { index += 1 }
        }
    }
}
