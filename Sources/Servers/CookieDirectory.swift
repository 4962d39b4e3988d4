import Bytes
import CXXHash
import Configuration
import Runtime
import Synchronization

/// Which servers the values of a backend's cookie belong to. Immutable; a change of a server makes a new one.
public final class CookieDirectory: Sendable {
    private let servers: [[UInt8]: [SharedServer]]

    init(_ all: [SharedServer]) {
        var servers: [[UInt8]: [SharedServer]] = [:]
        for server in all {
            if let cookie = server.cookie, !cookie.isEmpty { servers[cookie, default: []].append(server) }
        }
        self.servers = servers
    }

    /// The servers with this value, in the order of the configuration.
    public func servers(of value: [UInt8]) -> [SharedServer] { servers[value] ?? [] }
}

/// Cookies that are made of servers' addresses (`cookie … dynamic`).
struct DynamicCookies: Sendable {
    var isEnabled: Bool
    var key: String?

    /// The cookie of a server at an address; nil when none is made.
    func cookie(of facts: ServerFacts) -> [UInt8]? {
        guard isEnabled, let key, case .ip(let address) = facts.address else { return nil }
        var text = Array(key.utf8)
        let count: Int
        switch address.family {
        case .ipv4: count = 4
        case .ipv6: count = 16
        case .unix, .unspecified: return nil
        }
        for index in 0..<count { text.append(address.octets[index]) }
        var port = Int(address.port)
        if case .ofClient(let offset) = facts.port { port = offset }
        text += [0, 0, UInt8(truncatingIfNeeded: port >> 8), UInt8(truncatingIfNeeded: port)]
        let hash = unsafe text.withUnsafeBufferPointer { unsafe XXH64($0.baseAddress, $0.count, 0) }
        let digits = String(hash, radix: 16)
        return Array((String(repeating: "0", count: 16 - digits.count) + digits).utf8)
    }
}

extension SharedBackend {
    /// `enable dynamic-cookie backend`, `disable dynamic-cookie backend`.
    public func setDynamicCookies(_ isEnabled: Bool) { changeDynamicCookies { $0.isEnabled = isEnabled } }

    /// `set dynamic-cookie-key backend`.
    public func setDynamicCookieKey(_ key: String) { changeDynamicCookies { $0.key = key } }

    private func changeDynamicCookies(_ change: (inout DynamicCookies) -> Void) {
        dynamicCookies.withLock { change(&$0) }
        for server in servers { server.renewCookie() }
        rebalance()
    }
}

extension SharedServer {
    /// The value that the backend's cookie has for it; nil: it has none.
    public var cookie: [UInt8]? { cookieNow.withLock { $0 } }

    /// Works the cookie out again.
    func renewCookie() { makeCookie(facts) }

    /// Works the cookie out for these facts. A cookie that the configuration gives never changes.
    func makeCookie(_ facts: ServerFacts) {
        let made =
            settings.cookie.map { Array($0.utf8) }
            ?? backend.dynamicCookies.withLock { $0 }.cookie(of: facts)
        cookieNow.withLock { $0 = made }
    }
}
