import Bytes
import Configuration
import Messages
import Proxying
import Runtime
import Servers
import Streams

// Checks on connections that workers have to their servers (`check-reuse-pool`, servers of reverse HTTP).
extension CheckRun {
    /// Whether a `connect` step takes such a connection, if there is one. Steps that say where to connect, or what to
    /// speak, make their own.
    func takesPooled(_ connect: CheckConnect, _ health: CheckHealth) -> Bool {
        let settings = server.settings
        guard checker.kind == .health, !poolIsEmpty, backend.mode == .http else { return false }
        guard health.address == nil, connect.address == nil else { return false }
        if settings.isReversed { return true }
        return settings.check.reusesPool && isHTTP && health.port == 0 && connect.port == nil
            && connect.portExpression == nil && connect.version == nil && settings.check.version == nil
    }

    /// Sends a request over such a connection.
    ///
    /// - Parameter head: the request's, which is copied.
    func sendErrand(_ head: MessageHead, _ body: [UInt8]) {
        guard let connectStep, case .connect(let connect) = ruleset.rules[connectStep].action else { return }
        let settings = server.settings.check
        let name = settings.poolName ?? settings.serverName ?? (server.facts.usesTLS ? serverName(connect) : nil)
        let mailbox = scheduler.messages
        if let errand { scheduler.errands.end(errand) }
        let number = scheduler.errands.begin(self)
        errand = number
        _ = makeExchange()
        guard !head.isUpgrade else { return mailbox.post(.errand(number, .noConnection)) }
        let sent = Errand(
            to: server, named: name.map { Array($0.utf8) }, head: head, body: body, deadline: checker.deadline
        ) { mailbox.post(.errand(number, $0)) }
        sent.send(to: scheduler.group)
    }

    /// What a worker tells of the request.
    func take(_ news: Errand.News) {
        guard !isOver, let exchange else { return }
        switch news {
        case .noConnection:
            if server.settings.isReversed { return finish(.socketError, words: Self.noConnection) }
            // It makes one of its own.
            let step = connectStep ?? 0
            closeConnection()
            poolIsEmpty = true
            connectStep = nil
            position = step
        case .head(let response):
            let head = scheduler.resources.heads.obtain(.response)
            do throws(MessageError) { try response.fill(head) } catch {
                scheduler.resources.heads.giveBack(head)
                exchangeFailure = .serverProtocolError
                return changed()
            }
            exchange.response.put(head)
        case .body(let bytes, let isComplete):
            if !bytes.isEmpty {
                exchange.response.put(Chunk(copying: bytes.span, pool: scheduler.resources.buffers))
            }
            if isComplete { exchange.response.end() }
        case .failed(let reason): exchangeFailure = reason
        }
        changed()
    }

    /// What is said of a server that has opened no connection to us.
    static let noConnection = "the server has opened no connection"
}

/// Checks whose requests workers carry, by number.
final class ErrandList {
    private var runs: [UInt64: CheckRun] = [:]
    private var last: UInt64 = 0

    func begin(_ run: CheckRun) -> UInt64 {
        last += 1
        runs[last] = run
        return last
    }

    /// Whose errand has that number; nil when it wants no news any more.
    func run(_ number: UInt64) -> CheckRun? { runs[number] }

    func end(_ number: UInt64) { runs[number] = nil }
}
