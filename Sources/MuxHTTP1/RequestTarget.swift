import Messages

/// Reads the four forms of a request target (RFC 9112 section 3.2) into a head whose `Host` is checked already.
enum RequestTarget {
    /// - Parameters:
    ///   - target: the target's bytes, all of them allowed in one.
    ///   - place: where the head's own copy of them lies.
    ///   - allowsViolations: checks neither the target's authority nor whether `Host` says the same.
    static func read(
        _ target: Span<UInt8>, at place: UInt32, into head: MessageHead, _ allowsViolations: Bool
    ) throws(MessageError) {
        if head.method == .connect {
            if allowsViolations { return try head.setAuthorityAndHost(target) }
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
        try readAbsolute(target, at: place, into: head, allowsViolations)
    }

    private static func readAbsolute(
        _ target: Span<UInt8>, at place: UInt32, into head: MessageHead, _ allowsViolations: Bool
    ) throws(MessageError) {
        var schemeEnd = 0
        while schemeEnd < target.count, target[schemeEnd] != 0x3a { schemeEnd += 1 }
        let scheme = target.extracting(0..<schemeEnd)
        let start = schemeEnd + 3
        guard scheme.isScheme, start < target.count, target[schemeEnd + 1] == 0x2f, target[schemeEnd + 2] == 0x2f else {
            throw .badTarget
        }
        var end = start
        while end < target.count, target[end] != 0x2f, target[end] != 0x3f, target[end] != 0x23 { end += 1 }
        let authority = target.extracting(start..<end)
        guard allowsViolations || authority.authorityParts != nil else { throw .badAuthority }
        try head.setScheme(scheme)
        // RFC 9110 section 4.2.3: the scheme's own port says nothing.
        let named = authority.withoutUsualPort(of: scheme)
        // RFC 9112 section 3.2.2 has the target's authority replace what `Host` says. Somebody on the path who reads the
        // other one would see another site: HAProxy refuses such requests, and so do we.
        if !allowsViolations, let index = head.first(.host) {
            let host = head.value(at: index).withoutUsualPort(of: scheme)
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
