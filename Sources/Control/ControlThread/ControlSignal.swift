/// Something that happens once, and that one task of the control thread waits for.
@ControlActor
package final class ControlSignal {
    private var waiter: CheckedContinuation<Void, Never>?
    private weak var follower: ControlSignal?
    /// Whether it has happened.
    package private(set) var isSet = false

    package init() {}

    /// It has happened: who waits goes on.
    package func set() {
        isSet = true
        waiter?.resume()
        waiter = nil
        follower?.set()
    }

    /// Sets `other` too when this happens, in place of the last one that was named.
    func also(_ other: ControlSignal) { follower = other }

    /// Waits until it has happened.
    package func wait() async {
        if isSet { return }
        await withCheckedContinuation { waiter = $0 }
    }
}
