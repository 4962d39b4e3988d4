package import Configuration
import Words

/// What the command line asks for, in HAProxy's options (management.txt, section 3).
package struct CommandLineOptions: Sendable, Equatable {
    /// What `-v` and its like want to see.
    package enum VersionRequest: Sendable, Equatable {
        /// `-v`
        case short
        /// `-vv`: with features and libraries.
        case full
        /// `-vq`: the version alone.
        case plain
        /// `-vqs`: the version alone, without what follows its number.
        case plainShort
        /// `-vqb`: the branch alone.
        case branch
    }

    /// How old processes are told to go.
    package enum OldProcessSignal: Sendable, Equatable {
        /// `-sf`: finish, then go (SIGUSR1).
        case finish
        /// `-st`: go (SIGTERM).
        case terminate
    }

    /// Configuration files and directories in their order (`-f`, and what follows `--`).
    package var paths: [String] = []
    /// Show a version, and nothing else: reading stops at `-v`.
    package var version: VersionRequest?
    /// Only check the configuration (`-c`).
    package var checksOnly = false
    /// Only evaluate this condition (`-cc`).
    package var condition: String?
    /// The directory to change to before files are read (`-C`).
    package var directory: String?
    /// Go to the background (`-D`).
    package var daemon = false
    /// Stay in the foreground, whatever the configuration says (`-db`).
    package var foreground = false
    /// Run a master process (`-W`, `-Ws`).
    package var masterWorker = false
    /// Where the master process takes commands (`-S`): addresses with options between commas.
    package var masterSockets: [String] = []
    /// Tell systemd when it is ready (`-Ws`).
    package var notifiesSystemd = false
    /// Messages of each connection on the terminal (`-d`).
    package var debug = false
    /// No messages at start (`-q`).
    package var quiet = false
    /// Messages at start, and `Configuration file is valid` after a check (`-V`). It wins over `-q`.
    package var verbose = false
    /// Messages about suspicious statements (`-dD`).
    package var diagnostic = false
    /// Warnings stop the start (`-dW`).
    package var zeroWarning = false
    /// Servers' certificates are taken unseen by default (`-dV`).
    package var skipsServerVerification = false
    /// Names of servers that are not found do not stop the start (`-dr`).
    package var ignoresUnresolvedNames = false
    /// The byte that freed memory is filled with (`-dM`); nil: memory is left as it is.
    package var memoryPoison: UInt8?
    /// Most connections of the process (`-n`).
    package var maxconn: Int?
    /// Most connections of frontends that give no limit of their own (`-N`).
    package var frontendMaxconn: Int?
    /// Most memory of the process in megabytes (`-m`).
    package var memoryLimit: Int?
    /// The name of this peer (`-L`).
    package var localPeer: String?
    /// The file for process numbers (`-p`).
    package var pidfile: String?
    /// Processes that make room for this one (`-sf`, `-st`).
    package var oldProcesses: [Int32] = []
    /// The Unix socket of an older process whose listening sockets are taken over (`-x`).
    package var socketSource: String?
    /// How they are told.
    package var oldProcessSignal: OldProcessSignal?
    /// All arguments but those about old processes: what a master starts itself with again.
    package var lasting: [String] = []
    /// Lists of keywords to show (`-dK`).
    package var keywordClasses: [KeywordClass] = []
    /// Options that are accepted and change nothing, each with the reason.
    package var notices: [String] = []

    /// No option.
    package init() {}

    /// Reads the words behind the program's name.
    package init(arguments: [String]) throws(CommandLineError) {
        var reader = CommandLineReader(arguments)
        self = try reader.read()
    }

    /// Puts the options that have a keyword in the settings of the process, where they come before the file's.
    package func apply(to global: inout GlobalSettings) {
        if let maxconn { global.maxconn = maxconn }
        if let pidfile { global.pidfile = pidfile }
        if daemon { global.daemon = true }
        if foreground { global.daemon = false }
        if masterWorker { global.masterWorker = true }
        if quiet { global.quiet = true }
        if verbose { global.quiet = false }
        if zeroWarning { global.zeroWarning = true }
    }

    /// Puts the options that have a keyword in `configuration`, where they come before the file's.
    package func apply(to configuration: inout Configuration) {
        apply(to: &configuration.global)
        if ignoresUnresolvedNames {
            for backend in configuration.backends.indices {
                for server in configuration.backends[backend].servers.indices {
                    let order = configuration.backends[backend].servers[server].resolution.startOrder
                    configuration.backends[backend].servers[server].resolution.initial = order + [.none]
                }
            }
        }
        guard let frontendMaxconn else { return }
        for index in configuration.frontends.indices where configuration.frontends[index].maxconn == nil {
            configuration.frontends[index].maxconn = frontendMaxconn
        }
    }
}

/// Why a command line is not accepted.
package struct CommandLineError: Error, Sendable, Equatable {
    /// What is wrong; nil: the usage says it all.
    package var message: String?
}
