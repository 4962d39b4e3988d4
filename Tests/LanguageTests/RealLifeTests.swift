import Configuration
import Language
import Testing

/// Whole files as people have them.
@Suite struct RealLifeTests {
    private let directory = TemporaryDirectory()

    @Test func anEdgeOfAShop() throws {
        for status in [400, 403, 408, 500, 502, 503, 504] {
            directory.write("\(status).http", "HTTP/1.0 \(status) x\r\nConnection: close\r\n\r\n<html></html>\n")
        }
        let path = directory.write(
            "haproxy.cfg",
            #"""
            # /etc/haproxy/haproxy.cfg
            global
            	log /dev/log	local0
            	log /dev/log	local1 notice
            	chroot /var/lib/haproxy
            	user haproxy
            	group haproxy
            	daemon
            	maxconn 20000
            	nbthread 4
            	cpu-map auto:1/1-4 0-3
            	hard-stop-after 30s

            	# Default SSL material locations
            	ca-base /etc/ssl/certs
            	crt-base /etc/ssl/private

            	# See: https://ssl-config.mozilla.org/
            	ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256
            	ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256
            	ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
            	tune.bufsize 32768
            	tune.h2.fe.max-concurrent-streams 200

            defaults
            	log	global
            	mode	http
            	option	httplog
            	option	dontlognull
            	option	forwardfor except 127.0.0.0/8
            	timeout connect 5000
            	timeout client  50000
            	timeout server  50000
            	timeout http-request 10s
            	timeout http-keep-alive 2s
            	timeout queue 30s
            	timeout tunnel 1h
            	errorfile 400 "${ERRORS}/400.http"
            	errorfile 403 "${ERRORS}/403.http"
            	errorfile 408 "${ERRORS}/408.http"
            	errorfile 500 "${ERRORS}/500.http"
            	errorfile 502 "${ERRORS}/502.http"
            	errorfile 503 "${ERRORS}/503.http"
            	errorfile 504 "${ERRORS}/504.http"

            frontend www
            	bind :80 name clear
            	bind :443 ssl crt site.pem crt /etc/ssl/sites alpn h2,http/1.1 name tls
            	bind [::]:443 v6only ssl crt site.pem crt /etc/ssl/sites alpn h2,http/1.1
            .if feature(QUIC) && !defined(NO_QUIC)
            	bind quic4@:443 ssl crt site.pem crt /etc/ssl/sites alpn h3 quic-force-retry
            .endif
            	maxconn 15000
            	default_backend app

            backend app
            	balance leastconn
            	http-reuse safe
            	option redispatch
            	retries 2
            	default-server maxconn 100 weight 10
            	server app1 10.0.0.11:8080
            	server app2 10.0.0.12:8080 weight 20
            	server tls1 10.0.0.13:8443 ssl verify required ca-file internal-ca.pem sni str(app.internal)
            	server spare 10.0.0.14:8080 backup

            listen mysql
            	mode tcp
            	option tcplog
            	bind 10.0.0.1:3306
            	balance source
            	timeout client 1h
            	timeout server 1h
            	server db1 10.0.1.1:3306
            	server db2 10.0.1.2:3306 backup

            """#)
        let result = ConfigurationLoader(environment: ["ERRORS": directory.path]).load(paths: [path])
        #expect(result.alerts == [])
        #expect(
            result.warnings == ["67:8 'option forwardfor' ignored for proxy 'mysql' as it requires HTTP mode."])
        let configuration = try #require(result.configuration)
        #expect(configuration.global.logs.map(\.facility) == [.local0, .local1])
        #expect(configuration.global.logs.map(\.level) == [.debug, .notice])
        #expect(configuration.global.cpuMap.count == 4)
        #expect(configuration.frontends.map(\.name) == ["www", "mysql"])
        #expect(configuration.backends.map(\.name) == ["app", "mysql"])
        let www = configuration.frontends[0]
        #expect(www.binds.map(\.transport) == [.stream, .stream, .stream, .quic])
        #expect(www.binds.map { $0.tls?.alpn } == [nil, ["h2", "http/1.1"], ["h2", "http/1.1"], ["h3"]])
        #expect(www.binds[1].tls?.certificates.map(\.path) == ["/etc/ssl/private/site.pem", "/etc/ssl/sites"])
        #expect(www.binds[1].tls?.parameters.usesTickets == false)
        #expect(www.errorFiles.map(\.status) == [400, 403, 408, 500, 502, 503, 504])
        #expect(www.defaultBackend == 0)
        let app = configuration.backends[0]
        #expect(app.servers.map(\.weight) == [10, 20, 10, 10])
        #expect(app.servers[2].tls?.trust == .path("/etc/ssl/certs/internal-ca.pem"))
        #expect(app.redispatchInterval == -1)
        #expect(app.timeouts.queue == 30_000)
        #expect(configuration.frontends[1].timeouts.client == 3_600_000)
        let withoutQUIC = ConfigurationLoader(environment: ["ERRORS": directory.path, "NO_QUIC": ""]).load(paths: [path]
        )
        #expect(withoutQUIC.configuration?.frontends[0].binds.count == 3)
    }

    /// Ten thousand of each stay far below the limit; a look-up in a list for each of them would not.
    @Test(.timeLimit(.minutes(1))) func tenThousandSections() throws {
        var text = "defaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n"
        for index in 0..<10_000 {
            let (high, low) = (index / 250, index % 250)
            text += """
                frontend front\(index)
                    bind 10.1.\(high).\(low):443 ssl crt site\(index).pem
                    default_backend back\(index)
                backend back\(index)
                    server one 10.2.\(high).\(low):80 maxconn 10
                    server two 10.3.\(high).\(low):80 backup

                """
        }
        let result = load(text)
        #expect(result.diagnostics == [])
        let configuration = try #require(result.configuration)
        #expect(configuration.frontends.count == 10_000)
        #expect(configuration.backends.count == 10_000)
        #expect(configuration.frontends[9_999].defaultBackend == 9_999)
        #expect(configuration.backends[9_999].servers.count == 2)
    }

    @Test func hintsAreTakenAndChangeNothing() throws {
        let result = load(
            """
            global
                thread-groups 2
                max-threads-per-group 16
            listen l
                mode http
                bind :80
                timeout client 1s
                timeout connect 1s
                timeout server 1s
                option splice-auto
                no option splice-response
                option http-no-delay
                option tcp-smart-accept
                option tcp-smart-connect
                server a 127.0.0.1:81
            """)
        #expect(result.diagnostics == [])
    }
}
