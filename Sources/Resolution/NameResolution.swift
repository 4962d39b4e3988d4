import Bytes
import Configuration
package import Runtime

/// What a name's last resolution came to.
package enum ResolutionStatus: Sendable {
    case none, valid, noSuchName, refused, timeout, invalid, other
}

/// Who wants to know what a name resolves to.
protocol ResolutionRequester: AnyObject {
    /// A good answer has come; it is in ``NameResolution/records``.
    ///
    /// - Parameter server: who gave it; nil when this is not the first who is told.
    func resolved(_ resolution: NameResolution, by server: NameServer?)
    /// All name servers failed. True: what was known before has to be kept.
    func failed(_ resolution: NameResolution) -> Bool
    /// A record that this one used is gone.
    func lost(_ record: KnownRecord)
}

/// A record that good answers had, and who uses it.
package final class KnownRecord {
    package let content: RecordContent
    var weight: UInt16
    var lastSeen: Instant
    /// The address that came along with an SRV record.
    var additional: (address: SocketAddress, lastSeen: Instant)?
    /// Servers that have this address, or this service.
    var users: [ServerName] = []

    init(_ record: DNSAnswer.Record, at now: Instant) {
        content = record.content
        weight = record.weight
        lastSeen = now
    }
}

/// A name, and what its resolvers section knows of it. It is asked for again and again as long as somebody wants to know,
/// in rounds: every name server is asked, and the first good answer counts.
package final class NameResolution: TimerTarget {
    /// What is asked for: addresses, one family first, or SRV records.
    enum Kind: Hashable {
        case addresses(preferred: AddressFamily)
        case services
    }

    package let name: String
    let kind: Kind
    unowned let resolver: Resolver
    private(set) var requesters: [any ResolutionRequester] = []
    package private(set) var status = ResolutionStatus.none
    /// When a good answer came last.
    private(set) var lastValid = Instant.zero
    private(set) var records: [KnownRecord] = []
    /// Where the next search for an address begins, so that servers share records evenly.
    var nextRecord = 0

    private var isRunning = false
    /// Counts questions, so that late answers are known.
    private var round: UInt64 = 0
    private var type = RecordType.ipv4
    private var triesLeft = 0
    private var asked = 0
    private var answered = 0
    private var lastAsked = Instant.zero
    private var lastDone: Instant?
    private var timer: Timer!

    init(_ name: String, _ kind: Kind, _ resolver: Resolver) {
        self.name = name
        self.kind = kind
        self.resolver = resolver
        timer = Timer(on: resolver.loop.timers, target: self)
    }

    private var now: Instant { resolver.loop.clock.now }
    private var hold: ResolverSettings.Hold { resolver.settings.hold }

    // MARK: Requesters

    func add(_ requester: any ResolutionRequester) {
        requesters.append(requester)
        if !isRunning, lastDone == nil || requesters.count == 1 { timer.arm(at: now) }
    }

    /// Asks at once unless it is being asked for.
    func hurry() { if !isRunning { timer.arm(at: now) } }

    /// Lets go of what `requester` uses too.
    func remove(_ requester: any ResolutionRequester) {
        requesters.removeAll { $0 === requester }
        if let server = requester as? ServerName { detach(server) }
        guard requesters.isEmpty, !isRunning else { return }
        // Kept for a while for those that ask later.
        timer.arm(at: (lastDone ?? now).advanced(milliseconds: lastDone == nil ? 0 : hold.valid))
    }

    func detach(_ server: ServerName) {
        for record in records { record.users.removeAll { $0 === server } }
    }

    /// Whether a good answer is young enough for somebody new.
    var isFresh: Bool {
        guard status == .valid, let lastDone else { return false }
        return now <= lastDone.advanced(milliseconds: hold.valid)
    }

    /// Whether the time of `hold` since the last good answer is over.
    var holdIsOver: Bool {
        let time =
            switch status {
            case .noSuchName: hold.nx
            case .timeout: hold.timeout
            case .refused: hold.refused
            default: hold.other
            }
        return lastValid.advanced(milliseconds: time) <= now
    }

    // MARK: Rounds

    package func timerFired(_ timer: Timer) {
        if isRunning { return retry() }
        if requesters.isEmpty { return resolver.forget(self) }
        isRunning = true
        triesLeft = max(1, resolver.settings.retries) - 1
        type = preferredType
        send()
    }

    private var preferredType: RecordType {
        guard case .addresses(let preferred) = kind else { return .service }
        let families = resolver.families
        let wantsIPv4 = preferred == .ipv4
        return families.ipv4 && (wantsIPv4 || !families.ipv6) ? .ipv4 : .ipv6
    }

    /// The other family when both are taken and this is about addresses.
    private var otherType: RecordType? {
        guard resolver.families == (true, true) else { return nil }
        switch preferredType {
        case .ipv4: return .ipv6
        case .ipv6: return .ipv4
        default: return nil
        }
    }

    private func send() {
        round &+= 1
        let round = round
        asked = 0
        answered = 0
        lastAsked = now
        timer.arm(at: lastAsked.advanced(milliseconds: max(1, resolver.settings.retryInterval)))
        let type = type
        let servers = resolver.nameServers
        asked = servers.count
        for server in servers {
            server.ask(name, type) { [weak self, weak server] result in
                guard let self, let server else { return }
                take(result, from: server, round, type)
            }
        }
    }

    /// The time for answers is over, or for another try.
    private func retry() {
        if triesLeft == 0 {
            if answered == 0 { status = .timeout }
            return reportFailure()
        }
        if answered > 0, type == preferredType, let other = otherType {
            type = other
        } else {
            type = preferredType
            triesLeft -= 1
        }
        send()
    }

    private func take(_ result: QuestionResult, from server: NameServer, _ round: UInt64, _ type: RecordType) {
        let isCurrent = isRunning && round == self.round
        let message: [UInt8]
        switch result {
        case .timeout:
            server.counters.timeouts += 1
            return
        case .failed:
            server.counters.sendErrors += 1
            return
        case .answer(let bytes):
            guard isCurrent else {
                server.counters.outdated += 1
                return
            }
            message = bytes
        }
        answered += 1
        do throws(AnswerFailure) {
            let answer = try DNSAnswer(message, name: name, type: type)
            server.counters.valid += 1
            if answer.hasAlias { server.counters.aliases += 1 }
            succeed(answer, server)
        } catch {
            server.counters.count(error)
            status = ResolutionStatus(error)
            guard answered >= asked else { return }
            if type != preferredType {
                if triesLeft == 0 { reportFailure() }
            } else if let other = otherType {
                self.type = other
                send()
            }
        }
    }

    private func succeed(_ answer: DNSAnswer, _ server: NameServer) {
        status = .valid
        lastValid = now
        keep(answer)
        var first: NameServer? = server
        for requester in requesters {
            requester.resolved(self, by: first)
            first = nil
        }
        finish()
    }

    private func reportFailure() {
        var keeps = false
        for requester in requesters where requester.failed(self) { keeps = true }
        if !keeps {
            for record in records { drop(record) }
            records = []
        }
        finish()
    }

    private func finish() {
        isRunning = false
        round &+= 1
        lastDone = now
        let wait = requesters.isEmpty ? hold.valid : max(1, resolver.settings.resolveInterval)
        timer.arm(at: now.advanced(milliseconds: wait))
    }

    // MARK: Records

    private func keep(_ answer: DNSAnswer) {
        for record in answer.records {
            if let known = records.first(where: { $0.content == record.content }) {
                known.lastSeen = now
                known.weight = record.weight
            } else {
                records.append(KnownRecord(record, at: now))
            }
        }
        for known in records {
            guard case .service(let target, _) = known.content else { continue }
            if let found = answer.additional.first(where: { $0.name == target && resolver.takes($0.address) }) {
                known.additional = (found.address, now)
            } else if let old = known.additional, isObsolete(old.lastSeen) {
                known.additional = nil
            }
        }
        let obsolete = records.filter { isObsolete($0.lastSeen) }
        records.removeAll { isObsolete($0.lastSeen) }
        for record in obsolete { drop(record) }
    }

    private func isObsolete(_ seen: Instant) -> Bool { seen.advanced(milliseconds: hold.obsolete) < now }

    private func drop(_ record: KnownRecord) {
        let users = record.users
        record.users = []
        for server in users { server.lost(record) }
    }
}

extension ResolutionStatus {
    fileprivate init(_ failure: AnswerFailure) {
        switch failure {
        case .invalid: self = .invalid
        case .noSuchName: self = .noSuchName
        case .refused: self = .refused
        case .serverFailure, .empty, .brokenAlias, .truncated: self = .other
        }
    }
}
