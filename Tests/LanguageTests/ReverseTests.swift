import Configuration
import Language
import Testing

/// Reverse HTTP: `rhttp@` addresses, `nbconn`, `attach-srv`. The words are those of HAProxy 3.5-dev, which says those
/// of `bind` lines about servers when it starts.
@Suite struct ReverseTests {
    private static let global = "global\nexpose-experimental-directives\n"
    private static let defaults = """
        defaults
        mode http
        timeout client 1s
        timeout connect 1s
        timeout server 1s

        """
    private static let servers = """
        backend b
        server s 127.0.0.1:1
        server r rhttp@
        server t 0.0.0.0:1 proto h2
        server ok 127.0.0.1:1 proto h2
        server other 127.0.0.1:2 proto h2
        server tls 127.0.0.1:1 ssl verify none alpn h2
        server both 127.0.0.1:1 ssl verify none alpn h2,http/1.1
        server src 127.0.0.1:1 proto h2 source 0.0.0.0 usesrc clientip
        server srcaddr 127.0.0.1:1 proto h2 source 0.0.0.0 usesrc 127.0.0.3
        server map 127.0.0.1 proto h2
        server auto 127.0.0.1:1 ssl verify none
        server unix /tmp/x.sock proto h2
        server sni 127.0.0.1:1 ssl verify none alpn h2 sni env(X)
        server n rhttp@ pool-conn-name hdr(x)
        server named rhttp@ ssl sni hdr(x) verify none
        server plain rhttp@ ssl verify none

        """

    private static func bind(_ line: String) -> [String] {
        load(global + defaults + "frontend f\nbind \(line)\n" + servers).alerts
    }

    @Test(arguments: [
        ("rhttp@b", "Invalid server name: 'b'."), ("rhttp@b/", "Invalid server name: 'b/'."),
        ("rhttp@b/x", "No such server: 'b/x'."), ("rhttp@x/s", "No such backend: 'x'."),
        ("rhttp@b/ok:80", "No such server: 'b/ok:80'."),
        (
            "rhttp@b/s",
            "Cannot reverse connect with server 'b/s' unless HTTP/2 is activated on it with either proto or alpn keyword."
        ),
        (
            "rhttp@b/both",
            "Cannot reverse connect with server 'b/both' unless HTTP/2 is activated on it with either proto or alpn"
                + " keyword."
        ),
        (
            "rhttp@b/auto",
            "Cannot reverse connect with server 'b/auto' unless HTTP/2 is activated on it with either proto or alpn"
                + " keyword."
        ),
        ("rhttp@b/r", "Cannot use reverse HTTP server 'b/r' as target to a reverse bind."),
        ("rhttp@b/t", "Cannot use transparent server 'b/t' as target to a reverse bind."),
        ("rhttp@b/map", "Cannot use transparent server 'b/map' as target to a reverse bind."),
        ("rhttp@b/unix", "Cannot use transparent server 'b/unix' as target to a reverse bind."),
        ("rhttp@b/src", "Cannot reverse connect with server 'b/src' which uses dynamic source address setting."),
        ("rhttp@b/sni", "Cannot reverse connect with server 'b/sni' whose 'sni' is not 'str(NAME)'"),
    ])
    func targets(address: String, message: String) {
        let alerts = Self.bind(address)
        #expect(alerts.count == 1 && alerts[0].contains("for frontend f: protocol rev: \(message)"), "\(alerts)")
    }

    @Test(arguments: [
        "rhttp@b/ok", "rhttp@b/tls", "rhttp@b/srcaddr", "rhttp@b/ok,rhttp@b/other",
        "rhttp@b/ok nbconn 3 name tunnel guid-prefix g idle-ping 1s",
    ])
    func accepted(line: String) {
        #expect(Self.bind(line) == [])
    }

    @Test func settings() throws {
        let text = Self.global + Self.defaults + "frontend f\nbind rhttp@b/other nbconn 7\n" + Self.servers
        let configuration = try #require(load(text).configuration)
        let bind = try #require(configuration.frontends.first?.binds.first)
        #expect(bind.connections == 7 && bind.address.description == "rhttp@b/other")
        guard case .reversed(let target) = bind.address else { return #expect(Bool(false), "\(bind)") }
        #expect(target.backend == 0 && target.server == 4)
        #expect(configuration.backends[0].referencedServers.contains(4), "it can not be deleted")
        #expect(configuration.backends[0].servers[1].isReversed)
        // Without `sni` no name is asked for, not even the request's host.
        #expect(configuration.backends[0].servers.last?.tls?.serverName == ServerNameSource.none)
    }

    @Test(arguments: [
        "ssl", "crt x", "maxconn 10", "shards 2", "nice 1", "proto h2", "accept-proxy", "alpn h2", "backlog 10", "tfo",
        "interface lo", "namespace x", "mss 10", "defer-accept", "transparent", "v4v6", "user x",
        "strict-sni", "level admin", "tcp-ut 1s", "verify none", "default-crt x", "no-alpn", "mode 1", "curves x",
        "accept-netscaler-cip 1", "tls-ticket-keys x",
    ])
    func options(option: String) {
        let name = option.prefix { $0 != " " }
        let alerts = Self.bind("rhttp@b/ok \(option)")
        #expect(alerts.contains { $0.hasSuffix("'\(name)' option is not accepted for reverse HTTP") }, "\(alerts)")
    }

    @Test(arguments: [
        ("rhttp@b/ok,127.0.0.1:80", "'bind' : Cannot mix reverse HTTP bind with others."),
        ("127.0.0.1:80,rhttp@b/ok", "'bind' : Cannot mix reverse HTTP bind with others."),
        ("rhttp@b/ok nbconn 0", "'bind rhttp@b/ok' : 'nbconn' : invalid value 0, must be > 0."),
        ("rhttp@b/ok nbconn", "'bind rhttp@b/ok' : 'nbconn' : missing value."),
        ("rhttp@b/ok nbconn x", "'bind rhttp@b/ok' : 'nbconn' : invalid value x, must be > 0."),
        (":9 idle-ping 2s", "'idle-ping' is a keyword of HAProxy that this version of Portico does not support"),
        (":9 nbconn 2", "'bind :9' : 'nbconn' : only valid for reverse HTTP listeners."),
    ])
    func lines(line: String, message: String) {
        let alerts = Self.bind(line)
        #expect(alerts.contains { $0.contains(message) }, "\(alerts)")
    }

    private static func rule(_ rule: String, mode: String = "http") -> [String] {
        load(global + defaults + "frontend f\nmode \(mode)\nbind :9\ntcp-request session \(rule)\n" + servers).alerts
    }

    @Test(arguments: [
        ("attach-srv", "Proxy 'f': attach-srv rule: invalid server name ''."),
        ("attach-srv b", "Proxy 'f': attach-srv rule: invalid server name 'b'."),
        ("attach-srv b/", "Proxy 'f': attach-srv rule: invalid server name 'b/'."),
        ("attach-srv x/r", "Proxy 'f': attach-srv rule: no such backend 'x/r'."),
        ("attach-srv b/x", "Proxy 'f': attach-srv rule: no such server 'b/x'."),
        ("attach-srv b/s", "attach-srv rule: server 'b/s' has no 'rhttp@' address."),
        ("attach-srv b/r name", "missing name value"),
        (
            "attach-srv b/r name src",
            "attach-srv rule has a name argument while server 'b/r' does not use pool-conn-name; either reconfigure the"
                + " server or remove the name argument from this attach-srv rule."
        ),
        (
            "attach-srv b/n",
            "attach-srv rule has no name argument while server 'b/n' uses pool-conn-name; either add a name argument to"
                + " the attach-srv rule or reconfigure the server."
        ),
        ("attach-srv b/named", "attach-srv rule has no name argument while server 'b/named' uses pool-conn-name"),
        ("attach-srv b/n name nosuch", "unknown fetch method 'nosuch'"),
        ("attach-srv b/r foo", "foo"),
    ])
    func rules(rule: String, message: String) {
        let alerts = Self.rule(rule)
        #expect(alerts.count == 1 && alerts[0].contains(message), "\(alerts)")
    }

    @Test(arguments: [
        "attach-srv b/r", "attach-srv b/r if TRUE", "attach-srv b/n name src", "attach-srv b/n name src if TRUE",
        "attach-srv b/named name ssl_c_s_dn(CN)", "attach-srv b/plain",
    ])
    func acceptedRules(rule: String) {
        #expect(Self.rule(rule) == [])
    }

    @Test func modes() {
        #expect(
            Self.rule("attach-srv b/r", mode: "tcp").contains {
                $0.contains("attach-srv rule requires HTTP proxy mode")
            })
        let alerts = load(Self.global + Self.defaults + "backend b\nmode tcp\nserver s rhttp@\n").alerts
        #expect(
            alerts.contains {
                $0.contains("server s uses reverse HTTP addressing which can only be used with HTTP mode.")
            }, "\(alerts)")
    }

    @Test(arguments: [
        (
            "backend b\nserver s rhttp@",
            "'server b/s' : Address 'rhttp@' is experimental, must be allowed via a global"
                + " 'expose-experimental-directives'"
        ),
        (
            "frontend f\nbind rhttp@b/s",
            "'bind' : Address 'rhttp@b/s' is experimental, must be allowed via a global"
                + " 'expose-experimental-directives'"
        ),
        (
            "frontend f\nbind :9\ntcp-request session attach-srv b/r",
            "'attach-srv' action is experimental, must be allowed via a global 'expose-experimental-directives'"
        ),
    ])
    func experiments(text: String, message: String) {
        let alerts = load(Self.defaults + text + "\n").alerts
        #expect(alerts.contains { $0.contains(message) }, "\(alerts)")
    }

    @Test(arguments: ["send-proxy", "socks4 127.0.0.1:1", "source 127.0.0.1", "ws h1", "proto h1"])
    func serverOptions(option: String) {
        let alerts = load(Self.global + Self.defaults + "backend b\nserver s rhttp@ \(option)\n").alerts
        let name = option.prefix { $0 != " " }
        #expect(
            alerts.contains { $0.contains("'\(name)' is not possible for a server with an 'rhttp@' address") },
            "\(alerts)")
    }

    @Test(arguments: ["log rhttp@b/s local0", "log tcp@127.0.0.1:1 local0\nlog rhttp@ local0"])
    func elsewhere(line: String) {
        let alerts = load(Self.global + "\(line)\n").alerts
        #expect(alerts.contains { $0.contains("reverse HTTP is not possible here") }, "\(alerts)")
    }
}
