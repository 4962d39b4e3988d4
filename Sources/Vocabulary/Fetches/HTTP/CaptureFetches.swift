import Bytes
import Messages
import Samples
import Words

/// Fetches of what rules captured, and of the request as the client sent it (configuration.txt section 7.3.6).
enum CaptureFetches {
    private static let slot = ArgumentSignature([.integer], required: 1)
    private static let checkSlot: ArgumentPreparation = { values, _ throws(Complaint) in
        if case .integer(let number) = values.first, number < 0 {
            throw Complaint("capture identifier must be >= 0")
        }
        return nil
    }

    static let all: [Fetch] = [
        Fetch(
            "capture.req.hdr", "What request capture slot number N holds; the first is 0.",
            example: "capture.req.hdr(0)",
            takes: slot, gives: .str, from: .request, prepare: checkSlot
        ) { evaluation, arguments, sample in
            guard let captures = evaluation.transaction?.requestCaptures else { return false }
            return show(captures, arguments.integer(0), evaluation, &sample)
        },
        Fetch(
            "capture.res.hdr", "What response capture slot number N holds; the first is 0.",
            example: "capture.res.hdr(0)", takes: slot, gives: .str, from: .response, prepare: checkSlot
        ) { evaluation, arguments, sample in
            guard let captures = evaluation.transaction?.responseCaptures else { return false }
            return show(captures, arguments.integer(0), evaluation, &sample)
        },
        Fetch("capture.req.method", "The method that the client sent.", gives: .str, from: .request) {
            evaluation, _, sample in
            guard let head = evaluation.head(.request, &sample) else { return false }
            if let kept = evaluation.transaction?.originalRequest {
                let method = kept.method
                sample.setText(method.bytes)
            } else {
                sample.setText(head.methodText)
            }
            return true
        },
        Fetch("capture.req.uri", "The path and query that the client sent.", gives: .str, from: .request) {
            evaluation, _, sample in
            guard let head = evaluation.head(.request, &sample) else { return false }
            if let kept = evaluation.transaction?.originalRequest {
                let path = kept.path
                guard !path.bytes.isEmpty else { return false }
                sample.setText(path.bytes)
                return true
            }
            guard let path = head.pathAndQuery else { return false }
            sample.setText(path)
            return true
        },
        Fetch("capture.req.ver", "The version that the client sent: HTTP/1.1.", gives: .str, from: .request) {
            evaluation, _, sample in
            guard let head = evaluation.head(.request, &sample) else { return false }
            sample.setText(head.version.text)
            return true
        },
        Fetch("capture.res.ver", "The version that the server sent: HTTP/1.1.", gives: .str, from: .request) {
            evaluation, _, sample in
            guard let head = evaluation.head(.response, &sample) else { return false }
            sample.setText(head.version.text)
            return true
        },
        Fetch(
            "unique-id", "The request's unique identifier (`unique-id-format`); in a health check, the backend's.",
            gives: .str, from: .constant
        ) {
            evaluation, _, sample in
            guard let identifier = evaluation.transaction?.uniqueID ?? evaluation.facts?.makeUniqueID() else {
                return false
            }
            return sample.setCopy(of: identifier, evaluation.scratch)
        },
        Fetch("http_first_req", "True when this is the first request on its connection.", gives: .bool, from: .request)
        {
            evaluation, _, sample in
            guard evaluation.head(.request, &sample) != nil, let facts = evaluation.facts else {
                return false
            }
            sample.setBool(facts.number == 1)
            return true
        },
    ]

    private static func show(
        _ captures: [[UInt8]?], _ slot: Int64, _ evaluation: Evaluation, _ sample: inout Sample
    ) -> Bool {
        guard slot < captures.count, let text = captures[Int(slot)] else { return false }
        return sample.setCopy(of: text, evaluation.scratch)
    }
}

extension Sample {
    /// Shows a copy of `text` in the worker's scratch; false when it does not fit.
    mutating func setCopy(of text: [UInt8], _ scratch: ScratchArena, _ type: SampleType = .str) -> Bool {
        var copy = scratch.text()
        copy.append(text.span)
        return copy.give(&self, type)
    }
}
