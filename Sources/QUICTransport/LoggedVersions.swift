/// The version numbers in qlog events: the library writes those of a Version Negotiation packet as it knows them, in
/// hexadecimal; what a reader of the log finds there are the numbers of the wire (``VersionTranslation``).
package enum LoggedVersions {
    private static let list = Array("\"supported_versions\":[".utf8)
    private static let closing = UInt8(ascii: "]")

    /// The event with the numbers of the wire; nil when it lists no version that has another one.
    package static func translated(_ event: RawSpan) -> [UInt8]? {
        guard let start = start(in: event) else { return nil }
        var output = unsafe event.withUnsafeBytes { unsafe Array($0) }
        var isChanged = false
        var place = start
        while place < output.count, output[place] != closing {
            if let other = other(output, at: place) {
                output.replaceSubrange(place..<place + other.count, with: other)
                place += other.count
                isChanged = true
            } else {
                place += 1
            }
        }
        return isChanged ? output : nil
    }

    /// Where the list's first number may stand; nil without a list.
    private static func start(in event: RawSpan) -> Int? {
        guard event.byteCount >= list.count else { return nil }
        return unsafe event.withUnsafeBytes { bytes in
            for place in 0...bytes.count - list.count
            where unsafe bytes[place] == list[0] && bytes[place..<place + list.count].elementsEqual(list) {
                return place + list.count
            }
            return nil
        }
    }

    /// What is to stand in the place of the number that stands there, if that is one of the two that change places.
    private static func other(_ text: [UInt8], at place: Int) -> [UInt8]? {
        for version in [VersionTranslation.inside, VersionTranslation.outside]
        where text[place...].starts(with: digits(version)) {
            return digits(VersionTranslation.translated(version))
        }
        return nil
    }

    private static func digits(_ version: UInt32) -> [UInt8] { Array(String(version, radix: 16).utf8) }
}
