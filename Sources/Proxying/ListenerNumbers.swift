import Configuration

/// Gives listening addresses their numbers: `id` of the line for its first one, and for others the first free number
/// behind the one before, as HAProxy does.
struct ListenerNumbers {
    private var used: Set<Int>
    private var next = 1

    /// - Parameter binds: all lines of a frontend: no number that one of them wants is given to another.
    init(_ binds: [BindSettings]) { used = Set(binds.compactMap(\.id)) }

    /// The numbers of a line's addresses. Lines come in their order.
    mutating func take(for bind: BindSettings) -> [Int] {
        (0..<bind.socketCount).map { place in
            if place == 0, let id = bind.id {
                next = id + 1
                return id
            }
            while used.contains(next) { next += 1 }
            used.insert(next)
            next += 1
            return next - 1
        }
    }
}
