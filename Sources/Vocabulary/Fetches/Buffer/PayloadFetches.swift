import Bytes
import Messages
import Samples
import Streams
import Words

/// Fetches of the first bytes of a TCP connection (configuration.txt section 7.3.5).
enum PayloadFetches {
    static let all: [Fetch] = lengths + payloads + rdp + distcc

    private static let lengths: [Fetch] =
        ["req.len", "req_len"].map { name in
            Fetch(name, "How many bytes of the client wait.", gives: .sint, from: .requestBuffer) {
                evaluation, _, sample in
                length(evaluation, &sample, .request)
            }
        }
        + [
            Fetch("res.len", "How many bytes of the server wait.", gives: .sint, from: .responseBuffer) {
                evaluation, _, sample in
                length(evaluation, &sample, .response)
            }
        ]

    private static func length(_ evaluation: Evaluation, _ sample: inout Sample, _ direction: MessageDirection) -> Bool
    {
        guard let half = evaluation.half(direction) else { return false }
        sample.setInteger(Int64(half.count + (half.head?.byteCount ?? 0)))
        sample.expectMore(evaluation)
        return true
    }

    // MARK: Payload

    private static let either: SampleSource = [.requestBuffer, .responseBuffer]
    private static let place = ArgumentSignature([.integer, .integer], required: 2)
    private static let counted = ArgumentSignature([.integer, .integer, .string], required: 2)

    private static let payloads: [Fetch] =
        [("req.payload", SampleSource.requestBuffer), ("res.payload", .responseBuffer), ("payload", either)].map {
            name, source in
            Fetch(
                name, "Bytes at an offset; up to the end for the length 0.", example: "\(name)(0,8)", takes: place,
                gives: .bin, from: source
            ) { evaluation, arguments, sample in
                payload(evaluation, arguments.integer(0), arguments.integer(1), &sample)
            }
        }
        + [("req.payload_lv", SampleSource.requestBuffer), ("res.payload_lv", .responseBuffer), ("payload_lv", either)]
        .map { name, source in
            Fetch(
                name, "Bytes whose number stands before them: its offset and size, then where they start.",
                example: "\(name)(43,1)", takes: counted, gives: .bin, from: source,
                prepare: { values, _ throws(Complaint) in try CountedPlace(values) }
            ) { evaluation, arguments, sample in
                countedPayload(evaluation, arguments.object(), &sample)
            }
        }

    private static func payload(
        _ evaluation: Evaluation, _ offset: Int64, _ size: Int64, _ sample: inout Sample
    ) -> Bool {
        guard let half = evaluation.rawHalf(evaluation.direction) else { return false }
        let limit = Int64(evaluation.scratch.textLimit)
        guard offset >= 0, size >= 0, size <= limit, offset <= limit - size else { return false }
        var waiting = Sample()
        waiting.setWaiting(half, evaluation.scratch)
        let count = Int64(waiting.byteCount)
        guard offset + size <= count else {
            sample.expectMore(evaluation)
            return false
        }
        sample.setText(waiting.bytes.extracting(Int(offset)..<Int(size == 0 ? count : offset + size)), .bin)
        if size == 0, half.phase < .ended { sample.expectMore(evaluation) }
        return true
    }

    private static func countedPayload(
        _ evaluation: Evaluation, _ place: CountedPlace, _ sample: inout Sample
    ) -> Bool {
        guard let half = evaluation.rawHalf(evaluation.direction) else { return false }
        var waiting = Sample()
        waiting.setWaiting(half, evaluation.scratch)
        let bytes = waiting.bytes
        let (end, overflow) = place.offset.addingReportingOverflow(place.size)
        guard !overflow, end <= bytes.count else {
            sample.expectMore(evaluation)
            return false
        }
        // Numbers of more than 32 bits keep their low ones.
        var size: UInt32 = 0
        for index in Int(place.offset)..<Int(end) { size = size << 8 | UInt32(bytes[index]) }
        let limit = Int64(evaluation.scratch.textLimit)
        let (start, isOutside) = place.start.addingReportingOverflow(place.isRelative ? end : 0)
        guard size > 0, Int64(size) <= limit, !isOutside, start >= 0, start <= limit - Int64(size) else { return false }
        guard start + Int64(size) <= bytes.count else {
            sample.expectMore(evaluation)
            return false
        }
        sample.setText(bytes.extracting(Int(start)..<(Int(start) + Int(size))), .bin)
        return true
    }

    // MARK: RDP

    private static let rdp: [Fetch] =
        ["req.rdp_cookie", "rdp_cookie"].map { name in
            Fetch(
                name, "The cookie of an RDP request: the one named, or the first.", example: "\(name)(msts)",
                takes: ArgumentSignature([.string], required: 0), gives: .str, from: .requestBuffer,
                prepare: { values, _ in ConstantText(values.first) }
            ) { evaluation, arguments, sample in
                cookie(evaluation, arguments.object(), &sample)
            }
        }
        + ["req.rdp_cookie_cnt", "rdp_cookie_cnt"].map { name in
            Fetch(
                name, "1 when the request has that RDP cookie, else 0.", example: "\(name)(msts)",
                takes: ArgumentSignature([.string], required: 0), gives: .sint, from: .requestBuffer,
                prepare: { values, _ in ConstantText(values.first) }
            ) { evaluation, arguments, sample in
                let isFound = cookie(evaluation, arguments.object(), &sample)
                if sample.flags.contains(.mayChange) { return false }
                sample.setInteger(isFound ? 1 : 0)
                return true
            }
        }

    private static func cookie(_ evaluation: Evaluation, _ name: ConstantText, _ sample: inout Sample) -> Bool {
        guard let half = evaluation.rawHalf(.request) else { return false }
        var waiting = Sample()
        waiting.setWaiting(half, evaluation.scratch)
        switch RDPCookie.read(waiting.bytes, named: name.bytes) {
        case .value(let place):
            sample.setText(waiting.bytes.extracting(place))
            return true
        case .incomplete:
            sample.expectMore(evaluation)
            return false
        case .other: return false
        }
    }

    // MARK: distcc

    private static let distcc: [Fetch] = [
        Fetch(
            "distcc_param", "The parameter of a distcc token, by name and occurrence.", example: "distcc_param(DOTI)",
            takes: ArgumentSignature([.string, .integer], required: 1), gives: .sint, from: either,
            prepare: { values, _ throws(Complaint) in try DistccToken(values) }
        ) { evaluation, arguments, sample in
            guard let (parameter, _) = token(evaluation, arguments.object(), &sample) else { return false }
            sample.setInteger(Int64(parameter))
            return true
        },
        Fetch(
            "distcc_body", "The body of a distcc token, as far as it is here.", example: "distcc_body(DOTI)",
            takes: ArgumentSignature([.string, .integer], required: 1), gives: .bin, from: either,
            prepare: { values, _ throws(Complaint) in try DistccToken(values) }
        ) { evaluation, arguments, sample in
            guard let (_, body) = token(evaluation, arguments.object(), &sample),
                let half = evaluation.rawHalf(evaluation.direction)
            else { return false }
            var waiting = Sample()
            waiting.setWaiting(half, evaluation.scratch)
            let end = min(body.upperBound, waiting.byteCount)
            sample.setText(waiting.bytes.extracting(body.lowerBound..<end), .bin)
            if end < body.upperBound { sample.expectMore(evaluation) }
            return true
        },
    ]

    private static func token(
        _ evaluation: Evaluation, _ wanted: DistccToken, _ sample: inout Sample
    ) -> (parameter: UInt32, body: Range<Int>)? {
        guard let half = evaluation.rawHalf(evaluation.direction) else { return nil }
        var waiting = Sample()
        waiting.setWaiting(half, evaluation.scratch)
        var isIncomplete = false
        let found = wanted.find(waiting.bytes, isIncomplete: &isIncomplete)
        if isIncomplete, waiting.byteCount + 12 <= evaluation.scratch.textLimit { sample.expectMore(evaluation) }
        return found
    }
}

/// The arguments of `payload_lv`.
private final class CountedPlace: Sendable {
    /// Where the number of bytes stands.
    let offset: Int64
    let size: Int64
    /// Where the bytes start: from the beginning, or from the end of the number.
    let start: Int64
    let isRelative: Bool

    init(_ values: [Argument]) throws(Complaint) {
        guard values.count > 1, case .integer(let offset) = values[0], case .integer(let size) = values[1] else {
            throw Complaint("payload offset and length are missing")
        }
        guard offset >= 0 else { throw Complaint("payload offset1 must be positive") }
        guard size > 0 else { throw Complaint("payload length must be > 0") }
        self.offset = offset
        self.size = size
        guard values.count > 2, case .string(let text) = values[2], !text.isEmpty else {
            start = 0
            isRelative = true
            return
        }
        guard let number = Int64(String(decoding: text, as: UTF8.self)) else {
            throw Complaint("payload offset2 is not a number")
        }
        isRelative = text[0] == 0x2b || text[0] == 0x2d
        let sum = offset.addingReportingOverflow(size).partialValue.addingReportingOverflow(number).partialValue
        guard sum >= 0 else { throw Complaint("payload offset2 too negative") }
        start = number
    }
}

/// The cookie in the first message of an RDP connection (MS-RDPBCGR section 2.2.1.1): `Cookie: name=value` and CR LF
/// behind eleven bytes of TPKT and X.224 headers.
enum RDPCookie {
    case value(Range<Int>)
    case incomplete
    case other

    /// - Parameter wanted: the cookie's name; any when it is empty.
    static func read(_ bytes: Span<UInt8>, named wanted: Span<UInt8>) -> RDPCookie {
        var place = 11
        guard bytes.count > place + 7 else { return .incomplete }
        guard bytes.extracting(place..<(place + 7)).equalsIgnoringCase("cookie:") else { return .other }
        place += 7
        while place < bytes.count, bytes[place] == 0x20 { place += 1 }
        if wanted.isEmpty {
            while place < bytes.count, bytes[place] != 0x3d {
                if bytes[place] == 0x0d || bytes[place] == 0x0a { return .other }
                place += 1
            }
            guard place < bytes.count else { return .incomplete }
            place += 1
        } else {
            guard bytes.count - place > wanted.count else { return .incomplete }
            guard bytes[place + wanted.count] == 0x3d,
                bytes.extracting(place..<(place + wanted.count)).elementsEqualIgnoringCase(wanted)
            else { return .other }
            place += wanted.count + 1
        }
        var end = place
        while end < bytes.count, bytes[end] != 0x0d { end += 1 }
        guard bytes.count - end >= 2 else { return .incomplete }
        return bytes[end + 1] == 0x0a ? .value(place..<end) : .other
    }
}

/// The arguments of `distcc_param` and `distcc_body`.
final class DistccToken: Sendable {
    private let name: UInt32
    /// From 1; 0 for the first.
    private let occurrence: Int64

    init(_ values: [Argument]) throws(Complaint) {
        guard case .string(let text) = values.first, text.count == 4 else {
            throw Complaint("token name must be exactly 4 characters")
        }
        name = text.reduce(0) { $0 << 8 | UInt32($1) }
        if values.count > 1, case .integer(let number) = values[1] { occurrence = number } else { occurrence = 0 }
    }

    /// Tokens whose parameter is no length.
    private static let bare: [UInt32] = [0x4152_4743, 0x4449_5354, 0x4e46_494c, 0x5354_4154, 0x444f_4e45]

    /// The token's parameter and where its body stands, which may end after `bytes`.
    func find(_ bytes: Span<UInt8>, isIncomplete: inout Bool) -> (parameter: UInt32, body: Range<Int>)? {
        var place = 0
        var found: Int64 = 0
        while true {
            guard place + 12 <= bytes.count else {
                isIncomplete = true
                return nil
            }
            let token = UInt32(bytes.number(at: place)) << 16 | UInt32(bytes.number(at: place + 2))
            var parameter: UInt32 = 0
            for index in (place + 4)..<(place + 12) {
                guard let digit = Self.digit(bytes[index]) else { return nil }
                parameter = parameter << 4 | digit
            }
            place += 12
            let length = Self.bare.contains(token) ? 0 : Int(parameter)
            if token == name {
                found += 1
                if occurrence == 0 || found == occurrence { return (parameter, place..<(place + length)) }
            }
            guard length <= bytes.count - place else { return nil }
            place += length
        }
    }

    private static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46: UInt32(byte - 0x41 + 10)
        case 0x61...0x66: UInt32(byte - 0x61 + 10)
        default: nil
        }
    }
}
