public import Bytes

/// `option splice-auto`, `splice-request` and `splice-response`.
public struct SplicingOptions: Sendable, Equatable {
    public var isAutomatic = false
    public var splicesRequests = false
    public var splicesResponses = false

    public init() {}

    /// Any of them is set.
    public var isOn: Bool { self != SplicingOptions() }

    /// What they say for the bytes from clients and for those from servers.
    public var directions: (request: Splicing, response: Splicing) {
        let least = isAutomatic ? Splicing.bulk : .never
        return (splicesRequests ? .always : least, splicesResponses ? .always : least)
    }
}
