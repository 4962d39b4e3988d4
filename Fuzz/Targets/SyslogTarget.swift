import Control

extension FuzzTarget {
    /// What a sender of log lines puts on a connection to a `log-forward` section, after a byte that says whether lines
    /// end with line feeds in any case. The size of reads must not matter, and every part of a line comes from it.
    static let syslogLines = FuzzTarget("syslog-lines", "syslog lines, RFC 3164, 5424 and 6587") { input in
        guard !input.isEmpty else { return }
        let bytes = (1..<input.count).map { input[$0] }
        let whole = lines(bytes, pace: .max, assumesLineFeeds: input[0] & 1 == 1)
        promise(
            whole == lines(bytes, pace: 1, assumesLineFeeds: input[0] & 1 == 1), "the size of reads decides")
        for line in whole {
            let parts = ForwardedLine(line)
            promise(line.suffix(parts.message.count).elementsEqual(parts.message), "the message is not the line's end")
            let header = [parts.time, parts.host, parts.tag, parts.process, parts.identifier, parts.data]
            promise(header.reduce(parts.message.count) { $0 + $1.count } <= line.count, "parts overlap")
            promise(parts.level.map { (0...7).contains($0) } ?? true, "level \(parts.level ?? -1)")
            promise(ForwardedLine(line, isRaw: true).message.elementsEqual(line), "a raw line was cut")
        }
    }

    private static func lines(_ bytes: [UInt8], pace: Int, assumesLineFeeds: Bool) -> [[UInt8]] {
        var stream = SyslogStream(assumesLineFeeds: assumesLineFeeds, limit: 1024)
        var result: [[UInt8]] = []
        var start = 0
        while start < bytes.count {
            let end = pace > bytes.count - start ? bytes.count : start + pace
            stream.append(bytes[start..<end])
            start = end
            reading: while true {
                switch stream.next() {
                case .line(let line): result.append(line)
                case .incomplete: break reading
                case .malformed: return result
                }
            }
        }
        return result
    }
}
