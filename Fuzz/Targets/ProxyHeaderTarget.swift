import Connections

extension FuzzTarget {
    /// The PROXY protocol header that a load balancer before us sends, in both versions. It comes in pieces: whatever
    /// is read so far, the answer must not change when the rest arrives.
    static let proxyHeader = FuzzTarget("proxy-header", "PROXY protocol headers, versions 1 and 2") { input in
        guard let whole = try? ProxyHeader.parse(input) else { return }
        promise(whole.length <= input.count, "a header of \(whole.length) bytes in \(input.count)")
        promise(whole.length <= ProxyHeader.maximumLength, "a header of \(whole.length) bytes")
        promise((whole.source == nil) == (whole.destination == nil), "one address without the other")
        for count in 0..<whole.length {
            do {
                promise(
                    try ProxyHeader.parse(input.extracting(first: count)) == nil,
                    "a header in \(count) of \(whole.length) bytes")
            } catch {
                promise(false, "\(error) after \(count) of \(whole.length) good bytes")
            }
        }
        promise(
            try! ProxyHeader.parse(input.extracting(first: whole.length)) == whole, "what follows changes the header")
    }
}
