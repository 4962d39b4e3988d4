/// Finds what the user may have meant.
public enum Nearest {
    /// The candidate that takes the fewest edits to reach from `word`; nil when none is near enough to be meant.
    /// Of equally near ones the first in the alphabet, so that messages are always the same.
    public static func word(to word: String, among candidates: some Sequence<String>) -> String? {
        let wanted = Array(word.utf8)
        if wanted.count > 64 { return nil }
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            // A third of the letters may be wrong.
            let length = candidate.utf8.count
            let limit = min((max(wanted.count, length) + 2) / 3, best?.distance ?? .max)
            guard abs(wanted.count - length) <= limit else { continue }
            let distance = distance(wanted, Array(candidate.utf8))
            guard distance <= limit, distance > 0 else { continue }
            if let best, (best.distance, best.name) <= (distance, candidate) { continue }
            best = (candidate, distance)
        }
        return best?.name
    }

    /// How many letters have to be added, dropped, changed, or swapped with their neighbour to make `left` into `right`.
    public static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
        var beforeLast = [Int](repeating: 0, count: right.count + 1)
        var last = Array(0...right.count)
        var row = last
        for i in 1...left.count {
            row[0] = i
            for j in 1...right.count {
                let change = last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1)
                row[j] = min(change, last[j] + 1, row[j - 1] + 1)
                if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
                    row[j] = min(row[j], beforeLast[j - 2] + 1)
                }
            }
            (beforeLast, last, row) = (last, row, beforeLast)
        }
        return last[right.count]
    }
}
