package import Bytes
import Configuration
import Connections
import Glibc
import Messages
package import MuxHTTP3
package import QUICTransport
import Runtime
package import Samples
import Servers
import Streams

/// What a worker does, for operators who want to see inside (`show activity`, `show threads`, `show pools`).
package struct WorkerInspection: Sendable {
    /// The worker's number, from 0.
    package var index = 0
    package var turns: UInt64 = 0
    package var events: UInt64 = 0
    /// Descriptors that are polled.
    package var descriptors = 0
    /// CPU time of the worker's thread, nanoseconds.
    package var cpuTime: UInt64 = 0
    /// Nanoseconds of a turn, and what exchanges have cost, by ``TaskCall``.
    package var averageTurn: UInt64 = 0
    package var calls: [CallFigures] = []
    /// Calls are measured now.
    package var measuresTasks = false
    package var exchanges = 0
    /// Connections that no server counts any more and that wait to be closed.
    package var closing = 0
    package var accepted: UInt64 = 0
    package var slabSize = 0
    package var slabsUsed = 0
    package var slabsSpare = 0
    package var largeSlabsUsed = 0
    package var largeSlabsSpare = 0
    package var headsUsed = 0
}

/// One QUIC connection, for `show quic`.
package struct QUICInspection: Sendable {
    /// A number that stays the connection's own.
    package var identity: UInt
    package var isServerSide: Bool
    /// The frontend's name, or the server's.
    package var owner: String
    package var phase: QUICConnection.Phase
    package var hasMux: Bool
    package var streams: Int
    package var local: SocketAddress
    package var remote: SocketAddress
    package var version: UInt32
    package var statistics: QUICConnection.Statistics
    package var counters: QUICConnection.Counters
    /// Connection IDs in hexadecimal; empty once it is over.
    package var localID: String
    package var remoteID: String
    package var localParameters: QUICTransportParameters?
    package var remoteParameters: QUICTransportParameters?
    /// Its request streams, when they were asked for.
    package var streamList: [HTTP3StreamFigures]
    /// The time of the worker that the streams' times belong to.
    package var now: Instant
    /// The socket's descriptor.
    package var descriptor: Int32
    /// Packets with stream data that were lost, those of open streams when these were asked for.
    package var lostPackets: UInt64 {
        streamList.reduce(counters.streamPacketsLost) { $0 &+ UInt64(max(0, $1.packetsLost)) }
    }
    package var isClosing: Bool { phase == .closing || phase == .draining || phase == .closed }
}

extension Worker {
    /// A look at the worker now. On its thread.
    package func inspect() -> WorkerInspection {
        var result = WorkerInspection()
        result.index = index
        result.turns = loop.turns
        result.events = loop.eventCount
        result.descriptors = loop.registered
        var time = timespec()
        if unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0 {
            result.cpuTime = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        }
        result.averageTurn = loop.averageTurn
        result.calls = profile.figures
        result.measuresTasks = measuresTasks
        result.exchanges = process.currentStreams
        result.closing = closing.count
        result.accepted = process.connections
        result.slabSize = resources.buffers.slabSize
        result.slabsUsed = resources.buffers.used
        result.slabsSpare = resources.buffers.spare
        result.largeSlabsUsed = resources.buffers.largeUsed
        result.largeSlabsSpare = resources.buffers.largeSpare
        result.headsUsed = resources.heads.used
        return result
    }

    /// Its QUIC connections. On its thread.
    package func inspectQUIC() -> [QUICInspection] {
        var result: [QUICInspection] = []
        quic.forEachLink { link in
            let name: String
            if link.role == .client {
                name = link.session.map { frontends[$0.listener.frontend].settings.name } ?? "UNKNOWN"
            } else {
                name = (link.ownerContext as? ServerLink)?.server.shared.facts.name ?? "UNKNOWN"
            }
            let ids = link.connection.connectionIDs
            result.append(
                QUICInspection(
                    identity: UInt(bitPattern: ObjectIdentifier(link)), isServerSide: link.role == .server, owner: name,
                    phase: link.connection.phase, hasMux: link.mux != nil, streams: link.openStreams ?? 0,
                    local: link.role == .client ? link.socketDestination : link.socketSource,
                    remote: link.role == .client ? link.socketSource : link.socketDestination,
                    version: link.connection.version, statistics: link.connection.statistics,
                    counters: link.connection.counters,
                    localID: ids.map { "\($0.local)" } ?? "", remoteID: ids.map { "\($0.remote)" } ?? "",
                    localParameters: link.connection.localParameters,
                    remoteParameters: link.connection.remoteParameters, streamList: link.streamFigures,
                    now: loop.clock.now, descriptor: link.descriptor))
        }
        return result
    }

    /// Duplicates of its listening stream sockets; the caller closes them. What all workers share is given by the first
    /// only. On its thread.
    package func duplicateListeners() -> [Int32] {
        var result: [Int32] = []
        for frontend in frontends {
            for listener in frontend.listeners {
                guard index == 0 || listener.localAddress.isIP else { continue }
                let copy = fcntl(listener.descriptor, F_DUPFD_CLOEXEC, 0)
                if copy >= 0 { result.append(copy) }
            }
        }
        return result
    }

    /// Duplicates of its QUIC sockets; the caller closes them. On its thread.
    package func duplicateQUICSockets() -> [Int32] {
        quic.listeners.compactMap { listener in
            let copy = fcntl(listener.socket.descriptor, F_DUPFD_CLOEXEC, 0)
            return copy >= 0 ? copy : nil
        }
    }
}
