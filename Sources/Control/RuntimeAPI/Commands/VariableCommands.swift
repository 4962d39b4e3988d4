import Configuration
import Language
import Proxying
import Samples

/// `get var` and `set var` (management.txt, section 9.3): variables of the process.
enum VariableCommands {
    static let all = [
        Command(
            "get var", usage: "get var <name>                          : retrieve contents of a process-wide variable",
            level: .operator, run: getVariable),
        Command(
            "set var", usage: "set var <name> [fmt|expr] {<fmt>|<expr>}: set variable from an expression or a format",
            level: .operator, mode: .experimental, run: setVariable),
    ]

    @ControlActor private static func getVariable(_ call: CommandCall) async throws(CommandFailure) {
        let blueprint = call.api.workers.blueprint
        guard !call[2].isEmpty else { throw .refused("Missing process-wide variable identifier.") }
        guard call[2].hasPrefix("proc."),
            let number = blueprint.configuration.variableNames.known(String(call[2].dropFirst(5))),
            let value = blueprint.processVariables.value(number)
        else { throw .refused("Variable not found.") }
        let scratch = ScratchArena(textLimit: blueprint.configuration.global.tune.bufsize)
        var sample = Sample()
        value.copy(to: &sample, scratch)
        let type = sample.type.name
        guard Cast.apply(&sample, to: .str, scratch) else {
            return try await call.say("\(call[2]): type=\(type) value=(undisplayable)")
        }
        var text = ""
        for index in 0..<sample.byteCount {
            let byte = sample.bytes[index]
            text.unicodeScalars.append(Unicode.Scalar(byte >= 0x20 && byte < 0x7f ? byte : 0x2e))
        }
        try await call.say("\(call[2]): type=\(type) value=<\(text)>")
    }

    @ControlActor private static func setVariable(_ call: CommandCall) async throws(CommandFailure) {
        guard !call[2].isEmpty else { throw .refused("Missing process-wide variable identifier.") }
        guard !call[3].isEmpty else { throw .refused("Missing either 'expr', 'fmt' or expression.") }
        let isLong = !call[4].isEmpty
        guard !isLong || call[3] == "fmt" || call[3] == "expr" else {
            throw .refused("'set var': arg type must be either 'expr' or 'fmt' but got '\(call[3])'.")
        }
        let setting: VariableSetting
        do throws(RuntimeComplaint) {
            setting = try call.api.facts.language.variable(
                named: call[2], call[isLong ? 4 : 3], isFormat: isLong && call[3] == "fmt")
        } catch { throw .refused(error.message) }
        _ = ProcessEvaluation(call.api.workers.blueprint).set(setting)
    }
}
