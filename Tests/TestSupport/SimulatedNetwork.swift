package import Bytes

/// A small random source that a test seeds: SplitMix64.
package struct SplitMix64: RandomNumberGenerator {
    package var state: UInt64

    package init(state: UInt64) { self.state = state }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// How a link treats datagrams. Times are nanoseconds, probabilities percent.
package struct Link {
    package var delay: UInt64 = 10_000_000
    /// Up to so much is added to the delay, differently for each datagram: more than the sending gap reorders.
    package var jitter: UInt64 = 0
    package var loss = 0
    package var duplication = 0
    /// Larger datagrams disappear.
    package var mtu = 1500
    /// Bytes per second; zero is endless.
    package var rate: UInt64 = 0
    /// Datagrams that would wait longer than this for the link disappear.
    package var queue: UInt64 = 100_000_000
    /// Congestion is marked instead of waiting in the queue for longer than half of it.
    package var marksECN = false

    package init(
        delay: UInt64 = 10_000_000, jitter: UInt64 = 0, loss: Int = 0, duplication: Int = 0, mtu: Int = 1500,
        rate: UInt64 = 0, queue: UInt64 = 100_000_000, marksECN: Bool = false
    ) {
        self.delay = delay
        self.jitter = jitter
        self.loss = loss
        self.duplication = duplication
        self.mtu = mtu
        self.rate = rate
        self.queue = queue
        self.marksECN = marksECN
    }
}

/// A datagram on its way.
package struct FlyingDatagram {
    package var arrival: Instant
    package var order: UInt64
    package var bytes: [UInt8]
    package var from: SocketAddress
    package var to: SocketAddress
    package var ecn: UInt8
}

/// A network with virtual time: carries datagrams between addresses, as the seed and the link decide.
package final class SimulatedNetwork {
    package var now = Instant(nanoseconds: 1_000_000_000)
    package var link: Link
    package var random: SplitMix64
    /// Addresses that a NAT has in place of others, seen from outside.
    package var translation: [SocketAddress: SocketAddress] = [:]
    /// Sees each datagram before it sets out.
    package var tap: (([UInt8], _ from: SocketAddress, _ to: SocketAddress) -> Void)?
    private var flying: [FlyingDatagram] = []
    private var order: UInt64 = 0
    private var busyUntil: [SocketAddress: Instant] = [:]
    package private(set) var delivered = 0
    package private(set) var lost = 0
    package private(set) var marked = 0
    package private(set) var bytes = 0

    package init(seed: UInt64, link: Link) {
        random = SplitMix64(state: seed)
        self.link = link
    }

    private func chance(_ percent: Int) -> Bool { percent > 0 && Int.random(in: 0..<100, using: &random) < percent }

    package func send(_ datagram: [UInt8], from: SocketAddress, to: SocketAddress, ecn: UInt8) {
        tap?(datagram, from, to)
        if datagram.count > link.mtu || chance(link.loss) {
            lost += 1
            return
        }
        var ecn = ecn
        var start = now
        if link.rate > 0 {
            let free = busyUntil[from] ?? now
            start = max(free, now)
            let wait = start.nanoseconds(since: now)
            if link.marksECN, wait > link.queue / 2, ecn == 1 || ecn == 2 {
                ecn = 3
                marked += 1
            } else if wait > link.queue {
                lost += 1
                return
            }
            start = start.advanced(nanoseconds: UInt64(datagram.count) * 1_000_000_000 / link.rate)
            busyUntil[from] = start
        }
        for _ in 0..<(chance(link.duplication) ? 2 : 1) {
            let jitter = link.jitter > 0 ? UInt64.random(in: 0...link.jitter, using: &random) : 0
            order += 1
            let visible = translation[from] ?? from
            flying.append(
                FlyingDatagram(
                    arrival: start.advanced(nanoseconds: link.delay + jitter), order: order, bytes: datagram,
                    from: visible,
                    to: to, ecn: ecn))
        }
    }

    /// Puts a datagram straight before its receiver.
    package func inject(_ bytes: [UInt8], from: SocketAddress, to: SocketAddress) {
        order += 1
        flying.append(FlyingDatagram(arrival: now, order: order, bytes: bytes, from: from, to: to, ecn: 0))
    }

    package var nextArrival: Instant { flying.map(\.arrival).min() ?? .distantFuture }

    /// The datagrams that have arrived, in order of arrival.
    package func arrivals() -> [FlyingDatagram] {
        let due = flying.filter { $0.arrival <= now }.sorted { ($0.arrival, $0.order) < ($1.arrival, $1.order) }
        flying.removeAll { $0.arrival <= now }
        delivered += due.count
        bytes += due.reduce(0) { $0 + $1.bytes.count }
        return due
    }

    /// Where a datagram to `address` goes behind the NAT.
    package func inside(_ address: SocketAddress) -> SocketAddress {
        translation.first { $0.value == address }?.key ?? address
    }
}
