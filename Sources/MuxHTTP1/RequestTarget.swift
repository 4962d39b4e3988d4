import Messages

/// Reads the four forms of a request target (RFC 9112 section 3.2) into a head whose `Host` is checked already.
enum RequestTarget {
    /// - Parameters:
    ///   - target: the target's bytes, all of them allowed in one.
    ///   - place: where the head's own copy of them lies.
    static func read(_ target: Span<UInt8>, at place: UInt32, into head: MessageHead) throws(MessageError) {
        if head.method == .connect {
            // Authority form; RFC 9110 section 9.3.6 asks for a port.
            guard let parts = target.authorityParts else { throw .badAuthority }
            guard parts.port != nil else { throw .badConnectAuthority }
            return try head.setAuthorityAndHost(target)
        }
        if target[0] == 0x2f {
            return head.setPath(stored: HeadRange(start: place, count: UInt32(target.count)))
        }
        if target.equals("*") {
            guard head.method == .options else { throw .badTarget }
            return head.setPath(stored: HeadRange(start: place, count: 1))
        }
        try readAbsolute(target, at: place, into: head)
    }

    /// An authority without a port that the scheme has anyway.
    @_lifetime(copy authority)
    private static func withoutPort(_ authority: Span<UInt8>, of scheme: Span<UInt8>) -> Span<UInt8> {
        guard let parts = authority.authorityParts, parts.hostEnd < authority.count else { return authority }
        let usual: UInt16? =
            scheme.equalsIgnoringCase("http") ? 80 : scheme.equalsIgnoringCase("https") ? 443 : nil
        guard parts.port == nil || parts.port == usual else { return authority }
        return authority.extracting(0..<parts.hostEnd)
    }

    private static func readAbsolute(
        _ target: Span<UInt8>, at place: UInt32, into head: MessageHead
    ) throws(MessageError) {
        var schemeEnd = 0
        while schemeEnd < target.count, target[schemeEnd] != 0x3a { schemeEnd += 1 }
        let scheme = target.extracting(0..<schemeEnd)
        let start = schemeEnd + 3
        guard scheme.isScheme, start < target.count, target[schemeEnd + 1] == 0x2f, target[schemeEnd + 2] == 0x2f else {
            throw .badTarget
        }
        var end = start
        while end < target.count, target[end] != 0x2f, target[end] != 0x3f { end += 1 }
        let authority = target.extracting(start..<end)
        guard authority.authorityParts != nil else { throw .badAuthority }
        try head.setScheme(scheme)
        // RFC 9110 section 4.2.3: the scheme's own port says nothing.
        let named = withoutPort(authority, of: scheme)
        // RFC 9112 section 3.2.2 has the target's authority replace what `Host` says. Somebody on the path who reads the
        // other one would see another site: HAProxy refuses such requests, and so do we.
        if let index = head.first(.host) {
            let host = withoutPort(head.value(at: index), of: scheme)
            guard host.equalsIgnoringCase(named) else { throw .badAuthority }
        }
        try head.setAuthorityAndHost(named)
        let rest = target.extracting(end..<target.count)
        if rest.isEmpty {
            try head.setPath(head.method == .options ? Span("*") : Span("/"))
        } else if rest[0] == 0x2f {
            head.setPath(stored: HeadRange(start: place + UInt32(end), count: UInt32(rest.count)))
        } else {
            // A query without a path. What is stored in turn lies in turn.
            let slash = try head.store(Span("/"))
            let query = try head.store(rest)
            head.setPath(stored: HeadRange(start: slash.start, count: 1 + query.count))
        }
    }
}
