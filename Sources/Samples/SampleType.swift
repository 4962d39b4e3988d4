/// The type of a sample (configuration.txt section 7.3): what a fetch gives and a converter takes.
public enum SampleType: UInt8, Sendable, CaseIterable {
    /// Any type. Fetches whose type depends on what they find are declared so; no sample has it.
    case any
    /// A converter's result has the type of what came in; no sample has it.
    case same
    /// `true` or `false`, as 1 or 0 in ``Sample/number``.
    case bool
    /// A signed integer of 64 bits.
    case sint
    /// An IPv4 or IPv6 address; no sample has it.
    case addr
    case ipv4
    case ipv6
    /// Text.
    case str
    /// Bytes.
    case bin
    /// An HTTP method: a well-known one, or its text.
    case meth

    /// The name that messages and listings show.
    public var name: String { "\(self)" }
}

/// The direction of the message that a rule or fetch speaks of.
public enum MessageDirection: Sendable { case request, response }
