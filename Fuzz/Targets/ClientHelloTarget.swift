import TLSTransport

extension FuzzTarget {
    /// What fetches keep of a client's hello, behind the four bytes of its type and length.
    static let clientHello = FuzzTarget("client-hello", "clients' hellos, as fetches keep them") { input in
        for room in [0, 1, 64, 100_000] {
            guard let hello = ClientHelloCapture(input, room: room) else { continue }
            let lists = [
                hello.cipherSuites, hello.extensions, hello.groups, hello.pointFormats, hello.supportedVersions,
                hello.signatureAlgorithms,
            ]
            let kept = lists.reduce(0) { $0 + $1.count }
            promise(kept <= room, "\(kept) bytes kept in \(room)")
            promise(hello.allCipherSuites.starts(with: hello.cipherSuites), "other cipher suites")
            for list in lists {
                promise(ClientHelloCapture.withoutGrease(list).count <= list.count, "a list grows")
            }
        }
    }
}
