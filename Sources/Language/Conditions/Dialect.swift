import Words

/// What this build can do, in HAProxy's words: the answers of `feature()`, `enabled()` and the library predicates.
package struct Dialect: Sendable {
    /// HAProxy's build options that Portico has the like of.
    package var features: Set<String>
    /// What is on at run time, in the words of `enabled()`.
    package var enabled: Set<String>
    /// The TLS library's name; `ssllib_name_startswith()` compares with it.
    package var tlsLibrary: String
    /// The TLS library's version, `3.0.17`; nil: not known, and predicates about it are errors.
    package var tlsVersion: String?

    package init(
        features: Set<String> = Dialect.builtFeatures, enabled: Set<String> = Dialect.builtEnabled,
        tlsLibrary: String = "OpenSSL", tlsVersion: String? = nil
    ) {
        self.features = features
        self.enabled = enabled
        self.tlsLibrary = tlsLibrary
        self.tlsVersion = tlsVersion
    }

    /// All build options that HAProxy 3.4 lists, in its order.
    package static let knownFeatures = [
        "51DEGREES", "ACCEPT4", "BACKTRACE", "CLOSEFROM", "CPU_AFFINITY", "CRYPT_H", "DEVICEATLAS", "DL", "ECH",
        "ENGINE", "EPOLL", "EVPORTS", "GETADDRINFO", "KQUEUE", "KTLS", "LIBATOMIC", "LIBCRYPT", "LINUX_CAP",
        "LINUX_SPLICE", "LINUX_TPROXY", "LUA", "MATH", "MEMORY_PROFILING", "NETFILTER", "NS", "OBSOLETE_LINKER",
        "OPENSSL", "OPENSSL_AWSLC", "OPENSSL_WOLFSSL", "OT", "PCRE", "PCRE2", "PCRE2_JIT", "PCRE_JIT", "POLL",
        "PRCTL", "PROCCTL", "PROMEX", "PTHREAD_EMULATION", "QUIC", "QUIC_OPENSSL_COMPAT", "RT", "SHM_OPEN", "SLZ",
        "SSL", "STATIC_PCRE", "STATIC_PCRE2", "TFO", "THREAD", "THREAD_DUMP", "TPROXY", "TRACE", "WURFL", "ZLIB",
    ]

    /// Those of `knownFeatures` that Portico has.
    package static let builtFeatures: Set<String> = [
        "ACCEPT4", "CPU_AFFINITY", "EPOLL", "GETADDRINFO", "OPENSSL", "PCRE2", "PCRE2_JIT", "PROMEX", "QUIC", "SSL",
        "TFO", "THREAD",
    ]

    /// What is on unless the command line turns it off.
    package static let builtEnabled: Set<String> = ["EPOLL", "GETADDRINFO", "REUSEPORT"]

    /// The feature list as `-vv` prints it: each name behind a plus when Portico has it, else behind a minus.
    package var featureList: String {
        Self.knownFeatures.map { (features.contains($0) ? "+" : "-") + $0 }.joined(separator: " ")
    }
}
