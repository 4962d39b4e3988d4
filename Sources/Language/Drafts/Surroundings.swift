package import Configuration
import Words

/// What the `global` section and the machine have to say to the sections that follow.
struct Surroundings: Sendable {
    /// `crt-base`; empty: none.
    var certificateBase = ""
    /// `ca-base`; empty: none.
    var authorityBase = ""
    /// `ssl-default-bind-*`.
    var bindTLS = TLSDraft()
    /// `ssl-default-server-*`.
    var serverTLS = TLSDraft()
    /// `unix-bind prefix`.
    var unixPrefix = ""
    /// `unix-bind` settings of sockets.
    var unixPermissions = SocketPermissions()
    /// `tune.bufsize`, for what has to fit a buffer.
    var bufsize = 16384
    /// What servers may start from.
    let origins = ServerOrigins()
    /// Files and names.
    var system: DirectedSystem

    init(system: any LanguageSystem) { self.system = DirectedSystem(system) }

    /// Where certificates and authorities are that are named by relative paths: `crt-base` and `ca-base`, and what
    /// `default-path` says of these.
    var certificateRoot: String { system.base(certificateBase) }
    var authorityRoot: String { system.base(authorityBase) }
}

/// What reading a configuration needs of the machine.
package protocol LanguageSystem: Sendable {
    /// The bytes of a file. Throws what the system says: "No such file or directory".
    func read(_ path: String) throws(SystemError) -> [UInt8]
    /// The names of a directory's entries, without a path and in any order; nil: `path` is no directory.
    func entries(of path: String) throws(SystemError) -> [String]?
    /// Whether `path` is a regular file, or leads to one.
    func isRegularFile(_ path: String) -> Bool
    /// An address of a host name; nil: it has none of that family.
    func address(of name: String, family: AddressFamily?) -> IPAddress?
}

/// Why the system did not do what it was asked.
package struct SystemError: Error, Sendable, Equatable {
    /// The system's words.
    package var reason: String

    package init(reason: String) {
        self.reason = reason
    }
}
