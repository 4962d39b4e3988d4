import Glibc
import Samples

/// Aliases of counts, states and numbers (configuration.txt section 8.2.6).
enum FigureAliases {
    static let all: [Alias] = [
        Alias("B", "Bytes from the server to the client.", needs: .end) { writer in
            let figures = writer.figures
            if figures.isEarly { writer.put(mark: UInt8(ascii: "+")) }
            writer.put(figures.bytesToClient)
        },
        Alias("U", "Bytes from the client to the server.", needs: .end) { writer in
            writer.put(writer.figures.bytesFromClient)
        },
        Alias("ST", "The response's status code.", needs: .response) { writer in writer.put(writer.figures.status) },
        Alias("ts", "How the exchange ended: two letters (section 8.5).", needs: .end) { writer in
            let figures = writer.figures
            let letters: InlineArray<2, UInt8> = [figures.cause, figures.stage]
            writer.putPlain(letters.span)
        },
        Alias("tsc", "How the exchange ended, and the state of its cookie: four letters.") { writer in
            let figures = writer.figures
            let letters: InlineArray<4, UInt8> = [
                figures.cause, figures.stage, figures.clientCookie, figures.serverCookie,
            ]
            writer.putPlain(letters.span)
        },
        Alias("ac", "Connections of the process.", needs: .end) { writer in
            writer.put(writer.figures.processConnections)
        },
        Alias("fc", "Connections of the frontend.", needs: .end) { writer in
            writer.put(writer.figures.frontendConnections)
        },
        Alias("bc", "Exchanges in the backend.", needs: .end) { writer in
            writer.put(writer.figures.backendConnections)
        },
        Alias("sc", "Exchanges at the server.", needs: .end) { writer in writer.put(writer.figures.serverConnections) },
        Alias("rc", "Retries; a '+' tells of another server.", needs: .end) { writer in
            let figures = writer.figures
            if figures.isRedispatched { writer.put(mark: UInt8(ascii: "+")) }
            writer.put(figures.retries)
        },
        Alias("sq", "Exchanges that were before this one in the server's queue.", needs: .end) { writer in
            writer.put(writer.figures.serverQueue)
        },
        Alias("bq", "Exchanges that were before this one in the backend's queue.", needs: .end) { writer in
            writer.put(writer.figures.backendQueue)
        },
        Alias("rt", "The number of the exchange in the process.", needs: .request) { writer in
            writer.put(UInt64(writer.figures.number), hexWidth: 4)
        },
        Alias("lc", "The number of the frontend's lines.") { writer in
            writer.put(UInt64(writer.figures.line), hexWidth: 4)
        },
        Alias("pid", "The process's number.") { writer in writer.put(UInt64(getpid()), hexWidth: 4) },
        Alias("H", "The machine's name.") { writer in
            let name = writer.figures.hostname
            writer.put(name.span)
        },
        Alias("ID", "The unique identifier (unique-id-format).", needs: .end) { writer in
            let transaction = writer.evaluation.transaction
            let facts = unsafe transaction?.facts
            guard let made = transaction?.uniqueID ?? facts?.makeUniqueID() else {
                return writer.put(Span())
            }
            writer.put(made.span)
        },
        Alias("OG", "Where the line was made: txn_close.", in: .log) { writer in writer.put(writer.figures.origin.name)
        },
    ]
}
