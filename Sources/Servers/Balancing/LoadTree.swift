import Synchronization

/// Finds the least loaded of many servers: a tournament tree whose leaves are the servers by their places in the
/// backend's table. Every worker changes it as loads change, without locks; reading the winner is one load.
///
/// A node holds the place of the better of its two children and a number that each change raises. A change of a leaf
/// recomputes the nodes above it, each twice: when another worker comes in between, its own second round, or ours, sees
/// the loads of both.
final class LoadTree: Sendable {
    let capacity: Int
    private let nodes: [Node]

    private final class Node: Sendable {
        let value: Atomic<UInt64>
        init(_ winner: Int) { value = Atomic(UInt64(winner)) }
    }

    /// - Parameter capacity: how many places there are; a power of two.
    init(capacity: Int) {
        self.capacity = capacity
        // A node's first winner is its leftmost leaf.
        nodes = (0..<capacity).map { node in
            var leaf = max(1, node)
            while leaf < capacity { leaf *= 2 }
            return Node(leaf - capacity)
        }
    }

    /// The place of the best server.
    var winner: Int { capacity == 1 ? 0 : winner(of: 1) }

    private func winner(of node: Int) -> Int {
        node >= capacity ? node - capacity : Int(nodes[node].value.load(ordering: .acquiring) & 0xffff_ffff)
    }

    /// The load at a place has changed. `isBetter` compares two places by the loads of now.
    ///
    /// - Parameter throughout: looks at all nodes above the place, whatever is found: a node that went wrong is put right
    ///   when its winner is chosen.
    func refresh(_ place: Int, throughout: Bool = false, _ isBetter: (_ left: Int, _ right: Int) -> Bool) {
        guard place < capacity else { return }
        var node = (place + capacity) / 2
        while node >= 1 {
            let outcome = update(node, place, isBetter) ?? update(node, place, isBetter)
            if outcome == .unaffected, !throughout { return }
            node /= 2
        }
    }

    /// What a change below means for a node.
    private enum Outcome {
        /// The nodes above may have to change.
        case affected
        /// The changed place neither was nor is the best below, and nothing else has changed.
        case unaffected
    }

    /// Sets a node to its better child; nil when another worker came in between. Only who has set a node knows what
    /// stood there before: who finds it as it should be leaves the nodes above to the one who set it.
    private func update(_ node: Int, _ place: Int, _ isBetter: (Int, Int) -> Bool) -> Outcome? {
        let old = nodes[node].value.load(ordering: .acquiring)
        let (left, right) = (winner(of: 2 * node), winner(of: 2 * node + 1))
        let best = isBetter(right, left) ? right : left
        let new = ((old >> 32 &+ 1) << 32) | UInt64(best)
        let isSet = nodes[node].value.compareExchange(
            expected: old, desired: new, ordering: .acquiringAndReleasing
        ).exchanged
        guard isSet else { return nil }
        let before = Int(old & 0xffff_ffff)
        return before == best && best != place ? .unaffected : .affected
    }
}
