import Messages

/// How long a variable lives (configuration.txt section 2.8).
public enum VariableScope: String, Sendable, CaseIterable {
    /// The process.
    case proc
    /// The client's connection.
    case sess
    /// The exchange: request and response.
    case txn
    /// The processing of the request.
    case req
    /// The processing of the response.
    case res
    /// A health check.
    case check
    /// The same of the exchange that this one was made for.
    case parentSession = "psess"
    case parentTransaction = "ptxn"
    case parentRequest = "preq"
    case parentResponse = "pres"
}

/// A variable's name, made a number when the configuration is read, so that a look-up compares numbers.
public struct VariableName: Sendable, Equatable {
    public let scope: VariableScope
    /// The number of the name without its scope.
    public let number: UInt32
    /// The whole name: `txn.my_var`.
    public let text: String

    public init(scope: VariableScope, number: UInt32, text: String) {
        self.scope = scope
        self.number = number
        self.text = text
    }
}

/// A variable's value: a sample that owns its text.
public enum VariableValue: Sendable, Equatable {
    case bool(Bool)
    case sint(Int64)
    case ipv4(UInt32)
    case ipv6(high: UInt64, low: UInt64)
    case str([UInt8])
    case bin([UInt8])
    /// A method that is well known by its number, or another by its text.
    case meth(UInt8, [UInt8])

    /// A copy of a sample's value.
    public init(_ sample: borrowing Sample) {
        switch sample.type {
        case .bool: self = .bool(sample.number != 0)
        case .sint, .any, .same: self = .sint(sample.number)
        case .ipv4, .addr: self = .ipv4(UInt32(truncatingIfNeeded: sample.addressLow))
        case .ipv6: self = .ipv6(high: sample.addressHigh, low: sample.addressLow)
        case .str: self = .str(Array(copying: sample.bytes))
        case .bin: self = .bin(Array(copying: sample.bytes))
        case .meth: self = .meth(UInt8(truncatingIfNeeded: sample.number), Array(copying: sample.bytes))
        }
    }

    public var type: SampleType {
        switch self {
        case .bool: .bool
        case .sint: .sint
        case .ipv4: .ipv4
        case .ipv6: .ipv6
        case .str: .str
        case .bin: .bin
        case .meth: .meth
        }
    }

    /// Bytes that the value counts for `tune.vars.*`.
    public var byteCount: Int {
        switch self {
        case .str(let text), .bin(let text), .meth(_, let text): text.count
        case .bool, .sint, .ipv4, .ipv6: 0
        }
    }
}

extension Array where Element == UInt8 {
    /// A copy of a span's bytes.
    public init(copying span: Span<UInt8>) {
        self = unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
    }
}

/// The variables of one scope: few, so they are looked for one after the other. Not Sendable; a scope belongs to one
/// worker.
public final class VariableStore {
    private var names: [UInt32] = []
    private var values: [VariableValue] = []
    /// Bytes of names and values, as `tune.vars.*` counts them.
    public private(set) var byteCount = 0
    /// What a variable costs besides its text.
    public static let overhead = 48
    /// What all variables of the process take together; nil: nobody wants to know.
    private let total: VariableTotal?

    /// - Parameter total: is told what the variables take.
    public init(counting total: VariableTotal? = nil) { self.total = total }

    deinit { total?.add(-byteCount) }

    /// The value of a variable; nil when it is not set.
    public func value(_ number: UInt32) -> VariableValue? {
        guard let index = names.firstIndex(of: number) else { return nil }
        return values[index]
    }

    /// Sets a variable. False when `limit` bytes are passed; nothing changes then.
    @discardableResult
    public func set(_ number: UInt32, _ value: VariableValue, limit: Int = .max) -> Bool {
        if let index = names.firstIndex(of: number) {
            let size = byteCount - values[index].byteCount + value.byteCount
            guard size <= limit else { return false }
            total?.add(size - byteCount)
            byteCount = size
            values[index] = value
            return true
        }
        let size = byteCount + value.byteCount + Self.overhead
        guard size <= limit else { return false }
        total?.add(size - byteCount)
        byteCount = size
        names.append(number)
        values.append(value)
        return true
    }

    /// Bytes by which the store grows when a variable gets a value.
    public func growth(_ number: UInt32, _ value: VariableValue) -> Int {
        guard let index = names.firstIndex(of: number) else { return value.byteCount + Self.overhead }
        return value.byteCount - values[index].byteCount
    }

    /// Forgets a variable.
    public func unset(_ number: UInt32) {
        guard let index = names.firstIndex(of: number) else { return }
        let freed = values[index].byteCount + Self.overhead
        total?.add(-freed)
        byteCount -= freed
        names.remove(at: index)
        values.remove(at: index)
    }

    /// Forgets all.
    public func removeAll() {
        names.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        total?.add(-byteCount)
        byteCount = 0
    }
}
