import Bytes
import Connections
import Glibc
import Proxying
import QUICTransport
import Runtime

/// The line of processes that follow each other on the same UDP addresses (`-x`), as this one stands in it: older ones
/// whose connections go on, and the newer one that takes over. The newest keeps every socket's place and sets the
/// programs; see ``SteeredGroup``.
@ControlActor
final class QUICSuccession {
    private let api: RuntimeAPI
    private let service: QUICService
    private let codec: ConnectionIDCodec
    private var groups: [SteeredGroup]
    /// Older processes, oldest first.
    private var elders: [Neighbour] = []
    /// A newer process that has everything, and does not serve yet.
    private var candidate: Neighbour?
    /// The newer process that serves. This one keeps nothing for others any more.
    private var heir: Neighbour?
    private var isGiving = false
    private var isClosing = false
    private var buffer = [UInt8](repeating: 0, count: QUICChannel.messageLimit)

    /// Milliseconds between a new program and the closing of a socket that it does not name: what was on its way has come.
    private static let pause = 20
    /// Messages of one process in a row.
    private static let messagesPerTurn = 256

    /// Another process and the channel to it.
    @ControlActor
    private final class Neighbour {
        let generation: Int
        let channel: Int32
        var poller: ControlPoller?

        init(_ generation: Int, _ channel: Int32) {
            self.generation = generation
            self.channel = channel
        }
    }

    init(_ api: RuntimeAPI, inheritance: QUICInheritance?) {
        self.api = api
        service = api.workers.quic
        codec = ConnectionIDCodec(key: service.steeringKey)
        groups = api.workers.sockets.groups
        for process in inheritance?.processes ?? [] {
            let elder = Neighbour(process.generation, process.channel)
            elders.append(elder)
            watch(elder)
        }
    }

    private func watch(_ neighbour: Neighbour) {
        let poller = ControlPoller { [weak self, weak neighbour] _ in
            if let neighbour { self?.read(neighbour) }
        }
        neighbour.poller = poller
        do throws(SystemError) {
            try api.loop.watch(poller, descriptor: neighbour.channel, writing: false, levelTriggered: true)
        } catch {
            api.report("QUIC: cannot watch an older process: \(error)")
        }
    }

    private func forget(_ neighbour: Neighbour) {
        if let poller = neighbour.poller { api.loop.forget(poller, descriptor: neighbour.channel) }
        neighbour.poller = nil
        close(neighbour.channel)
    }

    // MARK: What others say

    private func read(_ neighbour: Neighbour) {
        for _ in 0..<Self.messagesPerTurn {
            guard neighbour.poller != nil else { return }
            let reading = unsafe buffer.withUnsafeMutableBytes { buffer in
                let reading = unsafe MessagePair.read(neighbour.channel, into: buffer)
                if case .message(let count) = reading {
                    unsafe take(QUICChannel.parse(UnsafeRawBufferPointer(rebasing: buffer[..<count])), neighbour)
                }
                return reading
            }
            switch reading {
            case .message: continue
            case .wouldBlock: return
            case .end: return ended(neighbour)
            }
        }
    }

    private func take(_ message: QUICChannel.Message?, _ neighbour: Neighbour) {
        switch message {
        case .datagram(let bytes): unsafe service.take(forwarded: bytes)
        case .commit where neighbour === candidate: handOver(to: neighbour)
        case .workerEnded(let worker):
            for index in groups.indices { groups[index].end(neighbour.generation, worker: worker) }
            closeEnded()
        default: break
        }
    }

    /// The newer process serves: new connections are its, and so are the places.
    private func handOver(to newer: Neighbour) {
        candidate = nil
        heir = newer
        service.connect(newer.generation, channel: newer.channel, isHeir: true)
        QUICChannel.confirm(newer.channel)
        for elder in elders {
            // What strays here goes by way of the newer one.
            service.forget(elder.generation)
            forget(elder)
        }
        service.leaveOthersAlone()
        elders = []
        for place in groups.flatMap(\.places) where place.descriptor >= 0 { close(place.descriptor) }
        groups = groups.map { group in
            var own = SteeredGroup(address: group.address, isIPv6Only: group.isIPv6Only)
            for place in group.places {
                own.append(.init(generation: place.generation, worker: place.worker))
            }
            return own
        }
    }

    private func ended(_ neighbour: Neighbour) {
        let generation = neighbour.generation
        if neighbour === candidate {
            // It died before it served: all is as before.
            candidate = nil
            forget(neighbour)
            controlTask { [self] in await reopen() }
        } else if neighbour === heir {
            heir = nil
            service.forget(generation)
            forget(neighbour)
            if !api.isStopping { controlTask { [self] in await reopen() } }
        } else {
            elders.removeAll { $0 === neighbour }
            service.forget(generation)
            forget(neighbour)
            for index in groups.indices { groups[index].end(generation) }
            closeEnded()
        }
    }

    // MARK: Programs

    /// Of the processes with sockets in a group, the newest.
    private func newest(in group: SteeredGroup) -> Int? {
        let line = elders.map(\.generation) + [service.generation]
        return line.last { group.workers(of: $0) > 0 }
    }

    /// Gives every group that the newest process keeps its program anew.
    private func reopen() async {
        for group in groups { await attach(group) }
        closeEnded()
    }

    private func attach(_ group: SteeredGroup, isClosed: Bool = false) async {
        guard let newest = newest(in: group) else { return }
        let program = group.program(codec, newest: newest, isClosed: isClosed)
        var descriptor = group.places.first { $0.descriptor >= 0 }?.descriptor ?? -1
        var own: [Int32] = []
        if descriptor < 0 {
            own = await api.askWorkers { $0.duplicateQUICSockets() }.flatMap(\.self)
            descriptor = own.first { SteeredGroup(of: $0)?.isSame(as: group) == true } ?? -1
        }
        defer { for number in own { close(number) } }
        guard descriptor >= 0 else { return }
        do throws(SystemError) {
            try SteeredGroup.attach(program, by: descriptor)
        } catch {
            api.report("QUIC: cannot steer datagrams at \(group.address): \(error)")
        }
    }

    // MARK: Sockets of those that have ended

    private func closeEnded() {
        guard !isClosing, candidate == nil, heir == nil, groups.contains(where: { $0.nextToClose != nil }) else {
            return
        }
        isClosing = true
        controlTask { [self] in
            for group in groups where group.nextToClose != nil { await attach(group) }
            while candidate == nil, heir == nil, !isGiving, groups.contains(where: { $0.nextToClose != nil }) {
                await wait()
                await closeNext()
            }
            isClosing = false
        }
    }

    private func wait() async {
        let signal = ControlSignal()
        let timer = api.loop.makeTimer { signal.set() }
        timer.arm(at: api.loop.now.advanced(milliseconds: Self.pause))
        await signal.wait()
        timer.disarm()
    }

    /// Closes one socket of each group that has some to close.
    private func closeNext() async {
        guard candidate == nil, heir == nil, !isGiving else { return }
        for index in groups.indices {
            guard let place = groups[index].nextToClose else { continue }
            drain(groups[index].remove(at: place))
        }
        for group in groups { await attach(group) }
        groups.removeAll { $0.places.isEmpty }
    }

    /// Closes a socket after what waits in it was given to the workers.
    private func drain(_ place: SteeredGroup.Place) {
        guard place.descriptor >= 0 else { return }
        let receiver = DatagramReceiver()
        guard let socket = try? DatagramSocket(adopting: OwnedDescriptor(adopting: place.descriptor)) else { return }
        for _ in 0..<256 {
            guard case .messages(let count, let isDrained) = receiver.receive(on: socket) else { break }
            for index in 0..<count {
                let message = receiver[index]
                let path = QUICPath(local: message.local, remote: message.remote)
                for segment in 0..<message.count {
                    unsafe service.take(stray: message[segment], path: path, ecn: message.ecn)
                }
            }
            if isDrained { break }
        }
        socket.close()
    }

    // MARK: A newer process asks

    /// Gives a newer process everything (`_getquic`). Until it serves, or is gone, nothing changes here, and nobody else
    /// gets it.
    func give(to connection: CommandConnection) async throws(CommandFailure) {
        guard heir == nil else {
            return try await connection.send(number: QUICInheritance.Refusal.superseded.rawValue)
        }
        guard candidate == nil, !isGiving, !api.isStopping else {
            return try await connection.send(number: QUICInheritance.Refusal.busy.rawValue)
        }
        isGiving = true
        defer { isGiving = false }
        while isClosing { await wait() }
        // What leads to no connection stays with this process until the newer one says otherwise.
        for group in groups { await attach(group, isClosed: true) }
        let own = await api.askWorkers { $0.duplicateQUICSockets() }
        defer { for number in own.joined() { close(number) } }
        guard let given = complete(groups, own), let (mine, theirs) = try? MessagePair.open() else {
            isGiving = false
            await reopen()
            throw .disconnected
        }
        defer { close(theirs) }
        let newer = Neighbour(nextGeneration, mine)
        let line = elders.map { QUICInheritance.Process(generation: $0.generation, channel: $0.channel) }
        let inheritance = QUICInheritance(
            key: service.key, steeringKey: service.steeringKey, generation: newer.generation,
            processes: line + [.init(generation: service.generation, channel: theirs)], groups: given)
        let words = inheritance.words
        do throws(CommandFailure) {
            try await connection.send(number: words.count)
            try await connection.send(all: words)
            try await connection.send(all: inheritance.descriptors)
        } catch {
            close(mine)
            isGiving = false
            await reopen()
            throw error
        }
        candidate = newer
        watch(newer)
    }

    /// The groups with descriptors for the own places too, from those of each worker; nil when one is missing.
    private func complete(_ groups: [SteeredGroup], _ own: [[Int32]]) -> [SteeredGroup]? {
        var groups = groups
        var used: Set<Int32> = []
        for group in groups.indices {
            for (index, place) in groups[group].places.enumerated() where place.descriptor < 0 {
                guard place.generation == service.generation, own.indices.contains(place.worker),
                    let found = own[place.worker].first(where: {
                        !used.contains($0) && SteeredGroup(of: $0)?.isSame(as: groups[group]) == true
                    })
                else { return nil }
                used.insert(found)
                groups[group].keep(found, at: index)
            }
        }
        return groups
    }

    /// The first one after our own that nobody has.
    private var nextGeneration: Int {
        let taken = elders.map(\.generation) + [service.generation]
        let count = ConnectionIDCodec.maxGenerations
        let next = (1..<count).map { (service.generation + $0) % count }.first { !taken.contains($0) }
        return next ?? (service.generation + 1) % count
    }
}
