import Bytes
import Configuration
import Glibc
import Proxying
import Runtime

/// `_getsocks` gives the listening sockets to a newer process (`-x`), which goes on where this one stops. HAProxy's
/// protocol, so either program can follow the other. `_getquic` is ours: what a newer process needs beside to share the
/// UDP addresses with this one.
enum HandoverCommand {
    static let all = [Command("_getsocks", run: send), Command("_getquic", run: sendQUIC)]

    @ControlActor private static func sendQUIC(_ call: CommandCall) async throws(CommandFailure) {
        call.session.hasQuit = true
        guard call.session.socket.exposesListeners, let succession = call.api.succession else { return }
        try await succession.give(to: call.session.connection)
    }

    @ControlActor private static func send(_ call: CommandCall) async throws(CommandFailure) {
        call.session.hasQuit = true
        guard call.session.socket.exposesListeners else { return }
        var descriptors = (await call.api.askWorkers { $0.duplicateListeners() }).flatMap(\.self)
        for entry in call.api.sockets.entries where !entry.isMasterLink {
            let copy = fcntl(entry.descriptor, F_DUPFD_CLOEXEC, 0)
            if copy >= 0 { descriptors.append(copy) }
        }
        defer { for descriptor in descriptors { close(descriptor) } }
        try await call.session.connection.send(number: descriptors.count)
        try await call.session.connection.send(all: descriptors)
    }
}
