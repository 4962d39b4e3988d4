import Language
import Testing

/// Names of proxies, servers and user lists in arguments of fetches: the words are HAProxy's, with the nearest name.
@Suite struct NamedArgumentTests {
    private static let sections = """
        defaults
         mode http
         timeout client 1s
         timeout connect 1s
         timeout server 1s
        userlist people
        backend app
         server s1 127.0.0.1:1
        frontend f
         bind :80
         log stdout local0

        """

    private func alerts(_ line: String) -> [String] {
        load(Self.sections + " " + line + "\n").alerts.map { String($0.dropFirst("12:".count)) }
    }

    @Test(arguments: [
        (
            "http-request deny if { nbsrv(ap) gt 1 }",
            "31 unable to find backend 'ap' referenced in arg 1 of ACL keyword 'nbsrv' in proxy 'f'. Did you mean 'app'"
                + " maybe ?"
        ),
        (
            "http-request deny if { http_auth(zzzzzz) }",
            "35 unable to find userlist 'zzzzzz' referenced in arg 1 of ACL keyword 'http_auth' in proxy 'f'."
        ),
        (
            "http-request deny if { http_auth() }",
            "35 missing userlist name in arg 1 of ACL keyword 'http_auth' in proxy 'f'."
        ),
        (
            "acl a srv_is_up(zzzzzz/x)",
            "18 unable to find proxy 'zzzzzz' referenced in arg 1 of ACL keyword 'srv_is_up' in proxy 'f'."
        ),
        (
            "acl a srv_is_up(app/s2)",
            "18 unable to find server 's2' in proxy 'app', referenced in arg 1 of ACL keyword 'srv_is_up' in proxy 'f'."
                + " Did you mean 's1' maybe ?"
        ),
        (
            "acl a srv_is_up(x)",
            "18 unable to find server 'x' in proxy 'f', referenced in arg 1 of ACL keyword 'srv_is_up' in proxy 'f'."
        ),
        (
            "http-request set-header x %[be_conn(zzzzzz)]",
            "38 unable to find backend 'zzzzzz' referenced in arg 1 of sample fetch keyword 'be_conn' in http-request"
                + " expression in proxy 'f'."
        ),
        (
            "log-format %[fe_conn(zzzzzz)]",
            "23 unable to find frontend 'zzzzzz' referenced in arg 1 of sample fetch keyword 'fe_conn' in log-format"
                + " string in proxy 'f'."
        ),
        (
            "http-request set-header x %[nbsrv]",
            "1 unable to find backend 'f' referenced in arg 1 of sample fetch keyword 'nbsrv' in http-request"
                + " expression in proxy 'f'."
        ),
        (
            "http-request set-var(txn.a) src,debug(x,nowhere)",
            "test.cfg:12: sink 'nowhere' of the debug converter does not exist"
        ),
    ])
    func unknownNames(line: String, alert: String) {
        let result = load(Self.sections + " " + line + "\n")
        let alerts = result.alerts.map { $0.hasPrefix("12:") ? String($0.dropFirst(3)) : String($0.dropFirst(2)) }
        #expect(alerts == [alert])
    }

    @Test(arguments: [
        "http-request deny if { nbsrv(app) gt 1 }", "http-request deny if { http_auth(people) }",
        "acl a srv_is_up(app/s1)", "http-request set-header x %[fe_conn]%[fe_conn(f)]",
        "http-request set-var(txn.a) src,debug(x,stderr),debug",
        "http-request set-header x %[str(a),when(acl,METH_GET)]",
    ])
    func knownNames(line: String) {
        #expect(load(Self.sections + " " + line + "\n").alerts == [])
    }

    @Test(arguments: [
        (
            "when(nothing)",
            "expects a supported keyword among {error,forwarded,normal,processed,stopping,toapplet,acl} but got 'nothing'"
        ),
        ("when(acl)", "'acl' selector requires an extra argument with the ACL name"),
        ("when(acl,zz)", "ACL 'zz' not found"),
    ])
    func mistakesOfWhen(converter: String, words: String) {
        let alerts = load(Self.sections + " http-request set-header x %[str(a),\(converter)]\n").alerts
        #expect(alerts.count == 1)
        #expect(alerts.first?.contains("invalid args in converter 'when' : \(words)") == true, "\(alerts)")
    }
}
