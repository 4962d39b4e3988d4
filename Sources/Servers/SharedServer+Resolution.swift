public import Bytes
import Configuration
import Runtime
import Synchronization

// What the resolution of its name changes of a server. HAProxy's words; from the control thread only.
extension SharedServer {
    /// Its name has this address now; the address's port does not count. Tells what has changed, closes idle connections
    /// to the old address, and ends the maintenance that a missing address was the reason for.
    ///
    /// - Parameter source: who says so: `dns/ns1`, `DNS cache`.
    public func resolved(to address: SocketAddress, by source: String) {
        guard case .ip(let old) = facts.address else { return }
        if old.host(differsFrom: address) {
            changeFacts {
                $0.address = .ip(
                    SocketAddress(
                        family: address.family, octets: address.octets, port: old.port, scope: address.scope))
            }
            let before = old.family == .unspecified ? "(none)" : old.host
            say("\(fullName): IP changed from '\(before)' to '\(address.host)' by '\(source)'", .notice)
            if old.family != .unspecified { backend.events.tell(.purge(self)) }
        }
        guard admin.contains(.unresolved) else { return }
        clear(.unresolved)
        say("\(control.withLock { title($0) }) administratively READY thanks to valid DNS answer", .notice)
    }

    /// An SRV record gives this port.
    public func takePort(_ port: UInt16) {
        guard facts.port != .fixed(port) else { return }
        changeFacts { facts in
            facts.port = .fixed(port)
            guard case .ip(var address) = facts.address else { return }
            address.port = port
            facts.address = .ip(address)
        }
        backend.events.tell(.purge(self))
    }

    /// Its name has no address any more: the server goes into maintenance until there is one. False: it was there
    /// already.
    ///
    /// - Parameter forgetsService: its SRV record is gone: name and port are unknown too.
    @discardableResult
    public func lostAddress(because cause: String, forgetsService: Bool = false) -> Bool {
        let isNew = !admin.contains(.unresolved)
        if isNew { set(.unresolved, because: cause) }
        guard isNew || forgetsService else { return false }
        changeFacts { facts in
            guard case .ip(let old) = facts.address else { return }
            facts.address = .ip(
                SocketAddress(
                    family: .unspecified, octets: InlineArray(repeating: 0), port: forgetsService ? 0 : old.port))
            if forgetsService {
                facts.hostName = nil
                facts.port = .fixed(0)
            }
        }
        return isNew
    }

    /// Takes another name. What was said of the change is returned.
    public func changeHostName(to name: String, by source: String) -> String {
        let before = facts.hostName ?? "(null)"
        changeFacts { $0.hostName = name }
        control.withLock { _ in
            adminBits.store(admin.union(.nameChanged).rawValue, ordering: .relaxed)
        }
        return "\(fullName) changed its FQDN from \(before) to \(name) by '\(source)'"
    }

    /// Tells the operator and the backend's log, without a full stop at the end.
    public func announce(_ text: String) { backend.events.tell(.message(backend, .notice, text)) }

    /// `backend/server`.
    public var fullName: String { "\(backend.settings.name)/\(facts.name)" }
}

extension SocketAddress {
    /// Whether family or address are others; ports do not count.
    fileprivate func host(differsFrom other: SocketAddress) -> Bool {
        var copy = other
        copy.port = port
        return copy != self
    }
}
