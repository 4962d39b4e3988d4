package import Bytes
import Configuration
import Connections
import MuxHTTP1
import Runtime
import Samples
import Servers
import Streams
import Synchronization

/// The last malformed message of a proxy, for `show errors`.
package struct ErrorCapture: Sendable {
    /// A proxy or server: its name and number.
    package struct Place: Sendable {
        package let name: String
        package let id: Int
    }

    /// The number of the event in the process, from 0.
    package let event: UInt32
    /// Nanoseconds since 1970.
    package let wall: UInt64
    package let isRequest: Bool
    package let proxy: Place
    /// The backend of a request, the frontend of a response; nil: none was chosen.
    package let other: Place?
    package let server: Place?
    package let client: SocketAddress
    package let bytes: [UInt8]
    /// Why it was refused.
    package let reason: String

    /// Where the first line begins that is wrong.
    package var position: Int { MalformedHead.firstBadLine(in: bytes, isRequest: isRequest) }
}

extension FrontendWorker {
    /// Keeps a request that its mux refused.
    func capture(_ message: MalformedMessage, of record: ProxyExchange) {
        invalidRequest = capture(
            message, record, isRequest: true, proxy: place,
            other: record.backend.map { .init(name: $0.settings.name, id: $0.settings.id) })
    }

    /// Keeps a response that its mux refused.
    func captureResponse(_ message: MalformedMessage, of record: ProxyExchange) {
        guard let backend = record.backend else { return }
        backend.invalidResponse = capture(
            message, record, isRequest: false, proxy: .init(name: backend.settings.name, id: backend.settings.id),
            other: place)
    }

    private var place: ErrorCapture.Place { .init(name: settings.name, id: settings.id) }

    private func capture(
        _ message: MalformedMessage, _ record: ProxyExchange, isRequest: Bool, proxy: ErrorCapture.Place,
        other: ErrorCapture.Place?
    ) -> ErrorCapture {
        let server = record.dispatch?.server
        return ErrorCapture(
            event: worker.blueprint.errorCaptures.wrappingAdd(1, ordering: .relaxed).oldValue,
            wall: worker.loop.clock.wall, isRequest: isRequest, proxy: proxy, other: other,
            server: server.map { .init(name: $0.facts.name, id: $0.shared.id) }, client: record.session.source,
            bytes: message.bytes, reason: message.reason)
    }
}

extension Worker {
    /// What its proxies have kept. On its thread.
    package func errorCaptures() -> [ErrorCapture] {
        frontends.compactMap(\.invalidRequest) + backends.compactMap { $0?.invalidResponse }
    }
}
