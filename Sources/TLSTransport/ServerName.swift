// Server names as clients send them (SNI, RFC 6066, section 3) and as certificates hold them.

import Glibc

enum ServerName {
    /// Longest name that is looked up, in bytes (RFC 1035, section 2.3.4).
    static let maximumLength = 255

    /// The name in lower case, or nil when it can not be a DNS name: empty, too long, with an empty first label, or
    /// with bytes outside letters, digits, `-`, `_`, `.` and `*`.
    static func normalized(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard let first = unsafe bytes.first, first != UInt8(ascii: "."), bytes.count <= maximumLength else {
            return nil
        }
        var valid = true
        let name = unsafe String(unsafeUninitializedCapacity: bytes.count) { target in
            for index in bytes.indices {
                let byte = unsafe bytes[index]
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"): unsafe target[index] = byte | 0x20
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "*"):
                    unsafe target[index] = byte
                default:
                    valid = false
                    return 0
                }
            }
            return bytes.count
        }
        return valid ? name : nil
    }

    /// Whether the name is an IP address: SNI carries none (RFC 6066, section 3).
    static func isAddress(_ name: String) -> Bool {
        var v4 = in_addr()
        var v6 = in6_addr()
        return unsafe inet_pton(AF_INET, name, &v4) == 1 || inet_pton(AF_INET6, name, &v6) == 1
    }
}
