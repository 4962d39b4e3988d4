/// The counters that outlive a process, as `dump stats-file` writes them (management.txt section 9.3): a part for
/// frontends and one for backends with their servers, of those objects that have a `guid`.
enum StatisticsFile {
    private static let hosts = ["hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other"]
    private static let compression = ["comp_in", "comp_out", "comp_byp", "comp_rsp"]
    private static let bytes = ["reqbin", "reqbout", "resbin", "resbout", "cache_hint_hits"]

    private static let frontColumns =
        ["stot", "bin", "bout", "dreq", "dresp", "ereq", "rate"] + hosts + ["req_rate", "req_tot"] + compression + [
            "conn_rate", "conn_tot", "intercepted", "dcon", "dses", "wrew", "cache_lookups", "cache_hits", "eint",
            "h1sess", "h2sess", "h3sess", "req_other", "h1req", "h2req", "h3req",
        ] + bytes

    private static let backColumns =
        [
            "stot", "bin", "bout", "dreq", "dresp", "econ", "eresp", "wretr", "wredis", "chkfail", "chkdown", "lastchg",
            "lbtot", "rate",
        ] + hosts + ["hanafail", "req_tot", "cli_abrt", "srv_abrt"] + compression + [
            "lastsess", "wrew", "connect", "reuse", "cache_lookups", "cache_hits", "eint",
        ] + bytes

    /// The whole file. Rows without an identifier are left out.
    static func text(_ rows: [ProxyRow]) -> String {
        part("fe", frontColumns, rows.filter(\.isFront)) + part("be", backColumns, rows.filter(\.isBack))
    }

    private static func part(_ name: String, _ names: [String], _ rows: [ProxyRow]) -> String {
        let columns = names.map { name in ProxyColumns.all.first { $0.name == name } }
        var text = "#\(name) guid," + names.joined(separator: ",") + ",\n"
        for row in rows {
            guard let guid = row.guid else { continue }
            let values = columns.map { column -> String in
                guard let value = column?.value(row), value != .none else { return "0" }
                return value.description
            }
            text += guid + "," + values.joined(separator: ",") + ",\n"
        }
        return text + "\n"
    }
}
