import Samples

/// Aliases of dates and of how long things took (configuration.txt sections 8.2.6 and 8.4).
enum TimeAliases {
    static let all: [Alias] = [
        Alias("t", "When the connection was accepted, local time with milliseconds.") { writer in
            writer.put(writer.figures.acceptedWall, .precise)
        },
        Alias("T", "When the connection was accepted, UTC.") { writer in
            writer.put(writer.figures.acceptedWall, .universal)
        },
        Alias("Tl", "When the connection was accepted, local time.") { writer in
            writer.put(writer.figures.acceptedWall, .local)
        },
        Alias("Ts", "When the connection was accepted: seconds since 1970.") { writer in
            writer.put(writer.figures.acceptedWall / 1_000_000_000, hexWidth: 4)
        },
        Alias("ms", "The milliseconds of the date at which the connection was accepted.") { writer in
            writer.put(writer.figures.acceptedWall / 1_000_000 % 1000, width: 3, hexWidth: 2)
        },
        Alias("tr", "When the request began, local time with milliseconds.", in: .http) { writer in
            writer.put(writer.figures.requestWall, .precise)
        },
        Alias("trg", "When the request began, UTC.", in: .http) { writer in
            writer.put(writer.figures.requestWall, .universal)
        },
        Alias("trl", "When the request began, local time.", in: .http) { writer in
            writer.put(writer.figures.requestWall, .local)
        },
        Alias("Th", "Time for the handshakes of the client's connection.", needs: .end) { writer in
            writer.put(writer.figures.handshakeTime)
        },
        Alias("Ti", "Time between the handshake, or the last request, and this request.", in: .http, needs: .end) {
            writer in writer.put(writer.figures.idleTime)
        },
        Alias("TR", "Time to receive the request's head.", in: .http, needs: .end) { writer in
            writer.put(writer.figures.requestTime)
        },
        Alias("Tq", "Th, Ti and TR together.", in: .http, needs: .end) { writer in
            let figures = writer.figures
            writer.put(
                figures.requestTime < 0
                    ? -1 : figures.handshakeTime + max(0, figures.idleTime) + figures.requestTime)
        },
        Alias("Tw", "Time in queues.", needs: .end) { writer in writer.put(writer.figures.queueTime) },
        Alias("Tc", "Time to connect to the server.", needs: .end) { writer in writer.put(writer.figures.connectTime) },
        Alias("Tr", "Time until the response's head came.", in: .http, needs: .end) { writer in
            writer.put(writer.figures.responseTime)
        },
        Alias("Td", "Time to transfer the data.", needs: .end) { writer in writer.put(writer.figures.dataTime) },
        Alias("Ta", "Time from the request's first byte to the end.", in: .http, needs: .end) { writer in
            sum(writer.figures.activeTime, &writer)
        },
        Alias("Tt", "Time from the accept to the end.", needs: .end) { writer in sum(writer.figures.totalTime, &writer)
        },
        Alias("Tu", "Time from the accept to the end, without idle time.", needs: .end) { writer in
            sum(writer.figures.userTime, &writer)
        },
    ]

    private static func sum(_ time: Int, _ writer: inout FormatWriter) {
        if writer.figures.isEarly { writer.put(mark: UInt8(ascii: "+")) }
        writer.put(time)
    }
}
