/// A token for a field name that the proxy knows (RFC 9110 section 5.1). Field names are in lower case everywhere
/// inside the proxy; a name without a token is ``other`` and its text is in the head.
public enum FieldName: UInt8, Sendable, CaseIterable {
    case other
    case host, connection, keepAlive, proxyConnection, transferEncoding, te, trailer, upgrade, expect
    case contentLength, contentType, contentEncoding, contentLanguage, contentLocation, contentRange
    case accept, acceptEncoding, acceptLanguage, acceptRanges, age, allow, altSvc, authorization, cacheControl
    case cookie, date, earlyData, etag, expires, forwarded, from, http2Settings, ifMatch, ifModifiedSince
    case ifNoneMatch, ifRange, ifUnmodifiedSince, lastModified, link, location, maxForwards, origin, priority
    case proxyAuthenticate, proxyAuthorization, range, referer, retryAfter, secWebSocketAccept, secWebSocketKey
    case secWebSocketProtocol, secWebSocketVersion, server, setCookie, strictTransportSecurity, userAgent, vary, via
    case wwwAuthenticate, xForwardedFor, xForwardedProto

    /// The name in lower case; empty for ``other``.
    public var text: StaticString {
        switch self {
        case .other: ""
        case .host: "host"
        case .connection: "connection"
        case .keepAlive: "keep-alive"
        case .proxyConnection: "proxy-connection"
        case .transferEncoding: "transfer-encoding"
        case .te: "te"
        case .trailer: "trailer"
        case .upgrade: "upgrade"
        case .expect: "expect"
        case .contentLength: "content-length"
        case .contentType: "content-type"
        case .contentEncoding: "content-encoding"
        case .contentLanguage: "content-language"
        case .contentLocation: "content-location"
        case .contentRange: "content-range"
        case .accept: "accept"
        case .acceptEncoding: "accept-encoding"
        case .acceptLanguage: "accept-language"
        case .acceptRanges: "accept-ranges"
        case .age: "age"
        case .allow: "allow"
        case .altSvc: "alt-svc"
        case .authorization: "authorization"
        case .cacheControl: "cache-control"
        case .cookie: "cookie"
        case .date: "date"
        case .earlyData: "early-data"
        case .etag: "etag"
        case .expires: "expires"
        case .forwarded: "forwarded"
        case .from: "from"
        case .http2Settings: "http2-settings"
        case .ifMatch: "if-match"
        case .ifModifiedSince: "if-modified-since"
        case .ifNoneMatch: "if-none-match"
        case .ifRange: "if-range"
        case .ifUnmodifiedSince: "if-unmodified-since"
        case .lastModified: "last-modified"
        case .link: "link"
        case .location: "location"
        case .maxForwards: "max-forwards"
        case .origin: "origin"
        case .priority: "priority"
        case .proxyAuthenticate: "proxy-authenticate"
        case .proxyAuthorization: "proxy-authorization"
        case .range: "range"
        case .referer: "referer"
        case .retryAfter: "retry-after"
        case .secWebSocketAccept: "sec-websocket-accept"
        case .secWebSocketKey: "sec-websocket-key"
        case .secWebSocketProtocol: "sec-websocket-protocol"
        case .secWebSocketVersion: "sec-websocket-version"
        case .server: "server"
        case .setCookie: "set-cookie"
        case .strictTransportSecurity: "strict-transport-security"
        case .userAgent: "user-agent"
        case .vary: "vary"
        case .via: "via"
        case .wwwAuthenticate: "www-authenticate"
        case .xForwardedFor: "x-forwarded-for"
        case .xForwardedProto: "x-forwarded-proto"
        }
    }

    /// The name's bytes; empty for ``other``.
    public var bytes: Span<UInt8> {
        @_lifetime(immortal) get {
            let text = self.text
            let raw = unsafe UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
            return unsafe _overrideLifetime(Span<UInt8>(_unsafeBytes: raw), borrowing: ())
        }
    }

    /// The token of `name`, which is in lower case.
    public init(_ name: Span<UInt8>) {
        guard let first = name.isEmpty ? nil : name[0], name.count <= Self.longest else {
            self = .other
            return
        }
        var slot = Self.slot(count: name.count, first: first, last: name[name.count - 1])
        // Open addressing over a table that is at most a quarter full.
        while true {
            let candidate = Self.table[slot]
            if candidate == .other || name.equals(candidate.text) {
                self = candidate
                return
            }
            slot = (slot + 1) & 255
        }
    }

    /// True for fields that belong to one connection and are never forwarded (RFC 9110 section 7.6.1). ``te`` and
    /// ``upgrade`` are among them; the muxes write their own.
    public var isHopByHop: Bool {
        switch self {
        case .connection, .keepAlive, .proxyConnection, .transferEncoding, .te, .upgrade, .http2Settings: true
        default: false
        }
    }

    /// True for fields that mean nothing, or something dangerous, after the body: framing, routing, authentication and
    /// how the body is to be read (RFC 9110 section 6.5.1). They are dropped from trailers.
    public var isForbiddenInTrailers: Bool {
        switch self {
        case .host, .contentLength, .contentType, .contentEncoding, .contentRange, .trailer, .expect, .maxForwards,
            .cacheControl, .authorization, .proxyAuthorization, .proxyAuthenticate, .wwwAuthenticate, .cookie,
            .setCookie, .ifMatch, .ifNoneMatch, .ifModifiedSince, .ifUnmodifiedSince, .ifRange, .range, .location,
            .retryAfter, .vary, .date, .age, .expires:
            true
        default: isHopByHop
        }
    }

    private static let longest = 25

    private static func slot(count: Int, first: UInt8, last: UInt8) -> Int {
        (count &* 37 &+ Int(first) &* 11 &+ Int(last) &* 5) & 255
    }

    private static let table: InlineArray<256, FieldName> = {
        var table = InlineArray<256, FieldName>(repeating: .other)
        for name in allCases where name != .other {
            let bytes = name.bytes
            var place = slot(count: bytes.count, first: bytes[0], last: bytes[bytes.count - 1])
            while table[place] != .other { place = (place + 1) & 255 }
            table[place] = name
        }
        return table
    }()
}
