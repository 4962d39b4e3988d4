import Configuration

/// What an agent says in its line (configuration.txt section 5.2, `agent-check`).
package struct AgentReply: Equatable {
    package enum Health: Equatable { case up, down }
    package enum Admin: Equatable { case ready, drain, maintenance }

    /// What was said of the server's health, and the word for it.
    package var health: Health?
    package var healthWord = ""
    package var admin: Admin?
    /// A weight: `75%`, or what stands behind `weight:`.
    package var weight: String?
    /// What stands behind `maxconn:`.
    package var maxconn: String?
    /// What stands behind `#`.
    package var description = ""
    /// The first word that means nothing.
    package var unknown: String?

    /// What an agent is asked: whatever the server's line says, then for one line.
    static let ruleset = CheckRuleset(
        kind: .agent,
        rules: [
            .implicitConnect, CheckRule(.send(.bytes([])), index: 0),
            CheckRule(.expect(CheckExpect(.agentReply)), index: 1),
        ])

    /// The line that `bytes` begin with, when its end is here.
    package static func line(_ bytes: [UInt8]) -> ArraySlice<UInt8>? {
        guard let end = bytes.firstIndex(where: { $0 == 0 || $0 == 0x0a || $0 == 0x0d }) else { return nil }
        return bytes[..<end]
    }

    package init(_ line: ArraySlice<UInt8>) {
        var rest = line[...]
        func isSeparator(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x2c }
        while let first = rest.first {
            if isSeparator(first) {
                rest = rest.dropFirst()
                continue
            }
            if first == 0x23 {
                rest = rest.dropFirst().drop { $0 == 0x20 || $0 == 0x09 }
                description = String(decoding: rest, as: UTF8.self)
                return
            }
            let word = rest.prefix { !isSeparator($0) }
            rest = rest.dropFirst(word.count)
            take(String(decoding: word, as: UTF8.self))
        }
    }

    private mutating func take(_ word: String) {
        let lowered = word.lowercased()
        switch lowered {
        case "up":
            health = .up
            healthWord = word
        case "down", "stopped", "fail":
            health = .down
            healthWord = word
        case "ready": admin = .ready
        case "drain": admin = .drain
        case "maint": admin = .maintenance
        default:
            if let first = word.utf8.first, (0x30...0x39).contains(first), word.contains("%") {
                weight = word
            } else if lowered.hasPrefix("maxconn:") {
                maxconn = String(word.dropFirst(8))
            } else if lowered.hasPrefix("weight:") {
                weight = String(word.dropFirst(7))
            } else if unknown == nil {
                unknown = word
            }
        }
    }
}
