import Glibc
import Language
import Proxying

/// The counters of an earlier process, as a statistics file brings them (`stats-file`; management.txt section 9.3, "dump
/// stats-file"): by the identifiers of what they belong to.
package struct EarlierStatistics: Sendable {
    private var fronts: [String: TrafficCounters] = [:]
    private var backs: [String: TrafficCounters] = [:]
    /// What is said of the file, for the operator.
    package private(set) var warnings: [String] = []

    /// Nothing was counted before.
    package init() {}

    /// Longest line.
    private static let lineLimit = 65_536

    var isEmpty: Bool { fronts.isEmpty && backs.isEmpty }

    /// A row with what was counted before.
    func added(to row: ProxyRow) -> ProxyRow {
        guard let guid = row.guid, let counters = (row.isFront ? fronts : backs)[guid] else { return row }
        var row = row
        row.traffic.add(counters)
        return row
    }

    /// Forgets what belongs to an identifier.
    mutating func forget(_ guid: String) { backs[guid] = nil }

    // MARK: Reading

    private enum Part { case fronts, backs }

    /// Reads a file. What is wrong with it is in ``warnings``; the rest counts.
    package init(file path: String) {
        guard let file = unsafe fopen(path, "r") else {
            warnings = ["config: Can't load stats-file '\(path)': cannot open file."]
            return
        }
        defer { unsafe fclose(file) }
        var buffer = [CChar](repeating: 0, count: Self.lineLimit)
        var number = 0
        var isValid = false
        var part: Part?
        var columns: [Column?] = []
        while unsafe fgets(&buffer, Int32(buffer.count), file) != nil {
            number += 1
            let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            let line = Substring(String(decoding: bytes, as: UTF8.self)).trimmingBlanks
            if line.isEmpty || line.hasPrefix("//") { continue }
            if line.hasPrefix("#") {
                if let (newPart, names) = Self.header(line) {
                    part = newPart
                    columns = names.map { name in newPart.flatMap { Self.column(String(name), in: $0) } }
                } else {
                    part = nil
                    guard isValid else { break }
                    warnings.append("config: Ignored stats-file header line '\(number)' in file '\(path)'.")
                }
                isValid = true
            } else if let part {
                if !read(line, part, columns) {
                    warnings.append("config: Ignored stats-file line \(number) in file '\(path)'.")
                }
            } else if !isValid {
                break
            }
        }
        if number > 0, !isValid { warnings.append("config: Invalid stats-file format in file '\(path)'.") }
    }

    /// A header: which part follows, nil for one that is not known, and its columns. Nil when it is none.
    private static func header(_ line: Substring) -> (Part?, [Substring])? {
        guard let blank = line.firstIndex(of: " "), line.hasSuffix(",") else { return nil }
        let name = line[..<blank]
        let names = line[line.index(after: blank)...].split(separator: ",", omittingEmptySubsequences: false)
        let part: Part? = name == "#fe" ? .fronts : name == "#be" ? .backs : nil
        guard name.count > 1, part == nil || names.first == "guid" else { return nil }
        return (part, Array(names.dropFirst().dropLast()))
    }

    /// A line of counters. False: its identifier is none.
    private mutating func read(_ line: Substring, _ part: Part, _ columns: [Column?]) -> Bool {
        var values = line.split(separator: ",", omittingEmptySubsequences: false)[...]
        guard let guid = values.popFirst().map(String.init), GUID.complaint(about: guid) == nil else { return false }
        var counters = (part == .fronts ? fronts : backs)[guid] ?? TrafficCounters()
        for (value, column) in zip(values, columns) {
            if let column, let number = UInt64(value) { column(&counters, number) }
        }
        switch part {
        case .fronts: fronts[guid] = counters
        case .backs: backs[guid] = counters
        }
        return true
    }

    // MARK: Columns

    private typealias Column = (inout TrafficCounters, UInt64) -> Void

    private static func column(_ name: String, in part: Part) -> Column? {
        if let place = ["hrsp_other", "hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx"].firstIndex(of: name) {
            return { $0.responses[place] = $1 }
        }
        if part == .fronts {
            if let place = ["sess_other", "h1sess", "h2sess", "h3sess"].firstIndex(of: name) {
                return { $0.sessionsByVersion[place] = $1 }
            }
            if let place = ["req_other", "h1req", "h2req", "h3req"].firstIndex(of: name) {
                return { $0.requestsByVersion[place] = $1 }
            }
        } else if name == "req_tot" {
            // Backends and servers are not asked for versions.
            return { $0.requestsByVersion[0] = $1 }
        }
        return (common[name] ?? (part == .fronts ? ofFronts : ofBacks)[name]).map { path -> Column in
            { $0[keyPath: path] = $1 }
        }
    }

    private static let common: [String: any WritableKeyPath<TrafficCounters, UInt64> & Sendable] = [
        "stot": \.sessions, "bin": \.bytesIn, "bout": \.bytesOut, "dreq": \.deniedRequests, "dresp": \.deniedResponses,
        "wrew": \.rewriteErrors, "eint": \.internalErrors, "reqbin": \.bytesIn, "resbout": \.bytesOut,
        "reqbout": \.bytesToServer, "resbin": \.bytesFromServer, "comp_in": \.compressionIn,
        "comp_out": \.compressionOut, "comp_byp": \.compressionBypassed, "comp_rsp": \.compressedResponses,
        "cache_lookups": \.cacheLookups, "cache_hits": \.cacheHits, "cache_hint_hits": \.cacheHintHits,
    ]

    private static let ofFronts: [String: any WritableKeyPath<TrafficCounters, UInt64> & Sendable] = [
        "ereq": \.requestErrors, "conn_tot": \.connections, "intercepted": \.intercepted,
        "dcon": \.deniedConnections, "dses": \.deniedSessions,
    ]

    private static let ofBacks: [String: any WritableKeyPath<TrafficCounters, UInt64> & Sendable] = [
        "econ": \.connectErrors, "eresp": \.responseErrors, "wretr": \.retries, "wredis": \.redispatches,
        "lbtot": \.balanced, "cli_abrt": \.clientAborts, "srv_abrt": \.serverAborts, "connect": \.connects,
        "reuse": \.reuses,
    ]
}

extension Substring {
    /// Without blanks and line breaks around it.
    fileprivate var trimmingBlanks: Substring {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r" || $0 == "\r\n" }
        var rest = self.drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return rest
    }
}
