import Bytes
import Configuration
import Connections
import Proxying
import Samples

/// Lines that no format stands for: those about connections, as HAProxy writes them.
enum LogLine {
    /// The line of a frontend without a format.
    static func appendStandard(_ session: Session, _ frontend: FrontendWorker, to text: inout LogText) {
        text.append("Connect from ")
        appendClient(session, to: &text)
        text.append(" to ")
        text.append(session.destination.host)
        text.append(":")
        text.append(Int(session.destination.port))
        text.append(" (")
        text.append(frontend.settings.name)
        text.append(frontend.settings.mode == .http ? "/HTTP)" : "/TCP)")
    }

    /// A connection that ended before its first request: its client, listener and the reason.
    static func appendFailure(
        _ session: Session, _ frontend: FrontendWorker, _ failure: ConnectionFailure, _ date: inout LogDate,
        to text: inout LogText
    ) {
        appendClient(session, to: &text)
        text.append(" [")
        date.appendPrecise(session.acceptedWall, to: &text)
        text.append("] ")
        text.append(frontend.settings.name)
        text.append("/")
        text.append(session.listener.name)
        text.append(": ")
        text.append(failure.description)
    }

    private static func appendClient(_ session: Session, to text: inout LogText) {
        text.append(session.sourceText)
        text.append(":")
        text.append(
            Int(
                session.source.family == .unix
                    ? UInt16(truncatingIfNeeded: session.listener.identifier) : session.source.port))
    }
}
