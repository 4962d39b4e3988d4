import Bytes
import Rules
import Samples
import Words

/// `do-resolve` (configuration.txt section 4.4): asks name servers while the exchange waits.
enum ResolveActions {
    static let all: [ActionKeyword] = [
        ActionKeyword(
            "do-resolve", "Sets a variable to the address of a name; the exchange waits for it.",
            usage: "(<var>,<resolvers>[,ipv4|ipv6]) <expr>", in: [.httpRequest, .tcpRequestContent]
        ) { (reader) throws(Complaint) in try DoResolve(&reader) }
    ]
}

private final class DoResolve: RuleAction {
    private let variable: VariableName
    private let resolvers: String
    private let prefersIPv4: Bool
    private let name: Expression

    init(_ reader: inout ActionReader) throws(Complaint) {
        let usage =
            "Expects 'do-resolve(<varname>,<resolvers>[,<options>]) <expr>'. Available options are 'ipv4' and 'ipv6'"
        let parts =
            reader.parameter?.text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) ?? []
        guard parts.count >= 2, !parts[1].isEmpty else {
            throw Complaint("Can't parse '\(reader.keyword.text)'. \(usage)", at: reader.keyword)
        }
        var prefersIPv4 = false
        for option in parts.dropFirst(2) {
            guard option == "ipv4" || option == "ipv6" else {
                throw Complaint("Can't parse '\(reader.keyword.text)'. \(usage)", at: reader.keyword)
            }
            prefersIPv4 = option == "ipv4"
        }
        variable = try reader.context.variable(parts[0])
        resolvers = parts[1]
        self.prefersIPv4 = prefersIPv4
        reader.context.resolverUses.append(
            ResolverUse(name: resolvers, proxyName: reader.context.proxyName, location: reader.location))
        name = try reader.expression()
    }

    var needsControl: Bool { true }

    func run(_ run: RuleRun) -> RuleOutcome {
        guard let host = run.host else { return .next }
        if run.isResumed {
            if host.awaitsAddress { return .wait(until: .distantFuture) }
            guard let address = host.foundAddress else { return .next }
            var sample = Sample()
            if sample.setAddress(address) { _ = run.evaluation.set(variable, to: sample, []) }
            return .next
        }
        var sample = Sample()
        guard name.evaluate(run.evaluation, &sample, as: .str), sample.bytes.count > 0 else { return .next }
        let question = AddressQuestion(
            name: String(decoding: Array(copying: sample.bytes), as: UTF8.self), resolvers: resolvers,
            prefersIPv4: prefersIPv4)
        return host.findAddress(question) ? .wait(until: .distantFuture) : .next
    }
}
