import Messages

/// How the names of some fields are written to peers that mind their case (`h1-case-adjust`); names are the same in any
/// case for everybody else (RFC 9110 section 5.1).
public final class FieldCases: Sendable {
    /// The names as they are to be written, by their lengths.
    private let names: [[[UInt8]]]

    /// - Parameter names: what is written, by the names in lower case. Nil when there are none.
    public init?(_ names: [String: String]) {
        guard let longest = names.values.map(\.utf8.count).max() else { return nil }
        var byLength: [[[UInt8]]] = Array(repeating: [], count: longest + 1)
        for name in names.values { byLength[name.utf8.count].append(Array(name.utf8)) }
        self.names = byLength
    }

    /// Writes a name as it is to be, in its place.
    @unsafe func adjust(_ name: UnsafeMutableRawBufferPointer) {
        guard name.count < names.count else { return }
        for candidate in names[name.count] {
            var isSame = true
            for index in candidate.indices where isSame {
                isSame = unsafe candidate[index].lowercasedASCII == name[index].lowercasedASCII
            }
            guard isSame else { continue }
            return unsafe name.copyBytes(from: candidate)
        }
    }
}

extension UInt8 {
    fileprivate var lowercasedASCII: UInt8 { self >= 0x41 && self <= 0x5a ? self | 0x20 : self }
}

extension HeadRoom {
    /// Rewrites the names of the fields that are written, in place: only their case changes.
    ///
    /// - Parameter hasStartLine: the first line is none of a field.
    mutating func adjust(_ cases: FieldCases, hasStartLine: Bool) {
        unsafe withWritten { bytes in
            var line = 0
            if hasStartLine {
                while line < bytes.count, unsafe bytes[line] != 0x0a { line += 1 }
                line += 1
            }
            while line < bytes.count {
                var end = line
                while end < bytes.count, unsafe bytes[end] != 0x3a, unsafe bytes[end] != 0x0a { end += 1 }
                if end < bytes.count, unsafe bytes[end] == 0x3a {
                    unsafe cases.adjust(UnsafeMutableRawBufferPointer(rebasing: bytes[line..<end]))
                }
                while end < bytes.count, unsafe bytes[end] != 0x0a { end += 1 }
                line = end + 1
            }
        }
    }
}
