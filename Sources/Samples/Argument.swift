public import Synchronization

/// What a fetch or converter takes as an argument.
public enum ArgumentKind: String, Sendable {
    case integer = "integer"
    case string = "string"
    /// An identifier that the fetch or converter looks up itself when it is prepared.
    case identifier = "identifier"
    case ipv4 = "IPv4 address"
    case mask4 = "IPv4 mask"
    case ipv6 = "IPv6 address"
    case mask6 = "IPv6 mask"
    /// Milliseconds.
    case delay = "delay"
    /// Bytes.
    case size = "size"
    case frontend = "frontend"
    case backend = "backend"
    case table = "table"
    case server = "server"
    case userList = "user list"
    case map = "map"
    case regex = "regex"
    case variable = "variable"
    case fieldNumber = "Protocol buffers field number"
}

/// The arguments that a fetch or converter takes, and how many of them it needs.
public struct ArgumentSignature: Sendable {
    public let kinds: [ArgumentKind]
    public let required: Int

    public init(_ kinds: [ArgumentKind], required: Int) {
        self.kinds = kinds
        self.required = required
    }

    public static let none = ArgumentSignature([], required: 0)

    /// As listings show it: `(string[,integer])`.
    public var text: String {
        var text = ""
        for (index, kind) in kinds.enumerated() {
            if index == required { text += "[" }
            if index > 0 { text += "," }
            text += kind.rawValue
        }
        if required < kinds.count { text += "]" }
        return kinds.isEmpty ? "" : "(\(text))"
    }
}

/// A checked argument.
public enum Argument: Sendable {
    /// Not given, though optional.
    case absent
    /// `integer`, `delay` in milliseconds, `size` in bytes.
    case integer(Int64)
    case string([UInt8])
    /// An address or mask in network order; IPv4 in the low 32 bits of `low`.
    case ipv4(UInt32)
    case ipv6(high: UInt64, low: UInt64)
    /// A frontend, backend, server, user list: resolved once the whole configuration is read.
    case reference(NamedReference)
    case variable(VariableName)
    /// The path to a field in a protobuf message.
    case fieldNumbers([UInt64])
}

/// A name of a proxy, server or user list in an argument. What it stands for is known once the whole configuration is
/// read; it is set once then and only read after.
public final class NamedReference: Sendable {
    public let kind: ArgumentKind
    /// The name as written; empty for the proxy that the expression stands in.
    public let name: String
    /// The place of the frontend, of the backend, of a server's backend, or of the user list in the configuration; -1
    /// before it is resolved, and ``current``.
    public let index = Atomic<Int>(-1)
    /// The place of the server in its backend; -1 for others.
    public let serverIndex = Atomic<Int>(-1)
    /// The proxy that runs the expression: what no name means in a `defaults` section.
    public static let current = -2

    public init(_ kind: ArgumentKind, name: String) {
        self.kind = kind
        self.name = name
    }
}

/// The checked arguments of one fetch or converter in an expression.
@safe public final class ArgumentList: Sendable {
    public let values: [Argument]
    /// What the registration's `prepare` made of them: a compiled form, of the type that its `run` expects.
    public let prepared: (any AnyObject & Sendable)?

    /// The same, for evaluation, which counts no references.
    nonisolated(unsafe) private let held: Unmanaged<AnyObject>?

    public init(_ values: [Argument] = [], prepared: (any AnyObject & Sendable)? = nil) {
        self.values = values
        self.prepared = prepared
        unsafe held = prepared.map { unsafe .passUnretained($0) }
    }

    public static let none = ArgumentList()

    public subscript(index: Int) -> Argument { index < values.count ? values[index] : .absent }

    /// Whether argument `index` is given.
    public func isPresent(_ index: Int) -> Bool {
        if case .absent = self[index] { return false }
        return true
    }

    /// Argument `index` as an integer; `standard` when it is not given.
    public func integer(_ index: Int, default standard: Int64 = 0) -> Int64 {
        if case .integer(let value) = self[index] { return value }
        return standard
    }

    /// Argument `index` as text; empty when it is not given.
    public func text(_ index: Int) -> [UInt8] {
        if case .string(let text) = self[index] { return text }
        return []
    }

    /// Calls `body` with what `prepare` made, without counting a reference; a mistake in the registration stops the
    /// program at the first evaluation.
    @inline(__always)
    public func withObject<Object: AnyObject & Sendable, Result>(
        _ type: Object.Type = Object.self, _ body: (Object) -> Result
    ) -> Result {
        guard let held = unsafe held else { preconditionFailure("the registration prepares no object") }
        return unsafe held._withUnsafeGuaranteedRef { unsafe body(unsafeDowncast($0, to: type)) }
    }

    /// What `prepare` made; a mistake in the registration stops the program at the first evaluation.
    public func object<Object: AnyObject & Sendable>(_ type: Object.Type = Object.self) -> Object {
        guard let prepared else { preconditionFailure("the registration prepares no object") }
        return unsafe unsafeDowncast(prepared, to: type)
    }
}
