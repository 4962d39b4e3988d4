package import Foundation
import Glibc
import Synchronization

/// A program that a test runs: a peer, or one of ours. It gets no terminal; what it writes is kept. It is killed when
/// the last reference goes, and by the kernel when the test process dies, so that nothing stays behind.
package final class ChildProcess: Sendable {
    /// What a finished program left.
    package struct Result: Sendable {
        /// Exit status, or 128 + the signal that ended it.
        package let status: Int32
        package let output: String
        package let errors: String
    }

    package let command: String
    private let process: Process
    private let outputFile: URL
    private let errorFile: URL

    /// Starts `executable` (a path, or a name to look up in PATH and the system's folders).
    package init(
        _ executable: String, _ arguments: [String] = [], directory: String? = nil, environment: [String: String] = [:],
        input: Data = Data()
    ) throws {
        let path = try Self.find(executable)
        command = ([executable] + arguments).joined(separator: " ")
        let files = FileManager.default.temporaryDirectory.appending(path: "portico-test-\(UUID().uuidString)")
        outputFile = files.appendingPathExtension("out")
        errorFile = files.appendingPathExtension("err")
        let inputFile = files.appendingPathExtension("in")
        for file in [outputFile, errorFile] { try Data().write(to: file) }
        try input.write(to: inputFile)
        defer { try? FileManager.default.removeItem(at: inputFile) }
        process = Process()
        // setpriv asks the kernel to kill the program when its parent thread dies; the spawner's thread never does.
        process.executableURL = URL(filePath: try Self.find("setpriv"))
        process.arguments = ["--pdeathsig", "KILL", "--", path] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        if let directory { process.currentDirectoryURL = URL(filePath: directory) }
        process.standardInput = try FileHandle(forReadingFrom: inputFile)
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        process.standardError = try FileHandle(forWritingTo: errorFile)
        try Spawner.shared.start(process)
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        try? FileManager.default.removeItem(at: outputFile)
        try? FileManager.default.removeItem(at: errorFile)
    }

    package var pid: pid_t { process.processIdentifier }

    /// What it wrote to standard output so far.
    package var output: String { (try? String(decoding: Data(contentsOf: outputFile), as: UTF8.self)) ?? "" }
    /// What it wrote to standard error so far.
    package var errors: String { (try? String(decoding: Data(contentsOf: errorFile), as: UTF8.self)) ?? "" }

    /// The exit status, once it has ended: as in ``Result/status``.
    package var exitStatus: Int32? {
        guard !process.isRunning else { return nil }
        return process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    }

    package func signal(_ number: Int32) {
        if process.isRunning { kill(pid, number) }
    }

    /// Waits for its end. What takes longer than `limit` is killed and throws.
    package func result(within limit: Duration = .seconds(30)) async throws -> Result {
        do {
            try await eventually("the end of \(command)", within: limit) { exitStatus != nil }
        } catch {
            signal(SIGKILL)
            throw error
        }
        return Result(status: exitStatus ?? -1, output: output, errors: errors)
    }

    /// Asks it to stop, and kills it when it does not within `limit`. Returns its exit status.
    @discardableResult
    package func stop(within limit: Duration = .seconds(5)) async throws -> Int32 {
        signal(SIGTERM)
        return try await result(within: limit).status
    }

    /// Waits until a server is ready; throws with its output when it ends before that.
    package func ready(_ what: String, within limit: Duration = .seconds(10), _ condition: () -> Bool) async throws {
        try await eventually("\(what) of \(command)", within: limit) {
            if let status = exitStatus {
                throw SupportError.failed(command: command, status: status, output: output + errors)
            }
            return condition()
        }
    }

    /// Runs a program to its end.
    package static func run(
        _ executable: String, _ arguments: [String] = [], directory: String? = nil, environment: [String: String] = [:],
        input: Data = Data(), within limit: Duration = .seconds(30)
    ) async throws -> Result {
        let child = try ChildProcess(
            executable, arguments, directory: directory, environment: environment, input: input)
        return try await child.result(within: limit)
    }

    private static func find(_ executable: String) throws -> String {
        guard !executable.contains("/") else {
            guard FileManager.default.isExecutableFile(atPath: executable) else {
                throw SupportError.missing(executable)
            }
            return executable
        }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = (path + ":/usr/local/sbin:/usr/sbin:/sbin").split(separator: ":").map(String.init)
        for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(executable)") {
            return "\(folder)/\(executable)"
        }
        throw SupportError.missing(executable)
    }
}

/// One thread that starts all children and lives as long as the process: the kernel's parent-death signal goes by
/// thread, and those of Swift's pool come and go.
private final class Spawner: Sendable {
    static let shared = Spawner()
    private let waiting = Mutex<[Process]>([])
    private let failure = Mutex<(any Error)?>(nil)
    private let turn = NSLock()
    private let wake = DispatchSemaphore(value: 0)
    private let done = DispatchSemaphore(value: 0)

    private init() {
        Thread { [self] in
            // Children inherit what is blocked, and other threads here block signals that stop programs.
            var none = sigset_t()
            unsafe sigemptyset(&none)
            unsafe pthread_sigmask(SIG_SETMASK, &none, nil)
            while true {
                wake.wait()
                for process in waiting.withLock({ all in
                    defer { all = [] }
                    return all
                }) {
                    do { try process.run() } catch { failure.withLock { $0 = error } }
                }
                done.signal()
            }
        }.start()
    }

    /// Starts `process` and returns once it runs.
    func start(_ process: Process) throws {
        try turn.withLock {
            failure.withLock { $0 = nil }
            waiting.withLock { $0 = [process] }
            wake.signal()
            done.wait()
            if let error = failure.withLock({ $0 }) { throw error }
        }
    }
}
