import Synchronization

/// The answers of workers to one question, as they come from their threads.
final class GatheredAnswers<Answer: Sendable>: Sendable {
    private let state: Mutex<(answers: [Answer?], missing: Int)>
    private let whenComplete: @Sendable ([Answer]) -> Void

    /// - Parameter whenComplete: is called once, on the thread of the last answer, with those that are there.
    init(_ count: Int, whenComplete: @escaping @Sendable ([Answer]) -> Void) {
        state = Mutex(([Answer?](repeating: nil, count: count), count))
        self.whenComplete = whenComplete
    }

    /// Takes a worker's answer; nil when it has ended.
    func put(_ answer: Answer?, at index: Int) {
        let all: [Answer]? = state.withLock { state in
            state.answers[index] = answer
            state.missing -= 1
            return state.missing == 0 ? state.answers.compactMap { $0 } : nil
        }
        if let all { whenComplete(all) }
    }
}
