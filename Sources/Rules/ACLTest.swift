public import Patterns
public import Samples

/// One test of an ACL: an expression whose value is looked up in patterns (configuration.txt section 7.1).
public final class ACLTest: Sendable {
    public let expression: Expression
    public let method: MatchMethod
    /// The patterns of the line, and those of each file.
    public let patterns: [PatternIndex]
    private let lookups: [PatternLookup]
    private let input: SampleType

    public init(_ expression: Expression, _ method: MatchMethod, _ patterns: [PatternIndex]) {
        self.expression = expression
        self.method = method
        self.patterns = patterns
        lookups = patterns.map(\.lookup)
        input = method.sampleType
    }

    /// Looks at each value of the expression until one matches.
    func evaluate(_ evaluation: Evaluation) -> Decision {
        var sample = Sample()
        sample.cursor = 0
        while true {
            evaluation.iterates = true
            let isFound = expression.evaluate(evaluation, &sample)
            evaluation.iterates = false
            let flags = sample.flags
            let isOpen = flags.contains(.mayChange) && !evaluation.isFinal
            guard isFound else { return isOpen ? .undecided : .fail }
            // The iteration's place outlives the cast that a match may need.
            let cursor = sample.cursor
            if matches(&sample, evaluation) { return .pass }
            if isOpen { return .undecided }
            guard flags.contains(.notLast) else { return .fail }
            sample.cursor = cursor
        }
    }

    private func matches(_ sample: inout Sample, _ evaluation: Evaluation) -> Bool {
        if method == .found { return true }
        guard sample.type == input || Cast.apply(&sample, to: input, evaluation.scratch) else { return false }
        if method == .bool { return sample.number != 0 }
        for index in 0..<lookups.count where lookups[index].find(sample) != nil { return true }
        return false
    }
}

extension MatchMethod {
    /// The type that a sample is cast to before it is compared.
    public var sampleType: SampleType {
        switch input {
        case .number: .sint
        case .address: .addr
        case .bytes: .bin
        case .text: .str
        }
    }
}

extension PatternLookup {
    /// The entry that a sample matches, which has the type that the method compares.
    public func find(_ sample: borrowing Sample) -> PatternMatch? {
        switch sample.type {
        case .sint, .bool: match(number: sample.number)
        case .ipv4: match(ipv4: UInt32(truncatingIfNeeded: sample.addressLow))
        case .ipv6: match(ipv6: sample.addressHigh, sample.addressLow)
        case .str, .bin: match(sample.bytes)
        case .any, .same, .addr, .meth: nil
        }
    }
}
