import Bytes
import Connections
import Samples

/// Aliases of connections and of what they run between (configuration.txt section 8.2.6).
enum ConnectionAliases {
    static let all: [Alias] = [
        Alias("ci", "The client's address.", needs: .client) { writer in
            guard let session = writer.evaluation.session else { return writer.put(nil) }
            if writer.options.contains(.hexadecimal) { return writer.put(writer.evaluation.source) }
            if let changed = writer.evaluation.transaction?.overrides?.source { return writer.put(changed) }
            let text = session.sourceText
            writer.put(text.span)
        },
        Alias("cp", "The client's port.", needs: .client) { writer in
            writer.put(portOf: writer.evaluation.source)
        },
        Alias("fi", "The address that the client connected to.", needs: .client) { writer in
            writer.put(writer.evaluation.destination)
        },
        Alias("fp", "The port that the client connected to.", needs: .client) { writer in
            writer.put(portOf: writer.evaluation.destination)
        },
        Alias("bi", "Our address on the connection to the server.", needs: .server) { writer in
            writer.put(writer.figures.serverSource)
        },
        Alias("bp", "Our port on the connection to the server.", needs: .server) { writer in
            writer.put(portOf: writer.figures.serverSource)
        },
        Alias("si", "The server's address.", needs: .server) { writer in writer.put(writer.figures.serverAddress) },
        Alias("sp", "The server's port.", needs: .server) { writer in writer.put(portOf: writer.figures.serverAddress)
        },
        Alias("f", "The frontend's name.") { writer in
            let name = writer.figures.frontend
            writer.put(name.span)
        },
        Alias("ft", "The frontend's name; '~' is added for a listener with TLS.") { writer in
            let figures = writer.figures
            writer.beginText()
            writer.putPlain(figures.frontend.span)
            if figures.isSecure { writer.put(character: UInt8(ascii: "~")) }
        },
        Alias("b", "The backend's name; the frontend's before one is chosen.") { writer in
            let name = writer.figures.backend
            writer.put(name.span)
        },
        Alias("s", "The server's name; '<NOSRV>' before one is chosen.", needs: .server) { writer in
            guard let name = writer.figures.server else { return writer.put("<NOSRV>") }
            let text = name.utf8
            writer.put(text.span)
        },
        Alias("sslc", "The cipher of the client's connection: TLS_AES_128_GCM_SHA256.", in: .tls, needs: .client) {
            writer in
            guard let tls = writer.evaluation.session?.tls else { return writer.put(Span()) }
            let name = tls.cipher.utf8
            writer.put(name.span)
        },
        Alias("sslv", "The TLS version of the client's connection: TLSv1.3.", in: .tls, needs: .client) { writer in
            guard let tls = writer.evaluation.session?.tls else { return writer.put(Span()) }
            let name = tls.version.utf8
            writer.put(name.span)
        },
    ]
}
