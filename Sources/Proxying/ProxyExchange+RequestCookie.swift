import Bytes
import Configuration
import Messages
import Runtime
import Samples
import Servers
import Streams

// The persistence cookie in requests: it names a server, and may be hidden from it (configuration.txt, "cookie").
extension ProxyExchange {
    /// Looks for the backend's cookie: keeps the server that it names, and takes out what the server is not to see.
    ///
    /// - Parameters:
    ///   - isAssigned: something else has chosen the server already.
    ///   - isIgnored, isForced: what `ignore-persist` and `force-persist` say.
    func readPersistenceCookie(isAssigned: Bool, isIgnored: Bool, isForced: Bool) throws(MessageError) {
        guard let settings = backend?.settings.cookie, let head = exchange.request.head else { return }
        let name = Array(settings.name.utf8)
        var field = 0
        while field < head.fieldCount {
            guard head.name(at: field) == .cookie else {
                field += 1
                continue
            }
            let value = Array(copying: head.value(at: field))
            var kept = KeptCookies(value)
            var scanner = CookieText(value, separatesAtCommas: true)
            while let cookie = scanner.next() {
                if cookie.isAttribute {
                    kept.follow(cookie)
                } else if !cookie.hasValue || value[cookie.name] != name[...] {
                    kept.keep(cookie)
                } else {
                    let mark = readValue(
                        value[cookie.value], settings, isUnused: isAssigned || isIgnored, isForced: isForced)
                    if settings.mode == .prefix, mark < cookie.value.upperBound {
                        kept.keep(cookie, dropping: cookie.value.lowerBound...mark)
                    } else if settings.mode == .insert, settings.isIndirect {
                        kept.drop(cookie)
                    } else {
                        kept.keep(cookie)
                    }
                }
            }
            guard let rest = kept.changed else {
                field += 1
                continue
            }
            if rest.isEmpty {
                head.remove(at: field)
            } else {
                try head.replaceValue(at: field, rest.span)
                field += 1
            }
        }
    }

    /// Reads the value of one cookie of the right name. Returns where the server's part of it ends.
    private func readValue(
        _ value: ArraySlice<UInt8>, _ settings: CookieSettings, isUnused: Bool, isForced: Bool
    ) -> Int {
        var end = value.endIndex
        if settings.mode == .prefix {
            end = value.firstIndex(of: UInt8(ascii: "~")) ?? value.endIndex
        } else if let bar = value.firstIndex(of: UInt8(ascii: "|")) {
            end = bar
            let rest = value[(bar + 1)...]
            if let date = CookieDate.seconds(rest) { persistence.lastDate = date }
            if let second = rest.firstIndex(of: UInt8(ascii: "|")),
                let date = CookieDate.seconds(rest[(second + 1)...])
            {
                persistence.firstDate = date
            }
        }
        var isEmpty = end == value.startIndex
        let now = Int(exchange.resources.clock.wall / 1_000_000_000)
        if let date = persistence.firstDate, let limit = settings.maxLife, Self.isOver(date, limit, now) {
            forget(.old)
            isEmpty = true
        } else if let date = persistence.lastDate, let limit = settings.maxIdle, Self.isOver(date, limit, now) {
            forget(.expired)
            isEmpty = true
        }
        // The first cookie that finds a server counts.
        if persistence.server != nil { return end }
        if !isEmpty, !isUnused, findServer(Array(value[..<end]), isForced: isForced) { return end }
        switch persistence.request {
        case .down, .expired, .old: break
        default: persistence.request = isUnused ? .unused : .invalid
        }
        return isEmpty && settings.mode != .prefix ? value.startIndex : end
    }

    private func forget(_ state: PersistenceCookie.RequestState) {
        persistence.request = state
        persistence.firstDate = nil
        persistence.lastDate = nil
    }

    /// Dates more than a day ahead are nobody's.
    private static func isOver(_ date: Int, _ limit: Int, _ now: Int) -> Bool {
        now - date > limit || date - now > 86_400
    }

    /// The first server with this cookie that can be reached; one that cannot when persistence counts for more.
    private func findServer(_ value: [UInt8], isForced: Bool) -> Bool {
        guard let backend else { return false }
        for server in backend.backend.servers(ofCookie: value) {
            let isUp = server.state != .stopped
            persistence.request = isUp ? .valid : .down
            if isUp || isForced || backend.settings.persistsWhenDown {
                persistence.server = server
                return true
            }
        }
        return false
    }
}

/// The cookies of a `cookie` or `set-cookie` field (RFC 6265 section 4).
struct CookieText {
    /// One cookie: where it stands in the field, its delimiter and spaces included, and where its name and value do.
    struct Cookie {
        var all: Range<Int>
        var name: Range<Int>
        var value: Range<Int>
        /// It has an equal sign.
        var hasValue: Bool
        /// It belongs to the one before it (`$Path`, of RFC 2965).
        var isAttribute: Bool
    }

    private let text: [UInt8]
    private let separatesAtCommas: Bool
    private var position = 0

    init(_ text: [UInt8], separatesAtCommas: Bool) {
        self.text = text
        self.separatesAtCommas = separatesAtCommas
    }

    mutating func next() -> Cookie? {
        guard position < text.count else { return nil }
        let start = position
        var index = start == 0 ? 0 : start + 1
        skipSpaces(&index)
        let nameStart = index
        var nameEnd = index
        while index < text.count, text[index] != UInt8(ascii: "="), !isDelimiter(text[index]) {
            let isSpace = text[index] == 0x20 || text[index] == 0x09
            index += 1
            if !isSpace { nameEnd = index }
        }
        var value = index..<index
        let hasValue = index < text.count && text[index] == UInt8(ascii: "=")
        if hasValue {
            index += 1
            skipSpaces(&index)
            let valueStart = index
            var isQuoted = false
            while index < text.count, isQuoted || !isDelimiter(text[index]) {
                if text[index] == UInt8(ascii: "\\"), isQuoted, index + 1 < text.count { index += 1 }
                if text[index] == UInt8(ascii: "\"") { isQuoted.toggle() }
                index += 1
            }
            var valueEnd = index
            while valueEnd > valueStart, text[valueEnd - 1] == 0x20 || text[valueEnd - 1] == 0x09 { valueEnd -= 1 }
            value = valueStart..<valueEnd
        }
        position = index
        let isAttribute = nameStart < text.count && text[nameStart] == UInt8(ascii: "$")
        return Cookie(
            all: start..<index, name: nameStart..<max(nameStart, nameEnd), value: value, hasValue: hasValue,
            isAttribute: isAttribute)
    }

    private func skipSpaces(_ index: inout Int) {
        while index < text.count, text[index] == 0x20 || text[index] == 0x09 { index += 1 }
    }

    private func isDelimiter(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ";") || separatesAtCommas && byte == UInt8(ascii: ",")
    }
}

/// What is left of a `cookie` field.
private struct KeptCookies {
    private let text: [UInt8]
    private var rest: [UInt8] = []
    private var isChanged = false
    private var dropsNext = false

    init(_ text: [UInt8]) { self.text = text }

    /// The new value, empty when nothing is left; nil when it is the old one.
    var changed: [UInt8]? { isChanged ? rest : nil }

    /// - Parameter dropped: bytes of the value that go.
    mutating func keep(_ cookie: CookieText.Cookie, dropping dropped: ClosedRange<Int>? = nil) {
        var start = cookie.all.lowerBound
        if dropsNext {
            // What stood between it and the one that went.
            let delimiter = text[start]
            start = cookie.name.lowerBound
            if !rest.isEmpty { rest += [delimiter, 0x20] }
        }
        dropsNext = false
        guard cookie.hasValue else {
            rest += text[start..<cookie.all.upperBound]
            return
        }
        // Spaces around the equal sign go, as in HAProxy.
        if cookie.value.lowerBound != cookie.name.upperBound + 1 { isChanged = true }
        rest += text[start..<cookie.name.upperBound]
        rest.append(UInt8(ascii: "="))
        if let dropped {
            isChanged = true
            rest += text[(dropped.upperBound + 1)..<cookie.all.upperBound]
        } else {
            rest += text[cookie.value.lowerBound..<cookie.all.upperBound]
        }
    }

    mutating func drop(_ cookie: CookieText.Cookie) {
        isChanged = true
        dropsNext = true
        while let last = rest.last, last == 0x20 || last == 0x09 { rest.removeLast() }
    }

    /// An attribute goes where its cookie went.
    mutating func follow(_ cookie: CookieText.Cookie) {
        if !dropsNext { rest += text[cookie.all] }
    }
}
