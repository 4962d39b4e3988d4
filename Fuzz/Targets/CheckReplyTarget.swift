import Checks

extension FuzzTarget {
    /// What an agent or a checked service answers. The first byte says how far its answer has come.
    static let checkReply = FuzzTarget("check-reply", "answers of agents, MySQL, LDAP and SPOP servers") { input in
        guard input.count > 0 else { return }
        let isComplete = input[0] & 1 == 1
        var bytes: [UInt8] = []
        for index in 1..<input.count { bytes.append(input[index]) }
        for isLast in [false, true] {
            let replies = [
                MySQLReply.read(bytes, at: 0, isLast: isLast, isComplete: isComplete),
                MySQLReply.readResult(bytes, isLast: isLast, isComplete: isComplete),
                LDAPReply.read([0x30] + bytes, isComplete: isComplete),
                SPOPReply.read(bytes, isComplete: isComplete),
                SPOPReply.read([0, 0, 0, 64, 101, 0, 0, 0, 1, 0, 0] + bytes, isComplete: isComplete),
            ]
            for reply in replies { promise(!isComplete || reply != .wait, "waits for what can not come") }
        }
        guard let line = AgentReply.line(bytes) else { return }
        promise(AgentReply(line) == AgentReply(line), "the same line reads differently")
    }
}
