import Bytes
import Configuration
import Glibc
import Proxying
import Runtime

/// `_getsocks`: gives the listening sockets to a newer process (`-x`), which goes on where this one stops. HAProxy's
/// protocol, so either program can follow the other.
enum HandoverCommand {
    static let all = [Command("_getsocks", run: send)]

    @ControlActor private static func send(_ call: CommandCall) async throws(CommandFailure) {
        call.session.hasQuit = true
        guard call.session.socket.exposesListeners else { return }
        var descriptors = (await call.api.askWorkers { $0.duplicateListeners() }).flatMap(\.self)
        for entry in call.api.sockets.entries {
            let copy = fcntl(entry.descriptor, F_DUPFD_CLOEXEC, 0)
            if copy >= 0 { descriptors.append(copy) }
        }
        defer { for descriptor in descriptors { close(descriptor) } }
        let connection = call.session.connection
        try await connection.send(number: descriptors.count)
        var sent = 0
        while sent < descriptors.count {
            let end = min(descriptors.count, sent + DescriptorHandover.batch)
            try connection.send(descriptors: descriptors[sent..<end])
            // The receiver's thanks.
            try await connection.skip(4)
            sent = end
        }
    }
}
