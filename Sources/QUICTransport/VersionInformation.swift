/// The transport parameter `version_information` (RFC 9368 section 3). The library writes and reads it under the
/// codepoint and with the version numbers of the drafts; on the wire stand the RFCs'.
package enum VersionInformation {
    /// RFC 9368 section 10.1.
    package static let outside: UInt64 = 0x11
    /// The draft's, which is the library's.
    package static let inside: UInt64 = 0xff_73db

    /// What goes to the peer of the parameters that the library wrote; nil when they can not be read.
    package static func outgoing(_ parameters: RawSpan) -> [UInt8]? {
        rewrite(parameters, from: inside, to: outside, hides: outside) { versions in
            versions.map(VersionTranslation.translated)
        }
    }

    /// What the library is to see of a peer's parameters; nil when they can not be read, or the parameter stands there
    /// twice (RFC 9000 section 7.4). The draft's own parameter is not for us.
    ///
    /// - Parameters:
    ///   - isClients: They are a client's, whose chosen version must be one of the others that it names (RFC 9368
    ///     section 4).
    ///   - versions: For a server: the versions it may choose among. Of the versions that the client has, the first
    ///     of them stays beside the chosen one, since the client names them by its preference (RFC 9368 section 3), and
    ///     the library knows only a server's.
    package static func incoming(
        _ parameters: RawSpan, isClients: Bool = false, choosing versions: [UInt32]? = nil
    ) -> [UInt8]? {
        rewrite(parameters, from: outside, to: inside, hides: inside) { stated in
            guard let chosen = stated.first else { return nil }
            let others = stated.dropFirst()
            if isClients, !others.contains(chosen) { return nil }
            // A zero the library is to see, and refuse.
            guard let versions, !stated.contains(0) else { return stated.map(VersionTranslation.translated) }
            return [chosen, others.first { versions.contains($0) } ?? chosen].map(VersionTranslation.translated)
        }
    }

    /// Copies all parameters but one, whose number and versions change, and one that is left out.
    private static func rewrite(
        _ parameters: RawSpan, from number: UInt64, to other: UInt64, hides hidden: UInt64,
        _ change: ([UInt32]) -> [UInt32]?
    ) -> [UInt8]? {
        var output: [UInt8] = []
        output.reserveCapacity(parameters.byteCount + 16)
        var place = 0
        var isSeen = false
        while place < parameters.byteCount {
            let start = place
            guard let id = parameters.varint(at: &place), let count = parameters.varint(at: &place),
                count <= UInt64(parameters.byteCount - place)
            else { return nil }
            let value = place
            place += Int(count)
            switch id {
            case number:
                // A chosen version, then any number of others.
                guard !isSeen, count >= 4, count % 4 == 0 else { return nil }
                isSeen = true
                guard let versions = change(numbers(parameters, from: value, to: place)) else { return nil }
                appendVarint(other, to: &output)
                appendVarint(UInt64(versions.count * 4), to: &output)
                for version in versions { append(version, to: &output) }
            case hidden: break
            default: unsafe parameters.withUnsafeBytes { unsafe output += $0[start..<place] }
            }
        }
        return output
    }

    private static func numbers(_ bytes: RawSpan, from start: Int, to end: Int) -> [UInt32] {
        unsafe bytes.withUnsafeBytes { buffer in
            stride(from: start, to: end, by: 4).map {
                unsafe buffer.loadUnaligned(fromByteOffset: $0, as: UInt32.self).bigEndian
            }
        }
    }

    private static func append(_ number: UInt32, to output: inout [UInt8]) {
        for shift: UInt32 in [24, 16, 8, 0] { output.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    /// A variable-length integer below 2^30 (RFC 9000 section 16), as short as can be.
    private static func appendVarint(_ number: UInt64, to output: inout [UInt8]) {
        switch number {
        case ..<0x40: output.append(UInt8(number))
        case ..<0x4000: output += [0x40 | UInt8(number >> 8), UInt8(number & 0xff)]
        default: append(0x8000_0000 | UInt32(truncatingIfNeeded: number), to: &output)
        }
    }
}
