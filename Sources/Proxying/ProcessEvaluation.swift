import Bytes
package import Configuration
import Rules
import Runtime
import Samples
import Streams

/// Evaluates what needs neither a client nor an exchange: variables that the configuration sets at the start, and those
/// that the runtime API sets. Not Sendable: made where it is needed.
package final class ProcessEvaluation {
    private let evaluation: Evaluation

    package init(_ blueprint: Blueprint) {
        let clock = TurnClock(now: SystemClock.now(), wall: SystemClock.wall())
        let tune = blueprint.configuration.global.tune
        evaluation = Evaluation(
            WorkerResources(clock: clock), textLimit: tune.bufsize, processVariables: blueprint.processVariables,
            variableLimits: tune.variables, seed: clock.wall)
        evaluation.begin()
        var figures = LogFigures()
        figures.hostname = Socket.hostname
        evaluation.figures = figures
    }

    /// Sets a variable to what an expression or a format gives. False when it gives nothing, or when a limit of
    /// `tune.vars.*` is met.
    package func set(_ setting: VariableSetting) -> Bool {
        defer { evaluation.scratch.release() }
        var sample = Sample()
        switch setting.source {
        case .expression(let expression):
            guard expression.evaluate(evaluation, &sample) else { return false }
        case .format(let format): format.text(evaluation, &sample)
        }
        return evaluation.set(setting.name, to: sample)
    }
}
