/// Whether the workers measure what they spend on each exchange (`profiling.tasks`).
public enum TaskProfiling: UInt8, Sendable, Equatable {
    case off
    /// Each worker by itself, while the turns of its loop are long.
    case automatic
    case on
}
