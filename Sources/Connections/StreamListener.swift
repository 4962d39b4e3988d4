public import Bytes
import Glibc
public import Runtime

/// Who takes the connections of a listener.
public protocol ListenerOwner: AnyObject {
    /// Takes a place for the next connection. False when a limit is reached: the listener pauses, so that the rest
    /// waits in the kernel's queue.
    func takePlace(for listener: StreamListener) -> Bool

    /// Gives back the place that was taken last: no connection came for it.
    func returnPlace(for listener: StreamListener)

    /// Takes over an accepted socket, which has a place.
    func accepted(_ descriptor: Int32, peer: SocketAddress, on listener: StreamListener)

    /// Accepting failed for another reason than an empty queue (out of descriptors or memory).
    func acceptFailed(_ error: SystemError, on listener: StreamListener)
}

/// One listening stream socket of one worker. Every worker has its own, joined by `SO_REUSEPORT`; Unix sockets and
/// inherited descriptors are shared, each worker polling its own duplicate.
public final class StreamListener: Pollable, TimerTarget {
    public let descriptor: Int32
    public let context: ListenerContext
    /// The address that the socket is bound to: the real port when 0 was asked for.
    public let localAddress: SocketAddress
    private let loop: EventLoop
    private unowned let owner: any ListenerOwner
    private let maxAccept: Int
    private var isPaused = false
    private var isClosed = false
    private var isSuspended = false
    private var retry: Timer!

    /// - Parameters:
    ///   - descriptor: a listening, non-blocking socket; the listener closes it.
    ///   - maxAccept: connections taken in a row: `tune.maxaccept`.
    public init(
        descriptor: consuming OwnedDescriptor, context: ListenerContext, loop: EventLoop, owner: any ListenerOwner,
        maxAccept: Int
    ) throws(SystemError) {
        let number = descriptor.release()
        self.descriptor = number
        self.context = context
        self.loop = loop
        self.owner = owner
        self.maxAccept = maxAccept
        localAddress = Socket.localAddress(number)
        super.init()
        retry = Timer(on: loop.timers, target: self)
        try loop.register(self, descriptor: number, writing: false, levelTriggered: true)
    }

    /// Opens a listening socket.
    public static func open(
        _ target: Socket.Target, backlog: Int, reusesPort: Bool, ipv6Only: Bool?, fastOpen: Bool,
        traits: ListenerTraits = ListenerTraits()
    ) throws(SystemError) -> OwnedDescriptor {
        let socket = try Socket.stream(for: target)
        if case .ip(let address) = target {
            Socket.setReusable(socket.number, address: true, port: reusesPort)
            if address.family == .ipv6, let ipv6Only {
                Socket.set(socket.number, level: Int32(IPPROTO_IPV6), option: IPV6_V6ONLY, ipv6Only ? 1 : 0)
            }
            // The handshake's last ACK may bring the request: wake when data is there.
            if fastOpen { Socket.set(socket.number, level: Int32(IPPROTO_TCP), option: TCP_FASTOPEN, 4096) }
            try traits.prepare(socket.number, isIPv6: address.family == .ipv6)
        }
        try Socket.bind(socket.number, to: target)
        try Socket.listen(socket.number, backlog: backlog)
        return socket
    }

    public override func ready(_ events: PollEvents) {
        var taken = 0
        while taken < maxAccept, !isPaused, !isClosed {
            guard owner.takePlace(for: self) else { return pause() }
            do throws(SystemError) {
                guard let (socket, peer) = try Socket.accept(descriptor) else {
                    return owner.returnPlace(for: self)
                }
                taken += 1
                owner.accepted(socket, peer: peer, on: self)
            } catch {
                owner.returnPlace(for: self)
                owner.acceptFailed(error, on: self)
                return pause()
            }
        }
    }

    /// Stops polling for a moment: a limit is reached. A place that becomes free on this worker resumes it at once
    /// (``resume()``); the timer notices places that other workers freed.
    private func pause() {
        guard !isPaused, !isClosed else { return }
        isPaused = true
        loop.deregister(self, descriptor: descriptor)
        retry.arm(at: loop.clock.now.advanced(milliseconds: 20))
    }

    /// Polls again after a pause.
    public func resume() {
        guard isPaused, !isClosed, !isSuspended else { return }
        isPaused = false
        retry.disarm()
        do throws(SystemError) {
            try loop.register(self, descriptor: descriptor, writing: false, levelTriggered: true)
        } catch {
            isPaused = true
            retry.arm(at: loop.clock.now.advanced(milliseconds: 100))
        }
    }

    public func timerFired(_ timer: Timer) { resume() }

    /// Listens no more until ``restore(backlog:)``: new connections are refused, or wait where the system cannot refuse
    /// them (Unix sockets).
    public func suspend() {
        guard !isSuspended, !isClosed else { return }
        isSuspended = true
        retry.disarm()
        if !isPaused { loop.deregister(self, descriptor: descriptor) }
        isPaused = true
        if localAddress.isIP { Socket.stopListening(descriptor) }
    }

    /// Listens again.
    public func restore(backlog: Int) throws(SystemError) {
        guard isSuspended, !isClosed else { return }
        try Socket.listen(descriptor, backlog: backlog)
        isSuspended = false
        resume()
    }

    /// Stops listening and closes the socket.
    public func close() {
        guard !isClosed else { return }
        isClosed = true
        retry.disarm()
        if !isPaused { loop.deregister(self, descriptor: descriptor) }
        _ = Glibc.close(descriptor)
    }
}
