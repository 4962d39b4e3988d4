import Bytes

/// A syslog line that came from elsewhere, cut into its parts (RFC 3164 section 4.1, RFC 5424 section 6). What is not
/// there is empty; what can not be read belongs to the message.
package struct ForwardedLine {
    /// Bytes of the shortest ISO date: `1970-01-01T00:00:00Z`.
    static let shortestISODate = 20
    /// Bytes of an RFC 3164 date: `Jan  1 00:00:00`.
    static let legacyDate = 15

    private let bytes: [UInt8]
    /// Nil without a priority.
    package private(set) var facility: Int?
    package private(set) var level: Int?
    /// Where the parts lie in ``bytes``.
    private var timePlace = 0..<0
    private var hostPlace = 0..<0
    private var tagPlace = 0..<0
    private var processPlace = 0..<0
    private var identifierPlace = 0..<0
    private var dataPlace = 0..<0
    private var messagePlace: Range<Int>
    /// The host name in place of the line's own.
    private var otherHost: [UInt8]?

    /// - Parameter isRaw: nothing is cut off.
    package init(_ bytes: [UInt8], isRaw: Bool = false) {
        self.bytes = bytes
        messagePlace = 0..<bytes.count
        guard !isRaw, let start = readPriority() else { return }
        messagePlace = start..<bytes.count
        let parsed = byte(start) == UInt8(ascii: "1") && byte(start + 1) == 0x20 ? readNew(start + 2) : readOld(start)
        guard !parsed else { return }
        (timePlace, hostPlace, tagPlace) = (0..<0, 0..<0, 0..<0)
        (processPlace, identifierPlace, dataPlace) = (0..<0, 0..<0, 0..<0)
    }

    // MARK: Parts

    package var time: ArraySlice<UInt8> { bytes[timePlace] }
    package var host: ArraySlice<UInt8> { otherHost.map { $0[...] } ?? bytes[hostPlace] }
    package var tag: ArraySlice<UInt8> { bytes[tagPlace] }
    package var process: ArraySlice<UInt8> { bytes[processPlace] }
    package var identifier: ArraySlice<UInt8> { bytes[identifierPlace] }
    /// The structured data.
    package var data: ArraySlice<UInt8> { bytes[dataPlace] }
    package var message: ArraySlice<UInt8> { bytes[messagePlace] }
    var hasPriority: Bool { level != nil }

    mutating func setHost(_ text: [UInt8]) { otherHost = text }

    // MARK: Reading

    private func byte(_ place: Int) -> UInt8? { place < bytes.count ? bytes[place] : nil }

    /// Reads `<134>`; gives where it ends, or nil.
    private mutating func readPriority() -> Int? {
        guard byte(0) == UInt8(ascii: "<") else { return nil }
        var number = 0
        var place = 1
        while let next = byte(place), next != UInt8(ascii: ">") {
            guard next &- 0x30 < 10, number < 100_000 else { return nil }
            number = number * 10 + Int(next - 0x30)
            place += 1
        }
        guard place < bytes.count else { return nil }
        facility = number >> 3
        level = number & 7
        return place + 1
    }

    /// The word from `start` to the next space; nil when it is empty or no space follows.
    private func word(_ start: Int) -> Range<Int>? {
        var end = start
        while let next = byte(end), next != 0x20 { end += 1 }
        return end > start && end < bytes.count ? start..<end : nil
    }

    /// What stands for nothing is nothing.
    private func known(_ place: Range<Int>) -> Range<Int> {
        place.count == 1 && bytes[place.lowerBound] == UInt8(ascii: "-") ? 0..<0 : place
    }

    // MARK: RFC 5424

    /// Reads what follows the version. False: it is no such line.
    private mutating func readNew(_ start: Int) -> Bool {
        let afterVersion = start
        guard let time = word(start), isDate(time) else {
            // The version is cut off all the same, as in HAProxy.
            messagePlace = afterVersion - 2..<bytes.count
            return false
        }
        timePlace = time
        var places: [Range<Int>] = []
        var place = time.upperBound + 1
        for _ in 0..<4 {
            guard let next = word(place) else { return false }
            places.append(known(next))
            place = next.upperBound + 1
        }
        guard let data = dataEnd(place) else { return false }
        (hostPlace, tagPlace, processPlace, identifierPlace) = (places[0], places[1], places[2], places[3])
        dataPlace = known(place..<data)
        messagePlace = min(data + 1, bytes.count)..<bytes.count
        return true
    }

    /// `-`, or an ISO date with its zone.
    private func isDate(_ place: Range<Int>) -> Bool {
        let text = bytes[place]
        if text.count == 1 { return text.first == UInt8(ascii: "-") }
        guard text.count >= Self.shortestISODate else { return false }
        var rest = text.dropFirst(19)
        if rest.first == UInt8(ascii: ".") { rest = rest.dropFirst().drop { $0 &- 0x30 < 10 } }
        return rest.elementsEqual("Z".utf8)
            || rest.count == 6 && (rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-"))
    }

    /// The end of the structured data: `-`, or elements in brackets whose values may hold `\]`.
    private func dataEnd(_ start: Int) -> Int? {
        if byte(start) == UInt8(ascii: "-") { return byte(start + 1) == 0x20 ? start + 1 : nil }
        guard byte(start) == UInt8(ascii: "[") else { return nil }
        var isInside = false
        var place = start
        while let next = byte(place) {
            if isInside {
                if next == UInt8(ascii: "]"), bytes[place - 1] != UInt8(ascii: "\\") { isInside = false }
            } else if next == UInt8(ascii: "[") {
                isInside = true
            } else {
                return next == 0x20 ? place : nil
            }
            place += 1
        }
        return nil
    }

    // MARK: RFC 3164

    static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Reads date, host and tag. False: it is no such line.
    private mutating func readOld(_ start: Int) -> Bool {
        guard bytes.count - start > Self.legacyDate else { return true }
        guard Self.months.contains(where: { bytes[start..<start + 3].elementsEqual($0.utf8) }),
            byte(start + Self.legacyDate) == 0x20, let host = word(start + Self.legacyDate + 1)
        else { return false }
        timePlace = start..<start + Self.legacyDate
        hostPlace = host
        messagePlace = min(host.upperBound + 1, bytes.count)..<bytes.count
        readTag()
        return true
    }

    /// Reads `tag[process]: ` at the start of the message, if it is there.
    private mutating func readTag() {
        let start = messagePlace.lowerBound
        guard let colon = bytes[messagePlace].firstIndex(where: { $0 == 0x20 || $0 == UInt8(ascii: ":") }),
            bytes[colon] == UInt8(ascii: ":"), byte(colon + 1) == 0x20
        else { return }
        if let open = bytes[start..<colon].firstIndex(of: UInt8(ascii: "[")) {
            if let end = bytes[open..<colon].firstIndex(of: UInt8(ascii: "]")) {
                guard end == colon - 1 else { return }
                processPlace = open + 1..<end
            }
            tagPlace = start..<open
        } else {
            tagPlace = start..<colon
        }
        messagePlace = colon + 2..<bytes.count
    }
}
