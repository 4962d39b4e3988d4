import Configuration
import Servers

/// What is known of an exchange's persistence cookie (configuration.txt, "cookie").
struct PersistenceCookie {
    /// What became of the client's cookie; the raw values are those of logs (section 8.5).
    enum RequestState: UInt8 {
        case none = 0x4e
        /// It names no server.
        case invalid = 0x49
        /// It names a server that is down.
        case down = 0x44
        case valid = 0x56
        /// It was not used for longer than `maxidle`.
        case expired = 0x45
        /// It is older than `maxlife`.
        case old = 0x4f
        /// Something else had chosen the server.
        case unused = 0x55
    }

    /// What became of the server's cookie.
    enum ResponseState: UInt8 {
        case none = 0x4e
        /// The server sent one, and it was left as it was.
        case passive = 0x50
        case deleted = 0x44
        case inserted = 0x49
        case rewritten = 0x52
        /// It had its date renewed.
        case updated = 0x55
    }

    var request = RequestState.none
    var response = ResponseState.none
    /// The dates in the client's cookie: seconds since 1970-01-01 UTC; nil: there was none.
    var lastDate: Int?
    var firstDate: Int?
    /// The server that it names.
    var server: SharedServer?
}

/// Dates in cookies: seconds divided by four, as five digits of base 64.
enum CookieDate {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func text(_ quarters: Int) -> [UInt8] {
        (0..<5).map { digits[(quarters >> (24 - 6 * $0)) & 0x3f] }
    }

    /// The seconds that five bytes stand for; nil when they are no date, or the first of all.
    static func seconds(_ text: some Collection<UInt8>) -> Int? {
        guard text.count >= 5 else { return nil }
        var value = 0
        for byte in text.prefix(5) {
            guard let digit = digits.firstIndex(of: byte) else { return nil }
            value = value << 6 | digit
        }
        return value > 0 ? value << 2 : nil
    }
}
