import Words

/// Reads options one by one. Each has its own dash: `-qc` is not `-q -c`.
struct CommandLineReader {
    private var rest: ArraySlice<String>
    private var options = CommandLineOptions()

    init(_ arguments: [String]) {
        rest = arguments[...]
    }

    /// Reads all words, or up to `-v`.
    mutating func read() throws(CommandLineError) -> CommandLineOptions {
        while options.version == nil, let word = rest.popFirst() {
            let following = rest
            if word == "--" {
                options.paths += rest
                rest = []
            } else if word.hasPrefix("-"), word.utf8.count > 1 {
                try option(word)
            } else {
                throw CommandLineError(message: "unexpected argument '\(word)'")
            }
            if !["-sf", "-st", "-x"].contains(word) {
                options.lasting += [word] + following.prefix(following.count - rest.count)
            }
        }
        if options.version == nil, options.condition == nil, options.keywordClasses.isEmpty, options.paths.isEmpty {
            throw CommandLineError(message: nil)
        }
        return options
    }

    private mutating func option(_ word: String) throws(CommandLineError) {
        switch word {
        case "-v": options.version = .short
        case "-vv": options.version = .full
        case "-vq": options.version = .plain
        case "-vqs": options.version = .plainShort
        case "-vqb": options.version = .branch
        case "-c": options.checksOnly = true
        case "-cc": options.condition = try value(of: word)
        case "-f": options.paths.append(try value(of: word))
        case "-C": options.directory = try value(of: word)
        case "-D": options.daemon = true
        case "-W": options.masterWorker = true
        case "-Ws":
            options.masterWorker = true
            options.notifiesSystemd = true
            options.foreground = true
        case "-q": options.quiet = true
        case "-V": options.verbose = true
        case "-n": options.maxconn = try number(of: word)
        case "-N": options.frontendMaxconn = try number(of: word)
        case "-m": options.memoryLimit = try number(of: word)
        case "-L": options.localPeer = try value(of: word)
        case "-p": options.pidfile = try value(of: word)
        case "-sf", "-st": try oldProcesses(word)
        case "-x": options.socketSource = try value(of: word)
        case "-S": options.masterSockets.append(try value(of: word))
        case "-4", "-dR":
            throw CommandLineError(message: "option '\(word)' is not supported by this version of Portico")
        default:
            guard word.hasPrefix("-d") else { throw CommandLineError(message: "unknown option '\(word)'") }
            try debugOption(word)
        }
    }

    /// `-d` and the family of options that start so.
    private mutating func debugOption(_ word: String) throws(CommandLineError) {
        switch word {
        case "-d": options.debug = true
        case "-db": options.foreground = true
        case "-dD": options.diagnostic = true
        case "-dW": options.zeroWarning = true
        case "-dV": options.skipsServerVerification = true
        case "-dr": options.ignoresUnresolvedNames = true
        case "-de": options.notices.append("-de has no effect: epoll is the only poller of this build")
        case "-dp", "-dk", "-dv", "-dS", "-dG", "-dF", "-dI", "-dZ", "-dT":
            options.notices.append("\(word) has no effect: this build does not use what it turns off")
        case _ where word.hasPrefix("-dM"):
            try memoryOption(word)
        case _ where word.hasPrefix("-dK"):
            try keywordOption(word)
        default:
            let family = ["-dC", "-dL", "-dA", "-dc", "-dt"]
            guard family.contains(where: word.hasPrefix) else {
                throw CommandLineError(message: "unknown option '\(word)'")
            }
            throw CommandLineError(message: "option '\(word)' is not supported by this version of Portico")
        }
    }

    /// `-dK` with names of classes between commas; `help` without one.
    private mutating func keywordOption(_ word: String) throws(CommandLineError) {
        let names = word.dropFirst(3).split(separator: ",")
        if names.isEmpty { options.keywordClasses.append(.help) }
        for name in names {
            guard let known = KeywordClass(rawValue: String(name)) else {
                throw CommandLineError(
                    message: "-dK: unknown or unsupported keyword class '\(name)' (use 'help' for the list)")
            }
            options.keywordClasses.append(known)
        }
    }

    /// `-dM`, `-dM<byte>`, or `-dM` with the names of allocator settings that HAProxy has.
    private mutating func memoryOption(_ word: String) throws(CommandLineError) {
        let names: Set = [
            "fail", "no-fail", "no-merge", "merge", "cold-first", "hot-first", "integrity", "no-integrity", "no-global",
            "global", "no-cache", "cache", "caller", "no-caller", "tag", "no-tag", "poison", "no-poison", "uaf",
            "no-uaf", "backup", "no-backup",
        ]
        let arguments = word.dropFirst(3)
        if arguments.isEmpty { options.memoryPoison = 0x50 }
        for argument in arguments.split(separator: ",") {
            if let byte = Self.byte(argument) {
                options.memoryPoison = byte
            } else if argument == "poison" {
                options.memoryPoison = 0x50
            } else if names.contains(String(argument)) {
                options.notices.append("-dM\(argument) has no effect: this build has no such allocator")
            } else {
                throw CommandLineError(message: "-dM: unknown memory debugging option '\(argument)'")
            }
        }
    }

    /// A number from 0 to 255, decimal or hexadecimal behind `0x`.
    private static func byte(_ text: Substring) -> UInt8? {
        text.hasPrefix("0x") ? UInt8(text.dropFirst(2), radix: 16) : UInt8(text)
    }

    /// Process numbers up to the next option.
    private mutating func oldProcesses(_ word: String) throws(CommandLineError) {
        options.oldProcessSignal = word == "-sf" ? .finish : .terminate
        while let next = rest.first, !next.hasPrefix("-") {
            rest = rest.dropFirst()
            // HAProxy is often given the output of a command, spaces and all.
            for text in next.split(whereSeparator: \.isWhitespace) {
                guard let pid = Int32(text), pid > 0 else {
                    throw CommandLineError(message: "'\(word)' expects process numbers, got '\(text)'")
                }
                options.oldProcesses.append(pid)
            }
        }
    }

    private mutating func value(of word: String) throws(CommandLineError) -> String {
        guard let value = rest.popFirst() else { throw CommandLineError(message: "option '\(word)' needs an argument") }
        return value
    }

    private mutating func number(of word: String) throws(CommandLineError) -> Int {
        let text = try value(of: word)
        guard let number = Scalars.integer(text), number >= 0 else {
            throw CommandLineError(message: "option '\(word)' needs a number, got '\(text)'")
        }
        return number
    }
}
