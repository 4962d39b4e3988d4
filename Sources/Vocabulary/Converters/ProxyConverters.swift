import Samples

/// Converters that take the name of a proxy or server and tell something of it (configuration.txt section 7.3.1): for
/// names that a map or a message gives.
enum ProxyConverters {
    static let all: [Converter] = [
        Converter(
            "fe_exists", "True when there is a frontend of that name.", example: "var(txn.fe),fe_exists",
            from: .str, to: .bool
        ) { evaluation, _, sample in
            guard let process = evaluation.process else { return false }
            sample.setBool(process.frontend(named: sample.bytes) != nil)
            return true
        },
        Converter(
            "nbsrv", "Usable servers of the backend of that name.", example: "req.hdr(host),map(be.map),nbsrv",
            from: .str, to: .sint
        ) { evaluation, _, sample in
            guard let proxy = evaluation.process?.backend(named: sample.bytes) else { return false }
            sample.setInteger(Int64(proxy.usableServers))
            return true
        },
        Converter(
            "srv_is_up", "True when the server of that name is neither down nor in maintenance.",
            example: "str(app/s1),srv_is_up", from: .str, to: .bool
        ) { evaluation, _, sample in
            guard let server = server(named: sample.bytes, evaluation) else { return false }
            sample.setBool(server.isUp)
            return true
        },
        Converter(
            "srv_queue", "Exchanges that wait for the server of that name.", example: "str(app/s1),srv_queue",
            from: .str, to: .sint
        ) { evaluation, _, sample in
            guard let server = server(named: sample.bytes, evaluation) else { return false }
            sample.setInteger(Int64(server.waiting))
            return true
        },
    ]

    /// The server of a name, `backend/server`, or a name of the exchange's own backend.
    private static func server(named name: Span<UInt8>, _ evaluation: Evaluation) -> (any ServerFigures)? {
        var slash = name.count
        while slash > 0, name[slash - 1] != 0x2f { slash -= 1 }
        guard slash > 0 else {
            let facts = evaluation.facts
            return (facts?.backendFacts ?? facts?.frontendFacts)?.server(named: name)
        }
        return evaluation.process?.backend(named: name.extracting(0..<slash - 1))?
            .server(named: name.extracting(slash..<name.count))
    }
}
