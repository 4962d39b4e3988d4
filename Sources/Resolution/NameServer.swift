import Bytes
import CCares
package import Configuration
import Glibc
package import Runtime

/// What came of a question.
enum QuestionResult {
    /// The name server's message.
    case answer([UInt8])
    case timeout
    /// It could not be asked.
    case failed
}

/// One name server, asked through c-ares: a channel whose sockets and times the control loop watches. A cut answer is
/// asked for again over TCP.
@safe package final class NameServer: TimerTarget {
    package let settings: NameServerSettings
    package internal(set) var counters = NameServerCounters()
    private let loop: EventLoop
    private var channel: ares_channel?
    private var polls: [Int32: ChannelPoll] = [:]
    private var timer: Timer!

    /// - Parameters:
    ///   - timeout: milliseconds that an answer may take.
    ///   - payloadSize: bytes of an answer over UDP.
    init(_ settings: NameServerSettings, timeout: Int, payloadSize: Int, loop: EventLoop) throws(SystemError) {
        self.settings = settings
        self.loop = loop
        unsafe channel = nil
        timer = Timer(on: loop.timers, target: self)
        guard ares_library_init(ARES_LIB_INIT_ALL) == Self.success else {
            throw SystemError("ares_library_init", ENOMEM)
        }
        var options = unsafe ares_options()
        // Codes of failure come as they are: which of several name servers to believe is decided above.
        unsafe options.flags = Self.flags | (settings.usesTCP ? 1 << 0 : 0)
        unsafe options.timeout = Int32(clamping: max(1, timeout))
        unsafe options.tries = 1
        unsafe options.ednspsz = Int32(clamping: min(max(payloadSize, 512), 4096))
        unsafe options.sock_state_cb = { context, descriptor, reads, writes in
            guard let context = unsafe context else { return }
            unsafe Unmanaged<NameServer>.fromOpaque(context)._withUnsafeGuaranteedRef {
                $0.watch(descriptor, reads: reads != 0, writes: writes != 0)
            }
        }
        unsafe options.sock_state_cb_data = Unmanaged.passUnretained(self).toOpaque()
        let mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB
        guard unsafe ares_init_options(&channel, &options, mask) == Self.success else {
            throw SystemError("ares_init", ENOMEM)
        }
        let host = settings.address.isV4 ? "\(settings.address)" : "[\(settings.address)]"
        guard unsafe ares_set_servers_ports_csv(channel, "\(host):\(settings.port)") == Self.success else {
            throw SystemError("ares_set_servers", EINVAL)
        }
        if !settings.usesTCP {
            unsafe ares_set_socket_callback(
                channel,
                { _, type, context in
                    if type == Int32(SOCK_STREAM.rawValue), let context = unsafe context {
                        unsafe Unmanaged<NameServer>.fromOpaque(context)._withUnsafeGuaranteedRef {
                            $0.counters.truncated += 1
                        }
                    }
                    return 0
                }, Unmanaged.passUnretained(self).toOpaque())
        }
    }

    deinit {
        if let channel = unsafe channel { unsafe ares_destroy(channel) }
    }

    private static let success = Int32(ARES_SUCCESS)
    /// No search list, no aliases of the environment, answers unchecked, EDNS.
    private static let flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS

    /// A question that is under way.
    private final class Question {
        let server: NameServer
        let done: (QuestionResult) -> Void

        init(_ server: NameServer, _ done: @escaping (QuestionResult) -> Void) {
            self.server = server
            self.done = done
        }
    }

    /// Asks. `done` is called once, perhaps before this returns.
    func ask(_ name: String, _ type: RecordType, done: @escaping (QuestionResult) -> Void) {
        counters.sent += 1
        let question = unsafe Unmanaged.passRetained(Question(self, done)).toOpaque()
        unsafe ares_query(
            channel, name, Self.internet, Int32(type.rawValue),
            { context, status, _, bytes, length in
                guard let context = unsafe context else { return }
                let question = unsafe Unmanaged<Question>.fromOpaque(context).takeRetainedValue()
                if let bytes = unsafe bytes, length > 0 {
                    let message = unsafe UnsafeBufferPointer(start: bytes, count: Int(length))
                    question.done(.answer(unsafe Array(message)))
                } else if status == Int32(ARES_ETIMEOUT) {
                    question.done(.timeout)
                } else if status != Int32(ARES_EDESTRUCTION) {
                    question.done(.failed)
                }
            }, question)
        armTimer()
    }

    /// The class IN (RFC 1035 section 3.2.4).
    private static let internet: Int32 = 1

    // MARK: The loop

    private func watch(_ descriptor: Int32, reads: Bool, writes: Bool) {
        do throws(SystemError) {
            if let poll = polls[descriptor] {
                if reads || writes {
                    try loop.update(poll, descriptor: descriptor, writing: writes)
                } else {
                    loop.deregister(poll, descriptor: descriptor)
                    polls[descriptor] = nil
                }
            } else if reads || writes {
                let poll = ChannelPoll(self, descriptor)
                try loop.register(poll, descriptor: descriptor, writing: writes, levelTriggered: true)
                polls[descriptor] = poll
            }
        } catch {
            // The question runs out of time.
            counters.sendErrors += 1
        }
    }

    fileprivate func ready(_ descriptor: Int32, _ events: PollEvents) {
        let isOver = !events.isDisjoint(with: [.failed, .hungUp])
        let none = ares_socket_t(-1)
        unsafe ares_process_fd(
            channel, isOver || events.contains(.readable) ? descriptor : none,
            isOver || events.contains(.writable) ? descriptor : none)
        armTimer()
    }

    package func timerFired(_ timer: Timer) {
        unsafe ares_process_fd(channel, ares_socket_t(-1), ares_socket_t(-1))
        armTimer()
    }

    private func armTimer() {
        var time = timeval()
        guard unsafe ares_timeout(channel, nil, &time) != nil else { return timer.disarm() }
        let milliseconds = time.tv_sec * 1000 + time.tv_usec / 1000 + 1
        timer.arm(at: loop.clock.now.advanced(milliseconds: milliseconds))
    }
}

/// Hands the events of one of a channel's sockets to it.
private final class ChannelPoll: Pollable {
    private weak var server: NameServer?
    private let descriptor: Int32

    init(_ server: NameServer, _ descriptor: Int32) {
        self.server = server
        self.descriptor = descriptor
    }

    override func ready(_ events: PollEvents) { server?.ready(descriptor, events) }
}
