/// What a client said in its hello (RFC 8446, section 4.1.2), as much of it as `tune.ssl.capture-buffer-size` has room for.
/// What has no room is cut, in HAProxy's order: cipher suites, extensions, groups, point formats, versions, signature
/// algorithms.
public struct ClientHelloCapture: Sendable, Equatable {
    /// All cipher suites, also those without room: a hash is made of them.
    public private(set) var allCipherSuites: [UInt8] = []
    /// The version field, which newer clients leave at TLS 1.2's.
    public private(set) var version = 0
    public private(set) var cipherSuites: [UInt8] = []
    /// The numbers of the extensions.
    public private(set) var extensions: [UInt8] = []
    public private(set) var groups: [UInt8] = []
    public private(set) var pointFormats: [UInt8] = []
    public private(set) var supportedVersions: [UInt8] = []
    public private(set) var signatureAlgorithms: [UInt8] = []

    /// Reads a hello behind the four bytes of its type and length; nil when it ends before its cipher suites do.
    ///
    /// - Parameter room: bytes to keep at most, beside ``allCipherSuites``.
    public init?(_ hello: Span<UInt8>, room: Int) {
        var reader = Reader(hello)
        guard let version = reader.number(2), reader.skip(32), let identifier = reader.number(1),
            reader.skip(identifier), let count = reader.number(2), let suites = reader.bytes(count)
        else { return nil }
        self.version = version
        allCipherSuites = suites
        cipherSuites = Array(suites.prefix(room))
        readExtensions(&reader, room: max(0, room - cipherSuites.count))
    }

    private mutating func readExtensions(_ reader: inout Reader, room: Int) {
        guard let compressions = reader.number(1), reader.skip(compressions), let count = reader.number(2),
            count <= reader.left
        else { return }
        let end = reader.place + count
        var room = room
        var lists: [Int: [UInt8]] = [:]
        // HAProxy does not look at an empty extension at the very end.
        while reader.place + 4 < end, room >= 2 {
            guard let type = reader.number(2) else { return }
            extensions += [UInt8(type >> 8), UInt8(truncatingIfNeeded: type)]
            room -= 2
            guard let length = reader.number(2), reader.place + length <= end else { return }
            let next = reader.place + length
            if [10, 11, 13, 43].contains(type) {
                guard let size = reader.number(type == 11 || type == 43 ? 1 : 2), reader.place + size <= next,
                    let list = reader.bytes(size)
                else { return }
                lists[type] = list
            }
            guard reader.skip(next - reader.place) else { return }
        }
        func take(_ type: Int) -> [UInt8] {
            let taken = Array((lists[type] ?? []).prefix(room))
            room -= taken.count
            return taken
        }
        groups = take(10)
        pointFormats = take(11)
        supportedVersions = take(43)
        signatureAlgorithms = take(13)
    }

    /// A list without the values that only test servers (GREASE, RFC 8701).
    public static func withoutGrease(_ list: [UInt8]) -> [UInt8] {
        var kept: [UInt8] = []
        var place = 0
        while place + 1 < list.count {
            if list[place] != list[place + 1] || list[place] & 0x0f != 0x0a { kept += list[place...place + 1] }
            place += 2
        }
        if place < list.count { kept.append(list[place]) }
        return kept
    }

    /// Goes through bytes and never past their end.
    private struct Reader: ~Escapable {
        private let span: Span<UInt8>
        private(set) var place = 0
        var left: Int { span.count - place }

        @_lifetime(copy span) init(_ span: Span<UInt8>) { self.span = span }

        mutating func number(_ size: Int) -> Int? {
            guard size <= left else { return nil }
            var value = 0
            for _ in 0..<size {
                value = value << 8 | Int(span[place])
                place += 1
            }
            return value
        }

        mutating func skip(_ count: Int) -> Bool {
            guard count >= 0, count <= left else { return false }
            place += count
            return true
        }

        mutating func bytes(_ count: Int) -> [UInt8]? {
            guard count <= left else { return nil }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count)
            for index in place..<place + count { bytes.append(span[index]) }
            place += count
            return bytes
        }
    }
}
