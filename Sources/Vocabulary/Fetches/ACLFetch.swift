import Rules
import Samples
import Words

/// The fetch that asks ACLs (configuration.txt section 7.3.2).
enum ACLFetch {
    /// Names that it takes, as in HAProxy.
    private static let most = 12

    static let all: [Fetch] = [
        Fetch(
            "acl", "True when all of the ACLs named match; `!` before a name turns it round.",
            example: "acl(METH_GET,!LOCALHOST)",
            takes: ArgumentSignature([ArgumentKind](repeating: .string, count: most), required: 1), gives: .bool,
            from: .constant, prepare: { values, context throws(Complaint) in try NamedACLs(values, context) }
        ) { evaluation, arguments, sample in
            switch arguments.object(NamedACLs.self).condition.evaluate(evaluation) {
            case .pass: sample.setBool(true)
            case .fail: sample.setBool(false)
            case .undecided: return false
            }
            return true
        }
    ]
}

/// The ACLs that `acl` names.
private final class NamedACLs: Sendable {
    let condition: Condition

    init(_ values: [Argument], _ context: CompilationContext) throws(Complaint) {
        var terms: [Condition.Term] = []
        for case .string(let bytes) in values {
            let text = String(decoding: bytes, as: UTF8.self)
            let isNegated = text.hasPrefix("!")
            let name = isNegated ? String(text.dropFirst()) : text
            let declared = (context.findACL(name) as? ACL).map { [name: $0] } ?? [:]
            let acl: ACL
            do throws(Complaint) {
                acl = try ConditionParser(context, acls: declared).acl(named: name, at: Word(text: name, column: 0))
            } catch {
                throw Complaint("ACL '\(name)' not found")
            }
            terms.append(Condition.Term(acl, isNegated: isNegated))
        }
        condition = Condition([terms], isNegated: false)
    }
}
