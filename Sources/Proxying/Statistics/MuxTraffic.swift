import Connections
import MuxHTTP1
import MuxHTTP2
package import MuxHTTP3
import Servers
import Streams

/// What the connections of a frontend, or those to a backend's servers, did as connections of their HTTP version.
/// HAProxy's columns `h1_*`, `h2_*` and `h3_*` are made of it.
package struct MuxTraffic: Sendable {
    /// The numbers, by what HAProxy calls them.
    package enum Number: Int, CaseIterable, Sendable {
        case h1TotalConnections, h1TotalStreams, h1BytesIn, h1BytesOut
        case h2HeadersReceived, h2DataReceived, h2SettingsReceived, h2ResetsReceived, h2GoAwaysReceived
        case h2ConnectionErrors, h2StreamErrors, h2ResetsSent, h2GoAwaysSent
        case h2TotalConnections, h2TotalStreams
        case h3Data, h3Headers, h3Settings, h3GoAway
        // What is so now: these are no sums over time.
        case h1OpenConnections, h1OpenStreams, h2OpenConnections, h2OpenStreams

        /// Whether it says what is so now.
        var isGauge: Bool { rawValue >= Number.h1OpenConnections.rawValue }
    }

    private var numbers = InlineArray<23, UInt64>(repeating: 0)
    /// Connections over HTTP/3 that we have ended, by the code that said why, in the order of ``HTTP3ErrorCode``.
    private var http3Errors = InlineArray<20, UInt64>(repeating: 0)

    package init() {}

    package subscript(number: Number) -> UInt64 {
        get { numbers[number.rawValue] }
        set { numbers[number.rawValue] = newValue }
    }

    /// How many connections we have ended with a code.
    package subscript(code: HTTP3ErrorCode) -> UInt64 {
        HTTP3ErrorCode.allCases.firstIndex(of: code).map { http3Errors[$0] } ?? 0
    }

    /// Adds what another one has counted.
    package mutating func add(_ other: MuxTraffic) {
        for index in numbers.indices { numbers[index] &+= other.numbers[index] }
        for index in http3Errors.indices { http3Errors[index] &+= other.http3Errors[index] }
    }

    /// Takes away what was counted before.
    mutating func subtract(_ earlier: MuxTraffic) {
        for index in numbers.indices { numbers[index] -= min(numbers[index], earlier.numbers[index]) }
        for index in http3Errors.indices { http3Errors[index] -= min(http3Errors[index], earlier.http3Errors[index]) }
    }

    /// The same without what is so now: what a later count starts from.
    var withoutGauges: MuxTraffic {
        var result = self
        for number in Number.allCases where number.isGauge { result[number] = 0 }
        return result
    }

    // MARK: Where it comes from

    /// Adds what a connection has done so far.
    ///
    /// - Parameters:
    ///   - streams: exchanges that it has carried.
    ///   - isOpen: it goes on.
    mutating func add(_ connection: StreamConnection, streams: UInt64, isOpen: Bool) {
        switch connection.mux {
        case let mux as HTTP2Mux:
            self[.h2TotalConnections] &+= 1
            let counts = mux.statistics
            self[.h2HeadersReceived] &+= UInt64(counts.headersReceived)
            self[.h2DataReceived] &+= UInt64(counts.dataFramesReceived)
            self[.h2SettingsReceived] &+= UInt64(counts.settingsReceived)
            self[.h2ResetsReceived] &+= UInt64(counts.resetsReceived)
            self[.h2GoAwaysReceived] &+= UInt64(counts.goAwaysReceived)
            self[.h2ResetsSent] &+= UInt64(counts.resetsSent)
            self[.h2GoAwaysSent] &+= UInt64(counts.goAwaysSent)
            self[.h2StreamErrors] &+= UInt64(counts.malformedMessages)
            if let code = counts.goAwaySent, code != .noError { self[.h2ConnectionErrors] &+= 1 }
            self[.h2TotalStreams] &+= UInt64(counts.streamsOpened)
            guard isOpen else { return }
            self[.h2OpenConnections] &+= 1
            self[.h2OpenStreams] &+= UInt64(mux.openStreams)
        case is HTTP1FrontMux, is HTTP1BackMux:
            self[.h1TotalConnections] &+= 1
            self[.h1TotalStreams] &+= streams
            self[.h1BytesIn] &+= connection.bytesReceived
            self[.h1BytesOut] &+= connection.bytesSent
            guard isOpen else { return }
            self[.h1OpenConnections] &+= 1
            if connection.mux?.activity == .busy { self[.h1OpenStreams] &+= 1 }
        default: break
        }
    }

    /// The same of one over QUIC.
    mutating func add(_ link: QUICLink) {
        guard let mux = link.mux as? HTTP3Mux else { return }
        let counts = mux.statistics
        self[.h3Data] &+= UInt64(counts.dataFramesReceived)
        self[.h3Headers] &+= UInt64(counts.headersReceived)
        self[.h3Settings] &+= UInt64(counts.settingsReceived)
        self[.h3GoAway] &+= UInt64(counts.goAwaysReceived)
        if let code = counts.connectionError, let index = HTTP3ErrorCode.allCases.firstIndex(of: code) {
            http3Errors[index] &+= 1
        }
    }
}

extension Worker {
    /// What the open connections of each frontend and backend have done so far.
    func openMuxTraffic() -> (frontends: [MuxTraffic], backends: [ObjectIdentifier: MuxTraffic]) {
        var fronts = frontends.map { _ in MuxTraffic() }
        var backs: [ObjectIdentifier: MuxTraffic] = [:]
        connections.forEachConnection { connection in
            if let session = connection.session {
                let index = session.listener.frontend
                guard fronts.indices.contains(index), connection.isCounted else { return }
                fronts[index].add(connection, streams: session.exchanges, isOpen: true)
            } else if let link = connection.ownerContext as? ServerLink {
                let key = ObjectIdentifier(link.server.shared.backend)
                backs[key, default: MuxTraffic()].add(connection, streams: UInt64(link.uses), isOpen: true)
            }
        }
        quic.forEachLink { link in
            guard link.isOpen else { return }
            if let session = link.session {
                let index = session.listener.frontend
                if fronts.indices.contains(index) { fronts[index].add(link) }
            } else if let own = link.ownerContext as? ServerLink {
                backs[ObjectIdentifier(own.server.shared.backend), default: MuxTraffic()].add(link)
            }
        }
        return (fronts, backs)
    }
}
