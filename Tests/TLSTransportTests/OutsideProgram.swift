// A program from outside, with pipes for its input and output.

import Glibc

/// A running program. Its standard error joins its standard output.
final class OutsideProgram {
    private let process: pid_t
    private let input: Int32
    private let output: Int32
    /// What it has printed so far.
    private(set) var text = ""

    /// Starts `arguments`, the first of which is looked up in PATH.
    init(_ arguments: [String]) {
        var toChild: [Int32] = [-1, -1]
        var fromChild: [Int32] = [-1, -1]
        precondition(unsafe pipe(&toChild) == 0 && pipe(&fromChild) == 0)
        for end in toChild + fromChild { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, fromChild[1], 2)
        var copies: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
        var child: pid_t = 0
        let status = unsafe posix_spawnp(&child, arguments[0], &actions, nil, &copies, environ)
        precondition(status == 0, "can not start \(arguments[0])")
        for index in unsafe copies.indices { unsafe free(copies[index]) }
        unsafe posix_spawn_file_actions_destroy(&actions)
        close(toChild[0])
        close(fromChild[1])
        process = child
        input = toChild[1]
        output = fromChild[0]
        _ = fcntl(output, F_SETFL, O_NONBLOCK)
    }

    deinit {
        kill(process, SIGKILL)
        var status: Int32 = 0
        unsafe waitpid(process, &status, 0)
        close(input)
        close(output)
    }

    func send(_ line: String) {
        _ = unsafe write(input, line, line.utf8.count)
    }

    /// Takes what it has printed, waiting at most `milliseconds` for more.
    func listen(milliseconds: Int32) {
        var wanted = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&wanted, 1, milliseconds) > 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe read(output, &buffer, buffer.count)
        if count > 0 { text += String(decoding: buffer[..<count], as: UTF8.self) }
    }

    /// Listens until `condition` holds, or ten seconds have passed; whether it holds.
    func wait(until condition: (String) -> Bool, meanwhile work: () -> Void = {}) -> Bool {
        for _ in 0..<1000 {
            work()
            if condition(text) { return true }
            listen(milliseconds: 10)
        }
        return condition(text)
    }
}

/// A TCP listener on a free port of the loopback.
final class LoopbackListener {
    let descriptor: Int32
    let port: UInt16

    init() {
        let listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe bind(listening, generic, length) == 0 && Glibc.listen(listening, 8) == 0
                    && getsockname(listening, generic, &length) == 0
            }
        }
        precondition(bound)
        descriptor = listening
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit {
        close(descriptor)
    }

    /// The next connection, non-blocking. Waits for it at most ten seconds.
    func accept() -> Int32 {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        precondition(unsafe poll(&wanted, 1, 10_000) == 1, "nobody connected")
        let accepted = Glibc.accept(descriptor, nil, nil)
        _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
        return accepted
    }

    /// A non-blocking connection to a port of the loopback.
    static func connect(to port: UInt16) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        let connected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe Glibc.connect(descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(connected == 0)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        return descriptor
    }
}
