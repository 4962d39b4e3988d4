/// Cuts what a connection brings into syslog lines (RFC 6587 section 3.4): each with its length before it, or with a line
/// feed behind it.
package struct SyslogStream {
    /// What comes next.
    package enum Step: Equatable {
        case line([UInt8])
        /// More has to come first.
        case incomplete
        /// The bytes are no lines: the connection has to end.
        case malformed
    }

    /// Every line ends with a line feed, whatever it begins with.
    package let assumesLineFeeds: Bool
    /// Most bytes of a line.
    package let limit: Int
    private var bytes: [UInt8] = []
    private var start = 0

    package init(assumesLineFeeds: Bool, limit: Int) {
        self.assumesLineFeeds = assumesLineFeeds
        self.limit = limit
    }

    package mutating func append(_ new: ArraySlice<UInt8>) {
        if start > 0 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes += new
    }

    /// The next line.
    package mutating func next() -> Step {
        guard start < bytes.count else { return .incomplete }
        let first = bytes[start]
        if first == UInt8(ascii: "<") || assumesLineFeeds { return lineWithFeed() }
        guard first &- 0x31 < 9 else { return .malformed }
        return lineWithLength()
    }

    private mutating func lineWithFeed() -> Step {
        guard let feed = bytes[start...].firstIndex(of: 0x0a) else {
            return bytes.count - start < limit ? .incomplete : .malformed
        }
        guard feed - start < limit else { return .malformed }
        // Some devices put a carriage return before it.
        let end = feed > start && bytes[feed - 1] == 0x0d ? feed - 1 : feed
        defer { start = feed + 1 }
        return .line(Array(bytes[start..<end]))
    }

    private mutating func lineWithLength() -> Step {
        var length = 0
        var place = start
        while place < bytes.count, bytes[place] != 0x20 {
            let digit = bytes[place] &- 0x30
            guard digit < 10, length < 1_000_000 else { return .malformed }
            length = length * 10 + Int(digit)
            place += 1
        }
        guard length <= limit else { return .malformed }
        guard place < bytes.count, bytes.count - place - 1 >= length else { return .incomplete }
        defer { start = place + 1 + length }
        return .line(Array(bytes[place + 1..<place + 1 + length]))
    }
}
