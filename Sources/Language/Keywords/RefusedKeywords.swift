/// Keywords of HAProxy 3.4 that Portico does not act on. They are refused by name, so that nobody takes them for
/// typing errors, and so that none is passed over in silence.
enum RefusedKeywords {
    /// Keywords that open a section.
    static let sections = [
        "acme", "crt-store", "namespace_list", "program",
    ]

    /// Keywords that open a section which only others refer to: declared and not used it changes nothing, and whatever
    /// would use it is refused by itself.
    static let unusedSections = ["cache", "fcgi-app", "mailers", "peers", "traces"]

    /// Actions of rules.
    static let actions = [
        "cache-store", "cache-use", "sc-add-gpc", "sc-inc-gpc", "sc-inc-gpc0",
        "sc-inc-gpc1", "sc-set-gpt", "sc-set-gpt0", "send-spoe-group", "set-bandwidth-limit", "track-sc0", "track-sc1",
        "track-sc2",
    ]

    /// In `global`.
    static let global = [
        "51degrees-allow-unmatched", "51degrees-cache-size", "51degrees-data-file", "51degrees-difference",
        "51degrees-drift", "51degrees-property-name-list", "51degrees-property-separator",
        "51degrees-use-performance-graph", "51degrees-use-predictive-graph", "acme.scheduler", "anonkey",
        "busy-polling", "close-spread-time", "cpu-affinity", "cpu-policy", "cpu-set", "debug.counters", "default-path",
        "description", "deviceatlas-cache-size", "deviceatlas-json-file", "deviceatlas-log-level",
        "deviceatlas-properties-cookie", "deviceatlas-property-separator", "deviceatlas-separator",
        "force-cfg-parser-pause",
        "h1-accept-payload-with-any-method", "h1-case-adjust", "h1-case-adjust-file",
        "h1-do-not-close-on-insecure-transfer-encoding", "h2-workaround-bogus-websocket-clients",
        "harden.reject-privileged-ports.quic", "harden.reject-privileged-ports.tcp", "http-err-codes",
        "http-fail-codes", "httpclient.resolvers.disabled", "httpclient.resolvers.id", "httpclient.resolvers.prefer",
        "httpclient.retries", "httpclient.ssl.ca-file", "httpclient.ssl.verify", "httpclient.timeout.connect",
        "insecure-setuid-wanted", "issuers-chain-path", "jwt.decrypt_alg_list",
        "jwt.decrypt_enc_list", "key-base", "localpeer", "lua-load", "lua-load-per-thread", "lua-prepend-path",
        "maxcompcpuusage", "maxcomprate", "maxconnrate", "maxpipes",
        "maxsessrate", "maxsslconn", "maxsslrate", "maxzlibmem", "nbproc", "no-memory-trimming",
        "node", "noepoll", "noevports", "nogetaddrinfo", "nokqueue", "noktls", "nopoll", "noreuseport", "nosplice",
        "numa-cpu-mapping", "ocsp-update.disable", "ocsp-update.httpproxy", "ocsp-update.maxdelay",
        "ocsp-update.mindelay", "ocsp-update.mode", "pp2-never-send-local", "prealloc-fd", "profiling.memory",
        "quick-exit", "set-dumpable", "setcap",
        "shm-stats-file", "shm-stats-file-max-objects",
        "ssl-default-bind-client-sigalgs", "ssl-default-server-client-sigalgs", "ssl-dh-param-file", "ssl-engine",
        "ssl-load-extra-del-ext", "ssl-load-extra-files", "ssl-mode-async", "ssl-passphrase-cmd", "ssl-propquery",
        "ssl-provider", "ssl-provider-path", "ssl-security-level", "ssl-skip-self-issued-ca",
        "stress-level", "thread-group", "thread-hard-limit", "tune.applet.zero-copy-forwarding",
        "tune.buffers.limit", "tune.buffers.reserve", "tune.bufsize.large", "tune.bufsize.small", "tune.chksize",
        "tune.comp.maxlevel", "tune.defaults.purge", "tune.disable-fast-forward",
        "tune.disable-zero-copy-forwarding", "tune.epoll.mask-events", "tune.events.max-events-at-once",
        "tune.fail-alloc", "tune.fd.edge-triggered", "tune.glitches.kill.cpu-usage", "tune.h1.be.glitches-threshold",
        "tune.h1.fe.glitches-threshold", "tune.h1.zero-copy-fwd-recv", "tune.h1.zero-copy-fwd-send",
        "tune.h2.be.max-frames-at-once", "tune.h2.fe.max-frames-at-once",
        "tune.h2.fe.max-rst-at-once", "tune.h2.log-errors", "tune.h2.zero-copy-fwd-send", "tune.http.cookielen",
        "tune.idletimer", "tune.listener.default-shards", "tune.listener.multi-queue",
        "tune.lua.bool-sample-conversion", "tune.lua.burst-timeout", "tune.lua.forced-yield", "tune.lua.log.loggers",
        "tune.lua.log.stderr", "tune.lua.maxmem", "tune.lua.openlibs", "tune.lua.service-timeout",
        "tune.lua.session-timeout", "tune.lua.task-timeout", "tune.max-rules-at-once",
        "tune.memory.hot-size", "tune.notsent-lowat.client", "tune.notsent-lowat.server", "tune.pattern.cache-size",
        "tune.peers.max-updates-at-once", "tune.pipesize", "tune.pool-high-fd-ratio", "tune.pool-low-fd-ratio",
        "tune.pt.zero-copy-forwarding",
        "tune.quic.cc-hystart", "tune.quic.cc.cubic.min-losses",
        "tune.quic.frontend.default-max-window-size",
        "tune.quic.frontend.max-tx-mem", "tune.quic.max-frame-loss", "tune.quic.reorder-ratio",
        "tune.quic.socket-owner", "tune.rcvbuf.backend", "tune.recv_enough",
        "tune.renice.runtime", "tune.renice.startup", "tune.ring.queues", "tune.runqueue-depth",
        "tune.sched.low-latency", "tune.sndbuf.backend", "tune.ssl.cachesize", "tune.ssl.capture-buffer-size",
        "tune.ssl.capture-cipherlist-size", "tune.ssl.certificate-compression",
        "tune.ssl.force-private-cache", "tune.ssl.hard-maxrecord", "tune.ssl.keylog", "tune.ssl.maxrecord",
        "tune.ssl.ocsp-update.maxdelay", "tune.ssl.ocsp-update.mindelay", "tune.ssl.ssl-ctx-cache-size",
        "tune.stick-counters", "tune.streams-elasticity", "tune.takeover-other-tg-connections",
        "tune.zlib.memlevel", "tune.zlib.windowsize",
        "warn-blocked-traffic-after", "wurfl-cache-size", "wurfl-data-file", "wurfl-engine-mode",
        "wurfl-information-list", "wurfl-information-list-separator", "wurfl-patch-file", "wurfl-useragent-priority",
    ]

    /// In `defaults`, `frontend`, `backend` and `listen`.
    static let proxy = [
        "acl", "block", "clitcpka-cnt", "clitcpka-idle", "clitcpka-intvl", "clitimeout", "compression",
        "contimeout", "crt", "description", "dispatch",
        "email-alert",
        "filter", "filter-sequence",
        "http-after-response", "http-request",
        "http-response", "id",
        "max-keep-alive-queue", "max-session-srv-conns",
        "option checkcache", "option clitcpka",
        "option contstats", "option disable-h2-upgrade",
        "option h1-case-adjust-bogus-client", "option h1-case-adjust-bogus-server",
        "option http-drop-request-trailers", "option http-drop-response-trailers",
        "option http-pretend-keepalive",
        "option idle-close-on-response", "option independent-streams",
        "option nolinger",
        "option srvtcpka", "option tcpka",
        "option transparent", "option use-small-buffers",
        "quic-initial", "rate-limit",
        "srvtcpka-cnt", "srvtcpka-idle", "srvtcpka-intvl", "srvtimeout", "ssl-f-use", "stick", "stick-table",
        "switch-mode", "tcp-request", "tcp-response", "timeout client-hs",
        "transparent", "use-fcgi-app",
    ]

    /// On `bind` lines.
    static let bind = [
        "ca-file", "ca-ignore-err", "ca-sign-file", "ca-sign-pass",
        "ca-verify-file", "cc", "client-sigalgs", "crl-file", "crt-ignore-err", "crt-list", "defer-accept", "ecdhe",
        "ech", "expose-fd",
        "generate-certificates", "id", "interface", "ktls", "label", "level", "mss",
        "namespace", "nice", "no-ca-names", "npn", "quic-socket", "severity-output", "shards",
        "tcp-md5sig", "tcp-ss", "tcp-ut", "thread", "tls-ticket-keys", "transparent", "verify",
    ]

    /// On `server` lines.
    static let server = [
        "cc",
        "check-pool-conn-name", "check-reuse-pool",
        "client-sigalgs",
        "ktls", "log-bufsize", "log-proto", "namespace",
        "no-renegotiate", "no-send-proxy-v2-ssl-cn",
        "no-tfo", "non-stick", "npn",
        "quic-cc-algo", "redir", "renegotiate",
        "send-proxy-v2-ssl-cn",
        "shard", "stick", "strict-maxconn", "tcp-md5sig",
        "tcp-ut", "tfo", "usesrc",
    ]
}
