import Samples
import Testing
import Words

/// Fetches of the process, of variables, of proxies and of the connection, against what HAProxy 3.5-dev5 gives in the
/// same state.
struct ProcessFetchTests {
    @Test(
        arguments: [
            ("date", "1700000000"), ("date(5)", "1700000005"), ("date(-1,ms)", "1700000000122"),
            ("date(0,us)", "1700000000123456"), ("date_us", "123456"), ("accept_date(ms)", "1700000000123"),
            ("request_date", "1700000000"), ("uptime", "0"), ("env(PORTICO_NO_SUCH_VARIABLE)", nil), ("proc", "1"),
            ("nbproc", "1"), ("thread", "0"), ("tgroup", "0"), ("stopping", "0"), ("quic_enabled", "1"),
            ("wait_end", "1"), ("bin(4a4B)", "4A4B"), ("ipv4(1.2.3.4)", "1.2.3.4"), ("ipv6(::1)", "::1"),
            ("meth(GET)", "GET"), ("meth(FOO)", "FOO"), ("var(txn.none)", nil), ("var(txn.none,dflt)", "dflt"),
            ("dump_all_vars(sess)", ""), ("rand(1)", "0"),
        ] as [(String, String?)])
    func process(_ expression: String, _ value: String?) throws {
        let found = try Conversation("GET / HTTP/1.1\r\nHost: h\r\n\r\n").text(expression)
        #expect(found == value)
    }

    @Test(
        arguments: [
            ("fe_id", "2"), ("fe_name", "fe"), ("fe_defbe", "be"), ("be_id", "3"), ("be_name", "be"), ("so_id", "1"),
            ("so_name", "mybind"), ("srv_name", "s1"), ("srv_id", "1"), ("fe_client_timeout", "5000"),
            ("be_server_timeout", "5000"), ("be_connect_timeout", "5000"), ("be_tunnel_timeout", "0"),
            ("be_max_retries", "3"), ("bc_reused", "0"), ("txn.conn_retries", "0"), ("txn.redispatched", "0"),
            ("txn.sess_term_state", "--"), ("prio_class", "0"), ("prio_offset", "0"), ("last_rule_line", nil),
            ("last_rule_file", nil), ("http_first_req", "1"), ("req.timer.hdr", "-1"), ("bytes_in", "0"),
            ("dst_conn", "0"),
        ] as [(String, String?)])
    func proxies(_ expression: String, _ value: String?) throws {
        let found = try Conversation("GET / HTTP/1.1\r\nHost: h\r\n\r\n", facts: .standard).text(expression)
        #expect(found == value)
    }

    @Test(
        arguments: [
            ("src", "192.0.2.7"), ("src_port", "40000"), ("dst", "127.0.0.2"), ("dst_port", "8080"),
            ("dst_is_local", "1"), ("src_is_local", "0"), ("fc_src", "192.0.2.7"), ("fc_dst_port", "8080"),
            ("fc_rtt", nil), ("fc_pp_authority", nil), ("ssl_fc", "0"), ("ssl_fc_sni", nil), ("ssl_fc_has_sni", nil),
            ("quic_rtt", nil), ("fc_err", "0"), ("fc_err_str", "Success"), ("fc_err_name", ""), ("bc_dst", nil),
            ("internal.strm.is_htx", "1"),
        ] as [(String, String?)])
    func connection(_ expression: String, _ value: String?) throws {
        let found = try Conversation("GET / HTTP/1.1\r\nHost: h\r\n\r\n", from: "192.0.2.7").text(expression)
        #expect(found == value)
    }

    @Test func uuids() throws {
        let conversation = Conversation("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        let random = try #require(try conversation.text("uuid"))
        #expect(random.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
        let ordered = try #require(try conversation.text("uuid(7)"))
        // 1,700,000,000,123 milliseconds.
        #expect(ordered.wholeMatch(of: /018bcfe5-687b-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
    }

    @Test(arguments: [
        ("date(0,h)", "fetch method 'date' : expects 's', 'ms' or 'us', got 'h'"),
        ("fc_rtt(s)", "fetch method 'fc_rtt' : expects 'us' or 'ms', got 's'"),
        ("uuid(5)", "fetch method 'uuid' : Unsupported UUID version: '5'"),
        ("fc_pp_tlv(300)", "fetch method 'fc_pp_tlv' : Invalid TLV Type '300'"),
        ("fc_pp_tlv(x)", "fetch method 'fc_pp_tlv' : Could not convert type 'x'"),
        (
            "dump_all_vars(foo)",
            "fetch method 'dump_all_vars' : invalid scope 'foo', must be one of: sess, txn, req, res, proc"
        ),
        (
            "ssl_c_s_dn(,0,x)",
            "fetch method 'ssl_c_s_dn' : only rfc2253 or a blank value are currently supported as the format argument."
        ),
    ])
    func complaints(_ expression: String, _ message: String) {
        let found = Evaluator().complaint(expression)?.message
        #expect(found == message)
    }

    @Test("What a check has told is forgotten with it") func checkIsOver() {
        let evaluation = Evaluator().evaluation
        for isSession in [false, true] {
            var facts: TestFacts? = TestFacts()
            evaluation.begin(check: nil, VariableStore(), facts: facts)
            #expect(evaluation.facts === facts)
            facts = nil
            if isSession { evaluation.begin(Conversation(bytes: []).session) } else { evaluation.begin() }
            #expect(evaluation.facts == nil)
        }
    }
}
