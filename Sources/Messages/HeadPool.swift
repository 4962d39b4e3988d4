/// A worker's spare heads: a message costs no allocation once the pool is warm.
public final class HeadPool {
    private var spare: [MessageHead] = []
    private let byteLimit: Int
    private let fieldLimit: Int
    private let spareLimit: Int
    /// Heads given out and not taken back: what a leak shows in.
    public private(set) var used = 0

    /// - Parameters:
    ///   - byteLimit: bytes of text per head: `tune.bufsize`.
    ///   - fieldLimit: fields per head: `tune.http.maxhdr`.
    ///   - spareLimit: heads to keep.
    public init(byteLimit: Int = 16_384, fieldLimit: Int = 101, spareLimit: Int = 512) {
        self.byteLimit = byteLimit
        self.fieldLimit = fieldLimit
        self.spareLimit = spareLimit
    }

    /// An empty head.
    public func obtain(_ kind: MessageHead.Kind) -> MessageHead {
        used += 1
        guard let head = spare.popLast() else {
            return MessageHead(kind, byteLimit: byteLimit, fieldLimit: fieldLimit)
        }
        head.openMemory()
        head.reset(kind)
        return head
    }

    /// Takes back a head that nobody uses any more.
    public func giveBack(_ head: MessageHead) {
        used -= 1
        guard spare.count < spareLimit else { return }
        head.closeMemory()
        spare.append(head)
    }
}
