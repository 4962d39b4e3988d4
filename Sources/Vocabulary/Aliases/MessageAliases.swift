import Messages
import Samples

/// Aliases of the request line and of captured fields (configuration.txt section 8.2.6).
enum MessageAliases {
    static let all: [Alias] = [
        Alias("r", "The request line.", in: .http, needs: .request) { writer in
            writer.beginText()
            let line = writer.requestLine() ?? Part.none
            Part.write(line, &writer)
        },
        Alias("HM", "The request's method.", in: .http, needs: .request) { writer in
            Part.write(&writer) { line in
                let end = Part.end(of: line, from: 0)
                return end < line.count ? 0..<end : nil
            }
        },
        Alias("HU", "The request's URI.", in: .http, needs: .request) { writer in
            Part.write(&writer) { line in Part.uri(line) }
        },
        Alias("HP", "The request's URI without its query.", in: .http, needs: .request) { writer in
            Part.write(&writer) { line in Part.uri(line).map { Part.withoutQuery(line, $0) } }
        },
        Alias("HPO", "The request's path, without host and query.", in: .http, needs: .request) { writer in
            Part.write(&writer) { line in Part.uri(line).map { Part.withoutQuery(line, Part.path(line, $0)) } }
        },
        Alias("HQ", "The request's query with its question mark.", in: .http, needs: .request) { writer in
            Part.write(&writer) { line in
                var start = 0
                while start < line.count, line[start] != UInt8(ascii: "?") { start += 1 }
                return start..<Part.end(of: line, from: start)
            }
        },
        Alias("HV", "The request's version: HTTP/1.1.", in: .http, needs: .request) { writer in
            guard let line = writer.requestLine() else { return Part.write(&writer) { _ in nil } }
            let isOld = Part.uri(line.bytes).map { Part.skipBlanks(line.bytes, from: $0.upperBound) } == line.byteCount
            if isOld {
                writer.beginText()
                var version = Sample()
                version.setText("HTTP/0.9")
                return Part.write(version, &writer)
            }
            Part.write(&writer) { line in
                Part.uri(line).map { Part.skipBlanks(line, from: $0.upperBound)..<line.count }
            }
        },
        Alias("hr", "The captured request fields: {a|b}.", needs: [.request, .client]) { writer in
            let captures = writer.evaluation.transaction?.requestCaptures ?? []
            write(captures, of: writer.figures.requestSlots, &writer)
        },
        Alias("hs", "The captured response fields: {a|b}.", needs: .response) { writer in
            let captures = writer.evaluation.transaction?.responseCaptures ?? []
            write(captures, of: writer.figures.responseSlots, &writer)
        },
        Alias("hrl", "The captured request fields as a list.", needs: [.request, .client]) { writer in
            let captures = writer.evaluation.transaction?.requestCaptures ?? []
            list(captures, of: writer.figures.requestSlots, &writer)
        },
        Alias("hsl", "The captured response fields as a list.", needs: .response) { writer in
            let captures = writer.evaluation.transaction?.responseCaptures ?? []
            list(captures, of: writer.figures.responseSlots, &writer)
        },
        Alias("CC", "The captured cookie of the request.", in: .http, needs: [.request, .client]) { writer in
            guard let cookie = writer.evaluation.transaction?.requestCookie else { return writer.put(Span()) }
            writer.put(cookie.span)
        },
        Alias("CS", "The captured cookie of the response.", in: .http, needs: .response) { writer in
            guard let cookie = writer.evaluation.transaction?.responseCookie else { return writer.put(Span()) }
            writer.put(cookie.span)
        },
    ]

    private static func write(_ captures: [[UInt8]?], of slots: Int, _ writer: inout FormatWriter) {
        guard slots > 0, writer.evaluation.transaction != nil else { return }
        writer.beginText()
        writer.put(character: UInt8(ascii: "{"))
        for slot in 0..<slots {
            if slot > 0 { writer.put(character: UInt8(ascii: "|")) }
            if slot < captures.count, let text = captures[slot] {
                writer.put(text.span, escaping: .capture, with: 0x23)
            }
        }
        writer.put(character: UInt8(ascii: "}"))
    }

    private static func list(_ captures: [[UInt8]?], of slots: Int, _ writer: inout FormatWriter) {
        guard slots > 0, writer.evaluation.transaction != nil else { return }
        writer.beginArray()
        for slot in 0..<slots {
            if slot > 0 { writer.nextInArray() }
            writer.beginText()
            if slot < captures.count, let text = captures[slot] {
                writer.put(text.span, escaping: .capture, with: 0x23)
            } else if !writer.options.contains(.quoted) {
                writer.put(character: UInt8(ascii: "-"))
            }
            writer.endText()
        }
        writer.endArray()
    }
}

/// The parts of a request line: `GET /path?query HTTP/1.1`.
private enum Part {
    /// What stands for a request that did not come.
    static var none: Sample {
        var sample = Sample()
        sample.setText("<BADREQ>")
        return sample
    }

    static func write(_ value: Sample, _ writer: inout FormatWriter) {
        writer.put(value.bytes, escaping: .uri, with: 0x23)
    }

    /// Writes the part of the line that `range` finds.
    static func write(_ writer: inout FormatWriter, _ range: (Span<UInt8>) -> Range<Int>?) {
        writer.beginText()
        guard var line = writer.requestLine(), let found = range(line.bytes) else { return write(none, &writer) }
        line.cut(to: found)
        write(line, &writer)
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    static func end(of line: Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index < line.count, !isBlank(line[index]) { index += 1 }
        return index
    }

    static func skipBlanks(_ line: Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index < line.count, isBlank(line[index]) { index += 1 }
        return index
    }

    static func uri(_ line: Span<UInt8>) -> Range<Int>? {
        let method = end(of: line, from: 0)
        let start = skipBlanks(line, from: method)
        return start > method ? start..<end(of: line, from: start) : nil
    }

    static func withoutQuery(_ line: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var index = range.lowerBound
        while index < range.upperBound, line[index] != UInt8(ascii: "?") { index += 1 }
        return range.lowerBound..<index
    }

    /// The path of a URI: behind scheme and authority in the absolute form; nothing of other forms.
    static func path(_ line: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var index = range.lowerBound
        let empty = range.upperBound..<range.upperBound
        if index < range.upperBound, line[index] == UInt8(ascii: "/") { return range }
        if range.count == 1, line[index] == UInt8(ascii: "*") { return range }
        while index < range.upperBound, line[index] != UInt8(ascii: ":") { index += 1 }
        guard index + 2 < range.upperBound, line[index + 1] == UInt8(ascii: "/"), line[index + 2] == UInt8(ascii: "/")
        else { return empty }
        index += 3
        while index < range.upperBound, line[index] != UInt8(ascii: "/") { index += 1 }
        return index..<range.upperBound
    }
}
