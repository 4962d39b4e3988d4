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
        "51degrees-use-performance-graph", "51degrees-use-predictive-graph", "acme.scheduler",
        "deviceatlas-cache-size", "deviceatlas-json-file", "deviceatlas-log-level", "deviceatlas-properties-cookie",
        "deviceatlas-property-separator", "deviceatlas-separator", "h1-do-not-close-on-insecure-transfer-encoding",
        "issuers-chain-path", "jwt.decrypt_alg_list", "jwt.decrypt_enc_list", "key-base", "lua-load",
        "lua-load-per-thread", "lua-prepend-path", "maxcompcpuusage", "maxcomprate", "maxzlibmem",
        "ocsp-update.disable", "ocsp-update.httpproxy", "ocsp-update.maxdelay",
        "ocsp-update.mindelay", "ocsp-update.mode", "shm-stats-file", "shm-stats-file-max-objects",
        "ssl-default-bind-client-sigalgs", "ssl-default-server-client-sigalgs", "ssl-dh-param-file", "ssl-engine",
        "ssl-load-extra-del-ext", "ssl-load-extra-files", "ssl-mode-async", "ssl-passphrase-cmd", "ssl-propquery",
        "ssl-provider", "ssl-provider-path", "ssl-security-level", "ssl-skip-self-issued-ca", "tune.comp.maxlevel",
        "tune.defaults.purge", "tune.lua.bool-sample-conversion", "tune.lua.burst-timeout", "tune.lua.forced-yield",
        "tune.lua.log.loggers", "tune.lua.log.stderr", "tune.lua.maxmem", "tune.lua.openlibs",
        "tune.lua.service-timeout", "tune.lua.session-timeout", "tune.lua.task-timeout", "tune.quic.cc-hystart",
        "tune.quic.cc.cubic.min-losses", "tune.quic.frontend.default-max-window-size",
        "tune.quic.frontend.max-tx-mem", "tune.quic.max-frame-loss", "tune.quic.reorder-ratio",
        "tune.quic.socket-owner", "tune.renice.runtime",
        "tune.renice.startup", "tune.ssl.certificate-compression", "tune.ssl.hard-maxrecord", "tune.ssl.keylog",
        "tune.ssl.maxrecord",
        "tune.ssl.ocsp-update.maxdelay", "tune.ssl.ocsp-update.mindelay", "tune.zlib.memlevel",
        "tune.zlib.windowsize", "wurfl-cache-size", "wurfl-data-file", "wurfl-engine-mode", "wurfl-information-list",
        "wurfl-information-list-separator", "wurfl-patch-file", "wurfl-useragent-priority",
    ]

    /// In `defaults`, `frontend`, `backend` and `listen`.
    static let proxy = [
        "acl", "compression", "email-alert", "filter", "filter-sequence", "http-after-response", "http-request",
        "http-response",
        "quic-initial", "ssl-f-use", "stick", "stick-table", "tcp-request", "tcp-response", "use-fcgi-app",
    ]

    /// On `bind` lines.
    static let bind = [
        "ca-sign-file", "ca-sign-pass", "client-sigalgs", "ech", "generate-certificates",
        "ktls", "namespace", "tcp-md5sig", "tls-ticket-keys",
    ]

    /// On `server` lines.
    static let server = [
        "client-sigalgs", "ktls", "log-proto", "namespace",
        "strict-maxconn", "tcp-md5sig",
    ]
}
