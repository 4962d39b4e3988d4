public import Messages

/// A whole answer as it is sent.
public struct ReplyContent: Sendable {
    public var status: Int
    /// The status that the log shows when it is another: that of the rule, where a file says its own.
    public var loggedStatus: Int?
    /// Nil: the standard phrase.
    public var reason: [UInt8]?
    /// Names in lower case. Framing is added by the sender.
    public var fields: [(name: [UInt8], value: [UInt8])]
    public var body: [UInt8]
    /// End without an answer: an empty error file.
    public var isSilent = false
    /// The connection of HTTP/1 ends after the answer.
    public var closes = false

    public init(status: Int, fields: [(name: [UInt8], value: [UInt8])] = [], body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// Adds a field. `name` is in lower case.
    public mutating func add(_ name: FieldName, _ value: [UInt8]) {
        fields.append((Array("\(name.text)".utf8), value))
    }

    /// Removes the fields of a name.
    public mutating func remove(_ name: FieldName) {
        let wanted = Array("\(name.text)".utf8)
        fields.removeAll { $0.name == wanted }
    }
}

// Answers that stand as whole HTTP/1 responses in files (`errorfile`).
extension ReplyContent {
    /// Reads a whole HTTP/1 response. An empty one ends the exchange without an answer. Nil when it is no response.
    ///
    /// - Parameter status: the status that the configuration gives it; the response may say another.
    public init?(response: [UInt8], status: Int) {
        self.init(status: status)
        guard !response.isEmpty else {
            isSilent = true
            return
        }
        guard let (lines, body) = Self.split(response), let first = lines.first,
            String(decoding: first, as: UTF8.self).hasPrefix("HTTP/1.")
        else { return nil }
        let words = first.split(separator: 0x20, maxSplits: 2)
        guard words.count >= 2, let status = Int(String(decoding: words[1], as: UTF8.self)),
            (200..<600).contains(status)
        else { return nil }
        self.status = status
        self.body = body
        reason = words.count > 2 ? Array(words[2]) : []
        fields = []
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: 0x3a), colon > 0 else { return nil }
            let name = line[..<colon].map(\.asciiLowercased)
            let value = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 9 }
            let isConnection = String(decoding: name, as: UTF8.self) == "connection"
            if isConnection, String(decoding: value, as: UTF8.self).lowercased().contains("close") { closes = true }
            // The muxes write the fields of framing and connection themselves.
            let ours = ["connection", "content-length", "transfer-encoding", "keep-alive"]
            if !ours.contains(String(decoding: name, as: UTF8.self)) { fields.append((name, Array(value))) }
        }
    }

    /// The lines of a head without their ends, and what follows it; nil without an empty line.
    private static func split(_ content: [UInt8]) -> (lines: [[UInt8]], body: [UInt8])? {
        var lines: [[UInt8]] = []
        var line: [UInt8] = []
        for (index, byte) in content.enumerated() {
            if byte != 0x0a {
                line.append(byte)
                continue
            }
            if line.last == 0x0d { line.removeLast() }
            if line.isEmpty { return (lines, Array(content[(index + 1)...])) }
            lines.append(line)
            line = []
        }
        return nil
    }
}
