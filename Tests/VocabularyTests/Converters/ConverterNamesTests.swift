import Samples
import Testing
import Vocabulary

/// Which converters there are, and what they take and give.
struct ConverterNamesTests {
    /// HAProxy 3.5-dev5's own list of converters (`-dKcnv`), and the two of the documentation that need a device database.
    static let keywords = """
        add(string): sint => sint
        add_item(string,string[,string]): str => str
        aes_cbc_dec(integer,string,string[,string]): bin => bin
        aes_cbc_enc(integer,string,string[,string]): bin => bin
        aes_gcm_dec(integer,string,string,string[,string]): bin => bin
        aes_gcm_enc(integer,string,string,string[,string]): bin => bin
        and(string): sint => sint
        b64dec: bin => str
        base2: str => bin
        base64: str => bin
        be2dec(string[,integer,integer]): str => bin
        be2hex(string[,integer,integer]): str => bin
        bool: bool => sint
        bytes(string[,string]): bin => bin
        capture-req(integer): str => str
        capture-res(integer): str => str
        concat(string[,string,string]): str => str
        cpl: sint => sint
        crc32([integer]): sint => bin
        crc32c([integer]): sint => bin
        cut_crlf: str => str
        date: sint => str
        debug([string,string]): same => any
        digest(string): bin => bin
        div(string): sint => sint
        djb2([integer]): sint => bin
        eth.data: bin => bin
        eth.dst: bin => bin
        eth.hdr: bin => bin
        eth.proto: sint => bin
        eth.src: bin => bin
        eth.vlan: sint => bin
        even: bool => sint
        fe_exists: bool => str
        field(integer,string[,integer]): str => str
        fix_is_valid: bool => bin
        fix_tag_value(string): bin => bin
        has_ctl([string]): bool => bin
        hex: str => bin
        hex2i: sint => str
        hmac(string,string): bin => bin
        host_only: str => str
        htonl: bin => sint
        http_date([integer,string]): str => sint
        iif(string,string): str => bool
        in_table(table): bool => any
        ip.data: bin => bin
        ip.df: sint => bin
        ip.dst: addr => bin
        ip.fp([integer]): bin => bin
        ip.hdr: bin => bin
        ip.proto: sint => bin
        ip.src: addr => bin
        ip.tos: sint => bin
        ip.ttl: sint => bin
        ip.ver: sint => bin
        ipmask(IPv4 mask[,IPv6 mask]): addr => addr
        json(string): str => str
        json_query(string[,string]): any => str
        jwt_decrypt_cert(string): bin => bin
        jwt_decrypt_jwk(string): bin => bin
        jwt_decrypt_secret(string): bin => bin
        jwt_header_query([string,string]): any => bin
        jwt_payload_query([string,string]): any => bin
        jwt_verify(string,string): sint => bin
        jwt_verify_cert(string,string): sint => bin
        language(string[,string]): str => str
        le2dec(string[,integer,integer]): str => bin
        length: sint => str
        lower: str => str
        ltime(string[,integer]): str => sint
        ltrim(string): str => str
        map(string[,string]): str => str
        map_beg(string[,string]): str => str
        map_beg_int(string[,integer]): sint => str
        map_beg_ip(string[,string]): addr => str
        map_beg_key(string): str => str
        map_dir(string[,string]): str => str
        map_dir_int(string[,integer]): sint => str
        map_dir_ip(string[,string]): addr => str
        map_dir_key(string): str => str
        map_dom(string[,string]): str => str
        map_dom_int(string[,integer]): sint => str
        map_dom_ip(string[,string]): addr => str
        map_dom_key(string): str => str
        map_end(string[,string]): str => str
        map_end_int(string[,integer]): sint => str
        map_end_ip(string[,string]): addr => str
        map_end_key(string): str => str
        map_int(string[,string]): str => sint
        map_int_int(string[,integer]): sint => sint
        map_int_ip(string[,string]): addr => sint
        map_int_key(string): str => sint
        map_ip(string[,string]): str => addr
        map_ip_int(string[,integer]): sint => addr
        map_ip_ip(string[,string]): addr => addr
        map_ip_key(string): str => addr
        map_reg(string[,string]): str => str
        map_reg_int(string[,integer]): sint => str
        map_reg_ip(string[,string]): addr => str
        map_reg_key(string): str => str
        map_regm(string[,string]): str => str
        map_str(string[,string]): str => str
        map_str_int(string[,integer]): sint => str
        map_str_ip(string[,string]): addr => str
        map_str_key(string): str => str
        map_sub(string[,string]): str => str
        map_sub_int(string[,integer]): sint => str
        map_sub_ip(string[,string]): addr => str
        map_sub_key(string): str => str
        mod(string): sint => sint
        mqtt_field_value(string,string): str => bin
        mqtt_is_valid: bool => bin
        ms_ltime(string[,integer]): str => sint
        ms_utime(string[,integer]): str => sint
        mul(string): sint => sint
        nbsrv: sint => str
        neg: sint => sint
        not: bool => sint
        odd: bool => sint
        or(string): sint => sint
        param(string[,string]): str => str
        port_only: sint => str
        protobuf(Protocol buffers field number[,string]): bin => bin
        regsub(regex,string[,string]): str => str
        reverse: str => str
        reverse_dom: str => str
        rfc7239_field(string): str => str
        rfc7239_is_valid: bool => str
        rfc7239_n2nn: any => str
        rfc7239_n2np: any => str
        rfc7239_nn: str => any
        rfc7239_np: str => any
        rtrim(string): str => str
        sdbm([integer]): sint => bin
        secure_memcmp(string): bool => bin
        set-var(string[,string,string,string,string]): any => any
        sha1: bin => bin
        sha2([integer]): bin => bin
        srv_is_up: bool => str
        srv_queue: sint => str
        strcmp(string): sint => str
        sub(string): sint => sint
        table_bytes_in_rate(table): sint => any
        table_bytes_out_rate(table): sint => any
        table_clr_gpc(integer,table): sint => any
        table_clr_gpc0(table): sint => any
        table_clr_gpc1(table): sint => any
        table_conn_cnt(table): sint => any
        table_conn_cur(table): sint => any
        table_conn_rate(table): sint => any
        table_expire(table[,integer]): sint => any
        table_glitch_cnt(table): sint => any
        table_glitch_rate(table): sint => any
        table_gpc(integer,table): sint => any
        table_gpc0(table): sint => any
        table_gpc0_rate(table): sint => any
        table_gpc1(table): sint => any
        table_gpc1_rate(table): sint => any
        table_gpc_rate(integer,table): sint => any
        table_gpt(integer,table): sint => any
        table_gpt0(table): sint => any
        table_http_err_cnt(table): sint => any
        table_http_err_rate(table): sint => any
        table_http_fail_cnt(table): sint => any
        table_http_fail_rate(table): sint => any
        table_http_req_cnt(table): sint => any
        table_http_req_rate(table): sint => any
        table_idle(table[,integer]): sint => any
        table_inc_gpc(integer,table): sint => any
        table_inc_gpc0(table): sint => any
        table_inc_gpc1(table): sint => any
        table_kbytes_in(table): sint => any
        table_kbytes_out(table): sint => any
        table_server_id(table): sint => any
        table_sess_cnt(table): sint => any
        table_sess_rate(table): sint => any
        table_trackers(table): sint => any
        tcp.dst: sint => bin
        tcp.flags: sint => bin
        tcp.options.mss: sint => bin
        tcp.options.sack: sint => bin
        tcp.options.tsopt: sint => bin
        tcp.options.tsval: sint => bin
        tcp.options.wscale: sint => bin
        tcp.options.wsopt: sint => bin
        tcp.options_list: bin => bin
        tcp.seq: sint => bin
        tcp.src: sint => bin
        tcp.win: sint => bin
        ub64dec: bin => str
        ub64enc: str => bin
        ungrpc(Protocol buffers field number[,string]): bin => bin
        unset-var(string): any => any
        upper: str => str
        url_dec([integer]): str => str
        url_enc(string): str => str
        us_ltime(string[,integer]): str => sint
        us_utime(string[,integer]): str => sint
        utime(string[,integer]): str => sint
        when(string[,string,string]): any => any
        word(integer,string[,integer]): str => str
        wt6([integer]): sint => bin
        x509_v_err_str: str => sint
        xor(string): sint => sint
        xxh3([integer]): sint => bin
        xxh32([integer]): sint => bin
        xxh64([integer]): sint => bin
        51d.single(string[,string,string,string,string]): str => str
        da-csv-conv(string): str => str
        """.split(separator: "\n").map(String.init)

    /// Converters that Portico does not have, by the start of their names, and why.
    static let missing: [(prefix: String, reason: String)] = [
        ("51d.single", "needs a device database"), ("da-csv-conv", "needs a device database"),
        ("in_table", "stick tables"), ("table_", "stick tables"),
    ]

    static func name(_ keyword: String) -> String { String(keyword.prefix { $0 != "(" && $0 != ":" }) }

    static func isMissing(_ name: String) -> Bool {
        missing.contains { name == $0.prefix || $0.prefix.hasSuffix("_") && name.hasPrefix($0.prefix) }
    }

    @Test(arguments: keywords)
    func isRegistered(_ keyword: String) {
        let name = Self.name(keyword)
        let isMissing = Self.isMissing(name)
        #expect((Vocabulary.samples.converters[name] == nil) == isMissing)
    }

    /// Arguments and types are those that HAProxy lists.
    @Test func signatures() {
        let listing = Set(SampleListing(Vocabulary.samples).converterKeywords.split(separator: "\n").map(String.init))
        for keyword in Self.keywords where Vocabulary.samples.converters[Self.name(keyword)] != nil {
            #expect(listing.contains(keyword), "\(keyword)")
        }
    }

    /// Nothing is registered that HAProxy does not have, and nothing twice.
    @Test func noOthers() {
        let known = Set(Self.keywords.map(Self.name))
        #expect(Vocabulary.samples.converters.keys.filter { !known.contains($0) } == [])
    }
}
