/// Which lines count: the state of nested `.if` blocks in one file.
struct ConditionalBlocks {
    /// Deepest nesting of `.if`.
    static let maxDepth = 100

    private enum Branch {
        /// This branch's lines count.
        case taken
        /// No branch counted so far; a later one may.
        case waiting
        /// An earlier branch counted, or the block is in one that does not.
        case passed
    }

    private struct Block {
        var branch: Branch
        var hadElse = false
        /// The line of its `.if`.
        var line: Int
    }

    private var blocks: [Block] = []

    /// Whether lines count here.
    var isActive: Bool { blocks.last.map { $0.branch == .taken } ?? true }

    /// The line of the innermost `.if` without its `.endif`, if there is one.
    var unclosedLine: Int? { blocks.last?.line }

    /// `.if`. The condition is looked at only where its lines could count.
    mutating func begin(line: Int, _ condition: () throws(ConditionError) -> Bool) throws(BlockError) {
        if blocks.count >= Self.maxDepth { throw .message("too many nested '.if', max is \(Self.maxDepth)") }
        // The block stands even if its condition is wrong: its '.endif' has to find it.
        blocks.append(Block(branch: .passed, line: line))
        if blocks.count > 1, blocks[blocks.count - 2].branch != .taken { return }
        blocks[blocks.count - 1].branch = try evaluate(condition) ? .taken : .waiting
    }

    /// `.elif`.
    mutating func alternative(_ condition: () throws(ConditionError) -> Bool) throws(BlockError) {
        guard let block = blocks.last else { throw .message("lone '.elif' with no matching '.if'") }
        if block.hadElse { throw .message("'.elif' after '.else' is not permitted") }
        if block.branch == .waiting {
            blocks[blocks.count - 1].branch = .passed
            blocks[blocks.count - 1].branch = try evaluate(condition) ? .taken : .waiting
        } else {
            blocks[blocks.count - 1].branch = .passed
        }
    }

    /// `.else`.
    mutating func otherwise() throws(BlockError) {
        guard let block = blocks.last else { throw .message("lone '.else' with no matching '.if'") }
        if block.hadElse { throw .message("'.else' after '.else' is not permitted") }
        blocks[blocks.count - 1].hadElse = true
        blocks[blocks.count - 1].branch = block.branch == .waiting ? .taken : .passed
    }

    /// `.endif`.
    mutating func end() throws(BlockError) {
        if blocks.popLast() == nil { throw .message("lone '.endif' with no matching '.if'") }
    }

    private func evaluate(_ condition: () throws(ConditionError) -> Bool) throws(BlockError) -> Bool {
        do {
            return try condition()
        } catch {
            throw .condition(error)
        }
    }
}

/// What is wrong with a line that opens, splits or closes a block.
enum BlockError: Error, Equatable {
    /// The line stands at a wrong place.
    case message(String)
    /// Its condition has no value.
    case condition(ConditionError)
}
