/// How many streams of one kind the peer may open (RFC 9000 section 4.6). A closed one is given back when the peer has
/// used half of what it has: a MAX_STREAMS frame for each would be one for each request.
struct StreamLimit {
    /// What it could open at first.
    private let initial: Int
    /// What it can still open.
    private var left: Int
    /// Closed ones that are not given back.
    private var owed = 0

    init(_ initial: UInt64) {
        self.initial = Int(clamping: initial)
        left = self.initial
    }

    mutating func opened() { left -= 1 }

    mutating func closed() { owed += 1 }

    /// How many to give back now.
    mutating func takeDue() -> Int {
        guard owed > 0, left * 2 <= initial else { return 0 }
        defer { owed = 0 }
        left += owed
        return owed
    }
}
