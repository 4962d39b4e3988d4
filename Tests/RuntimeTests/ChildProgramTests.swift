import Bytes
import Glibc
import Runtime
import Testing

/// Takes note of events.
private final class Listener: Pollable {
    override func ready(_ events: PollEvents) {}
}

/// A child between its birth and its closing of what it has inherited: it waits there until somebody writes a pipe.
private final class HalfBornChild {
    private let pipe: String
    private let mark: String
    private let folder: String
    private var thread: SystemThread?

    init() throws {
        var template = Array("/tmp/portico-child-XXXXXX".utf8CString)
        let folder = try #require(unsafe mkdtemp(&template).map { unsafe String(cString: $0) })
        let (pipe, mark) = ("\(folder)/pipe", "\(folder)/mark")
        self.pipe = pipe
        self.mark = mark
        self.folder = folder
        try #require(unsafe mkfifo(pipe, 0o600) == 0)
        thread = try SystemThread {
            var actions = unsafe posix_spawn_file_actions_t()
            unsafe posix_spawn_file_actions_init(&actions)
            unsafe posix_spawn_file_actions_addopen(&actions, 0, mark, O_CREAT | O_WRONLY, 0o600)
            unsafe posix_spawn_file_actions_addopen(&actions, 0, pipe, O_RDONLY, 0)
            var child: pid_t = 0
            let arguments: [UnsafeMutablePointer<CChar>?] = unsafe [strdup("true"), nil]
            if unsafe posix_spawn(&child, "/bin/true", &actions, nil, arguments, [nil]) == 0 {
                while waitpid(child, nil, 0) < 0, errno == EINTR {}
            }
            unsafe free(arguments[0])
            unsafe posix_spawn_file_actions_destroy(&actions)
        }
        while unsafe access(mark, F_OK) != 0 { usleep(1000) }
    }

    func goOn() {
        let writer = unsafe open(pipe, O_WRONLY)
        thread?.join()
        close(writer)
        unsafe unlink(pipe)
        unsafe unlink(mark)
        unsafe rmdir(folder)
    }
}

@Suite("Programs that this process starts") struct ChildProgramTests {
    @Test("What is closed while a child still has it is polled no more") func inherited() throws {
        ChildPrograms.expect()
        let loop = try EventLoop()
        let (ours, theirs) = try SocketPair.open()
        defer { close(theirs) }
        var listener: Listener? = Listener()
        weak let watched = listener
        try loop.register(try #require(listener), descriptor: ours)
        // The socket takes what is written, and says so.
        try loop.turn(waitingAtMost: SystemClock.now())

        let child = try HalfBornChild()
        defer { child.goOn() }
        loop.deregisterClosing(try #require(listener), descriptor: ours)
        close(ours)
        listener = nil
        try loop.turn(waitingAtMost: SystemClock.now())
        #expect(watched == nil)

        let events = loop.eventCount
        #expect(unsafe write(theirs, "x", 1) == 1)
        try loop.turn(waitingAtMost: SystemClock.now().advanced(milliseconds: 100))
        #expect(loop.eventCount == events)
    }
}
