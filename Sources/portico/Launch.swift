import CLinux
import Control
import Glibc
import Runtime

/// How the program was started, which is what it needs to start itself anew.
struct Launch: Sendable {
    /// The program, as it was called.
    let program: String
    /// The environment before any configuration has changed it.
    let environment: [String: String]
    /// The directory before `-C` has changed it.
    let directory: String?
    /// What the master was before its program was replaced; nil: this is a first start.
    let processes: ProcessList?
    /// Listening sockets of the master CLI that were kept.
    let listeners: [Int32]
    /// The program was replaced, and what it was before cannot be read.
    let isBroken: Bool

    /// Takes it from the process, and what is for this program alone out of the environment.
    static func take() -> Launch {
        var environment = Self.environment()
        let isReload = environment.removeValue(forKey: ProcessList.reloadVariable) != nil
        let text = environment.removeValue(forKey: ProcessList.variable)
        let listeners = environment.removeValue(forKey: ProcessList.listenersVariable) ?? ""
        for name in [ProcessList.reloadVariable, ProcessList.variable, ProcessList.listenersVariable] {
            unsafe unsetenv(name)
        }
        let processes = isReload ? text.flatMap { ProcessList(text: $0) } : nil
        let directory = unsafe getcwd(nil, 0)
        defer { unsafe free(directory) }
        return Launch(
            program: CommandLine.arguments.first ?? "portico", environment: environment,
            directory: unsafe directory.map { unsafe String(cString: $0) }, processes: processes,
            listeners: isReload ? listeners.split(separator: ";").compactMap { Int32($0) } : [],
            isBroken: isReload && processes == nil)
    }

    private static func environment() -> [String: String] {
        var result: [String: String] = [:]
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let pair = unsafe String(cString: text)
            if let equals = pair.firstIndex(of: "=") {
                result[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
            }
            unsafe entry += 1
        }
        return result
    }

    /// Replaces the program of this process, a master, by itself. Returns only when that fails: the system's words.
    ///
    /// - Parameters:
    ///   - arguments: of the start, without those about old processes.
    ///   - listeners: of the master CLI, to be kept.
    func repeated(
        _ processes: ProcessList, _ listeners: [Int32], arguments: [String], isHard: Bool, takesSockets: Bool
    ) -> String {
        var words = [program]
        if !processes.workers.isEmpty { words += [isHard ? "-st" : "-sf"] + processes.workers.map { "\($0.pid)" } }
        if !takesSockets {
            words += ["-x", "/dev/null"]
        } else if let worker = processes.current {
            words += ["-x", "sockpair@\(worker.link)"]
        }
        var variables = environment
        variables[ProcessList.reloadVariable] = "1"
        variables[ProcessList.variable] = processes.text(pid: getpid(), version: VersionText.own)
        variables[ProcessList.listenersVariable] = listeners.map { "\($0)" }.joined(separator: ";")
        let kept = processes.descriptors + listeners
        for descriptor in kept { SocketPair.setClosedByExec(descriptor, false) }
        let here = unsafe getcwd(nil, 0)
        defer { unsafe free(here) }
        if let directory { _ = unsafe chdir(directory) }
        let code = Self.replace(program, words + arguments, variables.map { "\($0)=\($1)" })
        unsafe here.map { _ = unsafe chdir($0) }
        for descriptor in kept { SocketPair.setClosedByExec(descriptor, true) }
        return Terminal.systemError(code)
    }

    private static func replace(_ program: String, _ arguments: [String], _ environment: [String]) -> Int32 {
        func list(_ words: [String]) -> [UnsafeMutablePointer<CChar>?] {
            unsafe words.map { unsafe strdup($0) } + [nil]
        }
        let words = unsafe list(arguments)
        let variables = unsafe list(environment)
        let status = unsafe portico_replace_program(program, words, variables)
        var all = unsafe words + variables
        while let word = unsafe all.popLast() { unsafe free(word) }
        return status
    }
}
