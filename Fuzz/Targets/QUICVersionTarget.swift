import QUICTransport

extension FuzzTarget {
    /// What stands between version 2 on the wire and the library: the walk over a datagram's headers, and the parameter
    /// `version_information`. Then the input is the frames of a version 2 client's first packet.
    static let quicVersion = FuzzTarget("quic-version", "datagrams and transport parameters of QUIC version 2") {
        input in
        var last = 0
        unsafe VersionTranslation.forEachVersion(in: input.bytes) { place in
            promise(place > last && place + 4 <= input.count, "a version at \(place), behind one at \(last)")
            last = place
        }
        if let inside = unsafe VersionInformation.incoming(input.bytes) {
            let outside = unsafe VersionInformation.outgoing(inside.span.bytes)
            let again = outside.flatMap { unsafe VersionInformation.incoming($0.span.bytes) }
            promise(again == inside, "parameters that change on their way out and in")
            // A server knows two versions at most of what a client states, and reads nothing that a client would not.
            let chosen = unsafe VersionInformation.incoming(
                input.bytes, isClients: true, choosing: QUICSettings.Version.all)
            promise((chosen?.count ?? 0) <= inside.count + 4, "a choice that is longer than what was stated")
        }
        let server = QUICServer()
        server.receive(InitialPacket(frames: input.indices.map { input[$0] }, isVersion2: true).datagram)
        server.wait()
    }
}
