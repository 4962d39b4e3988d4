import Messages
import Samples

/// The parsers of the fetches, for those who test them with any bytes.
package enum FetchParsers {
    /// Reads `text` with one of the parsers; false when it answers with a place outside of the text.
    package static func read(_ text: Span<UInt8>, as kind: UInt8) -> Bool {
        func isWithin(_ place: Range<Int>?) -> Bool {
            guard let place else { return true }
            return place.lowerBound >= 0 && place.upperBound <= text.count
        }
        switch kind % 7 {
        case 0:
            guard case .whole(let hello) = ClientHello.read(text, for: .extensions) else { return true }
            var good = isWithin(hello.cipherSuites) && isWithin(hello.extensions) && isWithin(hello.serverName(text))
            var offset: Int? = 0
            var last = -1
            while let at = offset, let found = hello.applicationProtocol(at: at, text) {
                good = good && isWithin(found.name) && at > last
                last = at
                offset = found.next
            }
            for type in [10, 13, 35, 51] {
                guard let data = hello.data(of: type, text) else { continue }
                good = good && isWithin(data) && isWithin(hello.list(in: data, atLeast: 2, text))
            }
            return good
        case 1:
            _ = HelloVersion.read(text, limit: 16_384)
            guard case .value(let place) = RDPCookie.read(text, named: Span("mstshash")) else { return true }
            return isWithin(place)
        case 2:
            guard let credentials = Credentials(text) else { return true }
            var decoded = ScratchArena().text()
            let parts = Credentials.basic(text.extracting(credentials.token), into: &decoded)
            guard let (user, password) = parts else { return true }
            return user.upperBound <= decoded.count && password.upperBound <= decoded.count
        case 3, 4:
            var scanner = CookieScanner(isList: kind % 7 == 3, splitsAtComma: true, from: 0, to: text.count)
            var count = 0
            while let cookie = scanner.next(text, named: Span(kind & 8 == 0 ? "" : "SID")) {
                count += 1
                guard isWithin(cookie.name), isWithin(cookie.value), count <= text.count else { return false }
            }
            return true
        case 5:
            var scanner = ParameterScanner(delimiter: 0x3f, ignoresCase: kind & 8 == 0, from: 0)
            var count = 0
            while let place = scanner.next(text, named: Span(kind & 16 == 0 ? "" : "id")) {
                count += 1
                guard isWithin(place), count <= text.count else { return false }
            }
            return true
        default:
            var sample = Sample()
            _ = sample.setAddress(inField: text)
            var isIncomplete = false
            guard let token = try? DistccToken([.string(Array("ARGV".utf8)), .integer(2)]) else { return false }
            _ = token.find(text, isIncomplete: &isIncomplete)
            return true
        }
    }
}
