/// A `resolvers` section: name servers, and how they are asked (configuration.txt, section 5.3).
public struct ResolverSettings: Sendable, Equatable {
    public var name: String
    public var nameServers: [NameServerSettings] = []
    /// How long what was known before stays in force, by what the name servers say instead.
    public var hold = Hold()
    /// Rounds of questions before a name counts as not resolved (`resolve_retries`).
    public var retries = 3
    /// Milliseconds between two resolutions of a name (`timeout resolve`).
    public var resolveInterval = 1000
    /// Milliseconds that an answer may take before the question is asked again (`timeout retry`).
    public var retryInterval = 1000
    /// Bytes of an answer over UDP that name servers are told to keep to (`accepted_payload_size`).
    public var acceptedPayloadSize = 512
    public var location: SourceLocation

    /// The times of `hold`, in milliseconds.
    public struct Hold: Sendable, Equatable {
        /// The name does not exist.
        public var nx = 30_000
        /// The server failed, or its answer is of no use.
        public var other = 30_000
        public var refused = 30_000
        public var timeout = 30_000
        /// A good answer, for those that ask later.
        public var valid = 10_000
        /// A record that good answers do not have any more.
        public var obsolete = 0

        public init() {}
    }

    public init(name: String, location: SourceLocation) {
        self.name = name
        self.location = location
    }
}

/// One `nameserver` line, or one of `/etc/resolv.conf`.
public struct NameServerSettings: Sendable, Equatable {
    public var name: String
    public var address: IPAddress
    public var port: UInt16
    /// Whether it is asked over TCP only (`tcp@`).
    public var usesTCP: Bool
    public var location: SourceLocation

    public init(name: String, address: IPAddress, port: UInt16, usesTCP: Bool, location: SourceLocation) {
        self.name = name
        self.address = address
        self.port = port
        self.usesTCP = usesTCP
        self.location = location
    }
}

/// How a server's name is resolved, at start and while the process runs.
public struct ServerResolutionSettings: Sendable, Equatable {
    /// The `resolvers` section that follows the name; nil: it is looked up once, at start.
    public var resolvers: String?
    /// The family that is asked for first and preferred (`resolve-prefer`).
    public var preferredFamily = AddressFamily.ipv6
    /// Whether servers of a backend may share an address (`resolve-opts allow-dup-ip`).
    public var allowsDuplicates = false
    /// Whether weights of SRV records are passed over (`resolve-opts ignore-weight`).
    public var ignoresWeight = false
    /// Networks whose addresses are preferred (`resolve-net`).
    public var preferredNetworks: [IPNetwork] = []
    /// What gives the address at start, in this order (`init-addr`); empty: as ``startOrder`` says.
    public var initial: [InitialAddress] = []

    public init() {}

    /// What gives the address at start.
    public var startOrder: [InitialAddress] {
        if !initial.isEmpty { return initial }
        return resolvers == nil ? [.last, .libc] : [.last, .libc, .none]
    }

    /// Most networks of `resolve-net`.
    public static let maxNetworks = 5
}

/// One way to a server's first address (`init-addr`).
public enum InitialAddress: Sendable, Hashable {
    /// The one in the server-state file.
    case last
    /// What the C library finds.
    case libc
    /// None: the server starts in maintenance until its name resolves.
    case none
    case fixed(IPAddress)
}

/// Which families of addresses are asked for and taken (`dns-accept-family`).
public enum AcceptedFamilies: Sendable, Hashable {
    case ipv4
    case ipv6
    case both
    /// IPv6 too while the machine has a way out with it.
    case automatic
}
