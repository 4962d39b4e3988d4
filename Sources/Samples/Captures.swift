import Streams

extension Transaction {
    /// Keeps a text in a capture slot, cut to the slot's length. False when the frontend has no such slot.
    public final func capture(_ text: borrowing Span<UInt8>, _ direction: MessageDirection, slot: Int) -> Bool {
        let lengths = direction == .request ? requestCaptureLengths : responseCaptureLengths
        guard lengths.indices.contains(slot) else { return false }
        var copy: [UInt8] = []
        copy.reserveCapacity(min(text.count, lengths[slot]))
        for index in 0..<min(text.count, lengths[slot]) { copy.append(text[index]) }
        if direction == .request {
            Self.keep(copy, at: slot, of: lengths.count, in: &requestCaptures)
        } else {
            Self.keep(copy, at: slot, of: lengths.count, in: &responseCaptures)
        }
        return true
    }

    private static func keep(_ text: [UInt8], at slot: Int, of count: Int, in captures: inout [[UInt8]?]) {
        while captures.count < count { captures.append(nil) }
        captures[slot] = text
    }
}
