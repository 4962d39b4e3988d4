import Configuration
import Words

/// `cpu-map`: which CPUs a worker runs on. There is one thread group, number 1; others are passed over.
enum CPUMapStatement {
    /// Threads of a group that a map can name.
    private static let maxThreads = 64
    /// CPUs that the system's sets can hold.
    private static let maxCPUs = 1024

    static let keyword = GlobalKeywords.keyword("cpu-map") { (global, statement) throws(Complaint) in
        let word = try statement.argument(
            "a thread group number ('all', 'odd', 'even', a number from 1 to \(maxThreads) or a range), followed by a"
                + " list of CPU ranges")
        var text = word.text[...]
        let isAutomatic = text.hasPrefix("auto:")
        if isAutomatic { text = text.dropFirst(5) }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let groups = try threads(parts.first ?? "", in: word)
        let threads = parts.count == 2 ? try Self.threads(parts[1], in: word) : Array(1...maxThreads)
        var cpus: Set<Int> = []
        repeat {
            let set = try statement.argument("a list of CPU ranges with numbers from 0 to \(maxCPUs - 1)")
            try add(set, to: &cpus)
        } while !statement.isAtEnd
        if isAutomatic, threads.count != cpus.count, groups.count != cpus.count {
            throw Complaint(
                "'cpu-map' : thread range and CPU sets must have the same size to be automatically bound", at: word)
        }
        guard groups.contains(1) else { return }
        let sorted = cpus.sorted()
        for (index, thread) in threads.enumerated() {
            if isAutomatic {
                // More threads than CPUs: the rest is not bound.
                if index < sorted.count { global.settings.cpuMap[thread - 1] = [sorted[index]] }
            } else {
                global.settings.cpuMap[thread - 1] = sorted
            }
        }
    }

    /// `all`, `odd`, `even`, `N`, `N-M` or `N-`.
    private static func threads(_ text: Substring, in word: Word) throws(Complaint) -> [Int] {
        switch text {
        case "all": return Array(1...maxThreads)
        case "odd": return Array(stride(from: 1, through: maxThreads, by: 2))
        case "even": return Array(stride(from: 2, through: maxThreads, by: 2))
        default: break
        }
        guard let range = range(text, in: 1...maxThreads) else {
            throw Complaint(
                "'cpu-map' : '\(text)' is not a valid number/range. It supports the range from 1 to \(maxThreads)",
                at: word)
        }
        return Array(range)
    }

    private static func add(_ word: Word, to cpus: inout Set<Int>) throws(Complaint) {
        for part in word.text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let range = range(part, in: 0...maxCPUs - 1) else {
                throw Complaint("'cpu-map' : '\(word.text)' is not a CPU range", at: word)
            }
            cpus.formUnion(range)
        }
    }

    private static func range(_ text: Substring, in bounds: ClosedRange<Int>) -> ClosedRange<Int>? {
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let low = ends.first.flatMap(number) else { return nil }
        let high = ends.count == 1 ? low : ends[1].isEmpty ? bounds.upperBound : number(ends[1])
        guard let high, low <= high, bounds.contains(low), bounds.contains(high) else { return nil }
        return low...high
    }

    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy(Byte.isDigit) ? Int(text) : nil
    }
}
