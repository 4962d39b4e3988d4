import Bytes
import Messages
import Samples

/// Fetches of cookies (configuration.txt section 7.3.6).
enum CookieFetches {
    static let all: [Fetch] = [both] + fetches(.request) + fetches(.response)

    private static let signature = ArgumentSignature([.string], required: 0)
    private static let prepareName: ArgumentPreparation = { values, _ in ConstantText(values.first) }

    private static let both = Fetch(
        "cookie", "A cookie's value in the message of the current direction.", example: "cookie(SID)",
        takes: signature, gives: .str, from: [.requestHead, .responseHead], prepare: prepareName
    ) { evaluation, arguments, sample in
        value(evaluation, arguments.object(), &sample, evaluation.direction)
    }

    /// The fetches of one direction. Old names stand beside those with the direction in front: `cook`, `scook`.
    private static func fetches(_ direction: MessageDirection) -> [Fetch] {
        let (prefix, old) = direction == .request ? ("req.cook", "cook") : ("res.cook", "scook")
        let deed = direction == .request ? "the client sent" : "the server sets"
        let owner = direction == .request ? "client" : "server"
        let source: SampleSource = direction == .request ? .requestHead : .responseHead
        var fetches: [Fetch] = []
        for name in [prefix, old] {
            fetches.append(
                Fetch(
                    name, "The value of a cookie that \(deed): the last of that name, or the first of all.",
                    example: "\(name)(SID)", takes: signature, gives: .str, from: source, prepare: prepareName
                ) { evaluation, arguments, sample in
                    value(evaluation, arguments.object(), &sample, direction)
                })
            fetches.append(
                Fetch(
                    "\(name)_cnt", "How many cookies of that name \(deed).", example: "\(name)_cnt(SID)",
                    takes: signature, gives: .sint, from: source, prepare: prepareName
                ) { evaluation, arguments, sample in
                    count(evaluation, arguments.object(), &sample, direction)
                })
            fetches.append(
                Fetch(
                    "\(name)_val", "The integer that the value of a cookie of the \(owner) starts with.",
                    example: "\(name)_val(SID)", takes: signature, gives: .sint, from: source, prepare: prepareName
                ) { evaluation, arguments, sample in
                    integer(evaluation, arguments.object(), &sample, direction)
                })
        }
        fetches.append(
            Fetch(
                "\(prefix)_names", "The names of the \(owner)'s cookies with a delimiter between them.",
                example: "\(prefix)_names(;)", takes: signature, gives: .str, from: source
            ) { evaluation, arguments, sample in
                names(evaluation, arguments.text(0).first, &sample, direction)
            })
        return fetches
    }

    private static let cookieFields = FieldSelector(.cookie)
    private static let setCookieFields = FieldSelector(.setCookie)

    private static func fields(_ direction: MessageDirection) -> FieldSelector {
        direction == .request ? cookieFields : setCookieFields
    }

    /// Shows the next cookie when the evaluation iterates, else the last of that name, or the first when any will do.
    private static func value(
        _ evaluation: Evaluation, _ name: ConstantText, _ sample: inout Sample, _ direction: MessageDirection
    ) -> Bool {
        guard let head = evaluation.head(direction, &sample) else { return false }
        let isList = direction == .request
        let wanted = name.bytes
        let iterates = evaluation.iterates
        var cursor = CookieCursor(iterates ? sample.cursor : 0)
        var walk = FieldWalk(head, fields(direction), cursor: cursor.walk)
        var found = false
        while true {
            let value: Span<UInt8>
            var scanner: CookieScanner
            if cursor.position > 0 {
                // Go on in the member in which the last cookie was.
                guard walk.index < head.fieldCount else { break }
                value = head.value(at: walk.index)
                scanner = CookieScanner(
                    isList: isList, splitsAtComma: isList, from: min(cursor.position, value.count),
                    to: min(cursor.end, value.count))
            } else {
                guard let member = walk.next() else { break }
                value = head.value(at: walk.index)
                if member.count < wanted.count + 1 { continue }
                scanner = CookieScanner(
                    isList: isList, splitsAtComma: isList, from: member.lowerBound, to: member.upperBound)
            }
            cursor.position = 0
            while let cookie = scanner.next(value, named: wanted) {
                sample.setText(value.extracting(cookie.value))
                found = true
                if iterates {
                    cursor.position = scanner.position
                    cursor.end = scanner.end
                    cursor.walk = walk.cursor
                    guard let number = cursor.number else { return true }
                    sample.cursor = number
                    sample.flags.insert(.notLast)
                    return true
                }
                if wanted.isEmpty { return true }
            }
        }
        return found
    }

    private static func count(
        _ evaluation: Evaluation, _ name: ConstantText, _ sample: inout Sample, _ direction: MessageDirection
    ) -> Bool {
        guard let head = evaluation.head(direction, &sample) else { return false }
        let isList = direction == .request
        var walk = FieldWalk(head, fields(direction))
        var total: Int64 = 0
        while let member = walk.next() {
            if member.count < name.bytes.count + 1 { continue }
            var scanner = CookieScanner(
                isList: isList, splitsAtComma: isList, from: member.lowerBound, to: member.upperBound)
            while scanner.next(head.value(at: walk.index), named: name.bytes) != nil { total += 1 }
        }
        sample.setInteger(total)
        return true
    }

    private static func integer(
        _ evaluation: Evaluation, _ name: ConstantText, _ sample: inout Sample, _ direction: MessageDirection
    ) -> Bool {
        guard value(evaluation, name, &sample, direction) else { return false }
        sample.setInteger(sample.bytes.leadingInteger)
        return true
    }

    private static func names(
        _ evaluation: Evaluation, _ delimiter: UInt8?, _ sample: inout Sample, _ direction: MessageDirection
    ) -> Bool {
        guard let head = evaluation.head(direction, &sample) else { return false }
        let isList = direction == .request
        var walk = FieldWalk(head, fields(direction), isWhole: !isList)
        var text = evaluation.scratch.text()
        while let member = walk.next() {
            let value = head.value(at: walk.index)
            var scanner = CookieScanner(
                isList: isList, splitsAtComma: false, from: member.lowerBound, to: member.upperBound)
            while let cookie = scanner.next(value, named: Span()) {
                if text.count > 0 { text.append(delimiter ?? 0x2c) }
                text.append(value.extracting(cookie.name))
                if !isList { break }
            }
        }
        return text.give(&sample)
    }
}

/// Where an iteration over cookies goes on, packed into ``Sample/cursor``: the field, the end of its member, and the
/// position in it.
private struct CookieCursor {
    /// The field walk's cursor; its offset is the member's end.
    var walk = 0
    /// 0 before the first cookie of a member.
    var position = 0
    /// The member's end without spaces.
    var end = 0

    /// - Parameter number: what ``number`` gave, or 0 at the start.
    init(_ number: Int) {
        guard number != 0 else { return }
        position = number & 0xf_ffff
        end = number >> 20 & 0xf_ffff
        // The walk stands at the comma behind the member, or at the value's end: spaces before it are passed over.
        walk = (number >> 40) << 32 | (end + 1)
    }

    /// The cursor as a number that is not 0; nil when a position is too large to be kept.
    var number: Int? {
        let index = walk >> 32
        guard position > 0, position < 1 << 20, end < 1 << 20, index < 1 << 22 else { return nil }
        return index << 40 | end << 20 | position
    }
}
