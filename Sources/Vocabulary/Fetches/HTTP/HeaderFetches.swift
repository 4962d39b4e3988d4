import Bytes
import Messages
import Samples
import Words

/// Fetches of header fields (configuration.txt section 7.3.6): `hdr`, `fhdr`, their counts, integers, addresses, names
/// and whole sections, for both directions.
enum HeaderFetches {
    static let all: [Fetch] = [both] + fetches(.request) + fetches(.response)

    private static let name = ArgumentSignature([.string], required: 0)

    private static let both = Fetch(
        "hdr", "A value of a header field of the current direction.", example: "hdr(host)",
        takes: FieldSelector.signature, gives: .str, from: [.requestHead, .responseHead], prepare: FieldSelector.prepare
    ) { evaluation, arguments, sample in
        value(evaluation, arguments, &sample, evaluation.direction, isWhole: false)
    }

    /// The fetches of one direction. Old names stand beside those with the direction in front: `hdr_cnt`, `shdr_cnt`.
    private static func fetches(_ direction: MessageDirection) -> [Fetch] {
        let (prefix, old, message) = direction == .request ? ("req", "hdr", "request") : ("res", "shdr", "response")
        let source: SampleSource = direction == .request ? .requestHead : .responseHead
        let selects = FieldSelector.prepare
        var fetches: [Fetch] = []
        // What `hdr` alone means depends on the direction, and is above.
        for name in direction == .request ? ["req.hdr"] : ["res.hdr", old] {
            fetches.append(
                Fetch(
                    name, "A value of a \(message) header field, comma-separated ones apart; the last by default.",
                    example: "\(name)(x-forwarded-for,1)", takes: FieldSelector.signature, gives: .str, from: source,
                    prepare: selects
                ) { evaluation, arguments, sample in
                    value(evaluation, arguments, &sample, direction, isWhole: false)
                })
        }
        for name in ["\(prefix).hdr_cnt", "\(old)_cnt"] {
            fetches.append(
                Fetch(
                    name, "How many values of a \(message) header field there are, comma-separated ones apart.",
                    example: "\(name)(via)", takes: Self.name, gives: .sint, from: source, prepare: selects
                ) { evaluation, arguments, sample in
                    count(evaluation, arguments.object(), &sample, direction, isWhole: false)
                })
        }
        for name in ["\(prefix).hdr_ip", "\(old)_ip"] {
            fetches.append(
                Fetch(
                    name,
                    "A value of a \(message) header field as an IP address; values that are none are passed over.",
                    example: "\(name)(x-forwarded-for,-1)", takes: FieldSelector.signature, gives: .addr, from: source,
                    prepare: selects
                ) { evaluation, arguments, sample in
                    address(evaluation, arguments.object(), &sample, direction)
                })
        }
        for name in ["\(prefix).hdr_val", "\(old)_val"] {
            fetches.append(
                Fetch(
                    name, "The integer that a value of a \(message) header field starts with.",
                    example: "\(name)(content-length)", takes: FieldSelector.signature, gives: .sint, from: source,
                    prepare: selects
                ) { evaluation, arguments, sample in
                    integer(evaluation, arguments.object(), &sample, direction)
                })
        }
        return fetches + lines(direction, prefix, message, source)
    }

    /// The fetches of whole lines, and of whole sections.
    private static func lines(
        _ direction: MessageDirection, _ prefix: String, _ message: String, _ source: SampleSource
    ) -> [Fetch] {
        [
            Fetch(
                "\(prefix).fhdr", "A whole line of a \(message) header field; the last by default.",
                example: "\(prefix).fhdr(date)", takes: FieldSelector.signature, gives: .str, from: source,
                prepare: FieldSelector.prepare
            ) { evaluation, arguments, sample in
                value(evaluation, arguments, &sample, direction, isWhole: true)
            },
            Fetch(
                "\(prefix).fhdr_cnt", "How many lines of a \(message) header field there are.",
                example: "\(prefix).fhdr_cnt(via)", takes: name, gives: .sint, from: source,
                prepare: FieldSelector.prepare
            ) { evaluation, arguments, sample in
                count(evaluation, arguments.object(), &sample, direction, isWhole: true)
            },
            Fetch(
                "\(prefix).hdr_names", "The names of the \(message) header fields with a delimiter between them.",
                example: "\(prefix).hdr_names(;)", takes: name, gives: .str, from: source
            ) { evaluation, arguments, sample in
                names(evaluation, arguments.text(0).first, &sample, direction)
            },
            Fetch(
                "\(prefix).hdrs", "All \(message) header fields as HTTP/1 writes them, with the empty line.",
                gives: .bin,
                from: source
            ) { evaluation, _, sample in
                section(evaluation, &sample, direction)
            },
            Fetch(
                "\(prefix).hdrs_bin", "All \(message) header fields as lengths and texts.", gives: .bin, from: source
            ) { evaluation, _, sample in
                binarySection(evaluation, &sample, direction)
            },
        ]
    }

    // MARK: Values

    private static func value(
        _ evaluation: Evaluation, _ arguments: ArgumentList, _ sample: inout Sample, _ direction: MessageDirection,
        isWhole: Bool
    ) -> Bool {
        arguments.withObject(FieldSelector.self) { selector in
            value(evaluation, selector, &sample, direction, isWhole: isWhole)
        }
    }

    /// Shows one value: the selected occurrence, the next one when the evaluation iterates, or the last.
    static func value(
        _ evaluation: Evaluation, _ selector: FieldSelector, _ sample: inout Sample, _ direction: MessageDirection,
        isWhole: Bool
    ) -> Bool {
        evaluation.withHead(direction, &sample) { head, sample in
            guard selector.isGiven else { return false }
            if selector.occurrence == 0, evaluation.iterates {
                var walk = FieldWalk(head, selector, isWhole: isWhole, cursor: sample.cursor)
                guard let place = walk.next() else { return false }
                sample.setText(head.value(at: walk.index).extracting(place))
                sample.cursor = walk.cursor
                sample.flags.insert(.notLast)
                return true
            }
            return show(selector.occurrence, of: selector, in: head, &sample, isWhole: isWhole)
        }
    }

    /// Shows the value at a place, from 1, or from the end, or the last for 0.
    private static func show(
        _ occurrence: Int, of selector: FieldSelector, in head: MessageHead, _ sample: inout Sample, isWhole: Bool
    ) -> Bool {
        var walk = FieldWalk(head, selector, isWhole: isWhole)
        var wanted = occurrence
        if wanted < -1 {
            // From the end: the place from the start is known once they are counted.
            var total = 0
            while walk.next() != nil { total += 1 }
            wanted += total + 1
            if wanted <= 0 { return false }
            walk = FieldWalk(head, selector, isWhole: isWhole)
        }
        var found = 0
        while let place = walk.next() {
            found += 1
            if wanted <= 0 || found == wanted { sample.setText(head.value(at: walk.index).extracting(place)) }
            if found == wanted { return true }
        }
        return found > 0 && wanted <= 0
    }

    private static func count(
        _ evaluation: Evaluation, _ selector: FieldSelector, _ sample: inout Sample, _ direction: MessageDirection,
        isWhole: Bool
    ) -> Bool {
        guard let head = evaluation.head(direction, &sample) else { return false }
        var walk = FieldWalk(head, selector, isWhole: isWhole)
        var total: Int64 = 0
        while walk.next() != nil { total += 1 }
        sample.setInteger(total)
        return true
    }

    private static func integer(
        _ evaluation: Evaluation, _ selector: FieldSelector, _ sample: inout Sample, _ direction: MessageDirection
    ) -> Bool {
        guard value(evaluation, selector, &sample, direction, isWhole: false) else { return false }
        sample.setInteger(sample.bytes.leadingInteger)
        return true
    }

    private static func address(
        _ evaluation: Evaluation, _ selector: FieldSelector, _ sample: inout Sample, _ direction: MessageDirection
    ) -> Bool {
        while value(evaluation, selector, &sample, direction, isWhole: false) {
            let text = sample
            if sample.setAddress(inField: text.bytes) { return true }
            guard sample.flags.contains(.notLast) else { return false }
            sample.flags = []
        }
        return false
    }

    // MARK: Sections

    private static func names(
        _ evaluation: Evaluation, _ delimiter: UInt8?, _ sample: inout Sample, _ direction: MessageDirection
    ) -> Bool {
        guard let head = evaluation.head(direction, &sample) else { return false }
        var text = evaluation.scratch.text()
        for index in 0..<head.fieldCount {
            if index > 0 { text.append(delimiter ?? 0x2c) }
            text.append(head.nameText(at: index))
        }
        return text.give(&sample)
    }

    private static func section(
        _ evaluation: Evaluation, _ sample: inout Sample, _ direction: MessageDirection
    ) -> Bool {
        guard let head = evaluation.head(direction, &sample) else { return false }
        var text = evaluation.scratch.text()
        for index in 0..<head.fieldCount {
            text.append(head.nameText(at: index))
            text.append(": ")
            text.append(head.value(at: index))
            text.append("\r\n")
        }
        text.append("\r\n")
        return text.give(&sample, .str)
    }

    private static func binarySection(
        _ evaluation: Evaluation, _ sample: inout Sample, _ direction: MessageDirection
    ) -> Bool {
        guard let head = evaluation.head(direction, &sample) else { return false }
        var text = evaluation.scratch.text()
        for index in 0..<head.fieldCount {
            text.appendCounted(head.nameText(at: index))
            text.appendCounted(head.value(at: index))
        }
        text.append(0 as UInt8)
        text.append(0 as UInt8)
        return text.give(&sample, .bin)
    }
}

extension ScratchText {
    /// Ends the text as the sample's value; false when it did not fit.
    consuming func give(_ sample: inout Sample, _ type: SampleType = .str) -> Bool {
        let isWhole = !isFull
        finish(&sample, type)
        return isWhole
    }

    /// A text behind its length as SPOE writes it: up to 239 in one byte, then 4 and 7 bits at a time.
    fileprivate mutating func appendCounted(_ text: Span<UInt8>) {
        if text.count < 240 {
            append(UInt8(text.count))
        } else {
            append(UInt8(truncatingIfNeeded: text.count) | 0xf0)
            var left = (text.count - 240) >> 4
            while left >= 128 {
                append(UInt8(truncatingIfNeeded: left) | 0x80)
                left = (left - 128) >> 7
            }
            append(UInt8(truncatingIfNeeded: left))
        }
        append(text)
    }
}
