import Bytes
import CLinux
import Glibc
import Runtime
import Streams

/// What a SOCKS4 proxy is asked for: a connection to an IPv4 address.
struct SOCKSRequest {
    /// The user's name that HAProxy gives.
    private static let user = "HAProxy"
    /// Bytes of an answer.
    static let answerLength = 8

    /// What is left to be sent.
    var rest: ArraySlice<UInt8>

    /// The request for a target; nil when SOCKS4 cannot name it.
    init?(for target: Socket.Target) {
        guard case .ip(let address) = target, address.family == .ipv4 else { return nil }
        var bytes: [UInt8] = [4, 1, UInt8(address.port >> 8), UInt8(truncatingIfNeeded: address.port)]
        for index in 0..<4 { bytes.append(address.octets[index]) }
        rest = (bytes + Array(Self.user.utf8) + [0])[...]
    }
}

extension StreamConnection {
    /// Asks the SOCKS4 proxy for the server, and reads its answer; true once it has agreed.
    func askSOCKSProxy() -> Bool {
        while let rest = socks?.rest, !rest.isEmpty {
            switch Socket.send(descriptor, rest) {
            case .bytes(let count): socks?.rest = rest.dropFirst(count)
            case .wouldBlock:
                writeReady = false
                return false
            case .end, .failed:
                close(.transport(.reset))
                return false
            }
        }
        guard readReady else { return false }
        // Nothing of what follows the answer is taken.
        var answer = [UInt8](repeating: 0, count: SOCKSRequest.answerLength)
        let size = answer.count
        let count = retryingInterrupts { unsafe recv(descriptor, &answer, size, Int32(MSG_PEEK)) }
        if count < 0, errno == EAGAIN {
            readReady = false
            return false
        }
        guard count > 0 else {
            close(.transport(count == 0 ? .truncated : .reset))
            return false
        }
        if count < size {
            if endIsNear { close(.transport(.truncated)) } else { readReady = false }
            return false
        }
        _ = retryingInterrupts { unsafe recv(descriptor, &answer, size, 0) }
        guard answer[0] == 0, answer[1] == 0x5a else {
            close(.connect(SystemError("socks4", ECONNREFUSED)))
            return false
        }
        socks = nil
        return true
    }
}
