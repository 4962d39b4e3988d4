public import Samples
import Words

/// A log-format string (configuration.txt section 8.2.6): literal text, aliases and expressions, compiled when the
/// configuration is read. Immutable and shared by all workers.
@safe public final class Format: Sendable {
    enum Piece: Sendable {
        case text(ConstantText)
        /// One space, unless one was just written.
        case space
        case alias(Alias, Item)
        case expression(Expression, Item)
    }

    /// How an item is written.
    struct Item: Sendable {
        /// Its key in an encoded line; nil: it has none.
        var name: ConstantText?
        var options: FormatOptions
        var type: FormatType
    }

    let pieces: [Piece]
    /// Options of the whole line, of which the encoding matters.
    let options: FormatOptions
    /// The format as written.
    public let source: String
    /// What has to be known before it can be written in full.
    public let needs: Alias.Needs
    /// Only text, and expressions for an HTTP field or without options: no writer is needed.
    private let isPlain: Bool
    /// The pieces of a plain format laid out flat, so that going through them counts no references.
    nonisolated(unsafe) private let steps: UnsafeMutablePointer<Step>
    private let stepCount: Int

    /// A piece of a plain format.
    @safe private struct Step {
        let text: Unmanaged<ConstantText>?
        let expression: Unmanaged<Expression>?
        /// The expression's value is for an HTTP field.
        let isField: Bool
    }

    init(_ pieces: [Piece], options: FormatOptions = [], source: String) {
        self.pieces = pieces
        self.options = options
        self.source = source
        var needs: Alias.Needs = []
        var isPlain = options.isDisjoint(with: .encoded)
        for piece in pieces {
            switch piece {
            case .text: break
            case .space: isPlain = false
            case .alias(let alias, _):
                needs.formUnion(alias.needs)
                isPlain = false
            case .expression(let expression, let item):
                needs.formUnion(Alias.Needs(expression.sources))
                if !item.options.isSubset(of: .http) { isPlain = false }
            }
        }
        self.needs = needs
        self.isPlain = isPlain
        stepCount = isPlain ? pieces.count : 0
        unsafe steps = .allocate(capacity: max(1, stepCount))
        for index in 0..<stepCount { unsafe (steps + index).initialize(to: Self.step(pieces[index])) }
    }

    deinit { unsafe steps.deallocate() }

    private static func step(_ piece: Piece) -> Step {
        switch piece {
        case .text(let text): unsafe Step(text: .passUnretained(text), expression: nil, isField: false)
        case .expression(let expression, let item):
            unsafe Step(text: nil, expression: .passUnretained(expression), isField: !item.options.isEmpty)
        case .space, .alias: unsafe Step(text: nil, expression: nil, isField: false)
        }
    }

    /// A format without items.
    public convenience init(literal text: String) {
        self.init([.text(ConstantText(Array(text.utf8)))], source: text)
    }

    /// Appends the format's text for what `evaluation` stands at. An expression without a value leaves nothing, or what
    /// the format's place puts instead.
    public func append(_ evaluation: Evaluation, to text: inout ScratchText) {
        if isPlain { return appendPlain(evaluation, to: &text) }
        var writer = FormatWriter(evaluation, text)
        append(to: &writer)
        text = writer.text
    }

    /// The format's text in the worker's scratch.
    public func text(_ evaluation: Evaluation, _ sample: inout Sample) {
        var text = evaluation.scratch.text()
        append(evaluation, to: &text)
        text.finish(&sample)
    }

    private func appendPlain(_ evaluation: Evaluation, to text: inout ScratchText) {
        for index in 0..<stepCount {
            let step = unsafe steps[index]
            if let constant = unsafe step.text {
                unsafe constant._withUnsafeGuaranteedRef { text.append($0.bytes) }
            } else if let expression = unsafe step.expression {
                unsafe expression._withUnsafeGuaranteedRef {
                    Self.append($0, evaluation, isField: step.isField, to: &text)
                }
            }
        }
    }

    private static func append(
        _ expression: Expression, _ evaluation: Evaluation, isField: Bool, to text: inout ScratchText
    ) {
        var sample = Sample()
        guard expression.evaluate(evaluation, &sample, as: .str) else { return }
        if isField { append(field: sample.bytes, to: &text) } else { text.append(sample.bytes) }
    }

    /// Appends a field's value; bytes that it may not have are written as `%XX`.
    private static func append(field value: Span<UInt8>, to text: inout ScratchText) {
        var isClean = true
        for index in value.indices where ByteClass.field.contains(value[index]) { isClean = false }
        if isClean { return text.append(value) }
        for index in value.indices {
            if ByteClass.field.contains(value[index]) {
                text.append(byte: 0x25)
                text.append(hexadecimal: value[index])
            } else {
                text.append(value[index])
            }
        }
    }

    private func append(to writer: inout FormatWriter) {
        let isEncoded = !options.isDisjoint(with: .encoded)
        var endsWithSpace = true
        var isFirst = true
        if isEncoded {
            writer.options = options
            writer.beginLine()
        }
        for index in 0..<pieces.count {
            let piece = pieces[index]
            let item: Item
            switch piece {
            case .text(let constant):
                if !isEncoded {
                    writer.append(constant.bytes)
                    endsWithSpace = false
                }
                continue
            case .space:
                if !isEncoded, !endsWithSpace {
                    writer.append(space: ())
                    endsWithSpace = true
                }
                continue
            case .alias(_, let found), .expression(_, let found): item = found
            }
            if isEncoded {
                // An item without a name has no place in an encoded line.
                guard let name = item.name else { continue }
                writer.options = options
                writer.put(key: name.bytes, isFirst: isFirst)
                isFirst = false
            }
            let start = writer.text.count
            writer.options = item.options
            writer.type = item.type
            switch piece {
            case .alias(let alias, _): alias.write(&writer)
            case .expression(let expression, _):
                writer.put(expression)
                endsWithSpace = false
            case .text, .space: break
            }
            if writer.text.count == start { writer.putNull() }
            writer.endText()
            if writer.text.count != start { endsWithSpace = false }
        }
        if isEncoded {
            writer.options = options
            writer.endLine()
        }
    }
}

extension Format: Equatable {
    /// Formats are the same when they are written alike and their options agree.
    public static func == (left: Format, right: Format) -> Bool {
        left === right || left.source == right.source && left.options == right.options
    }
}

extension FormatWriter {
    /// The value of an expression.
    fileprivate mutating func put(_ expression: Expression) {
        var sample = Sample()
        var isFound = expression.evaluate(evaluation, &sample)
        var wanted = SampleType.str
        if isFound, sample.type == .bin, options.contains(.binary), type != .str { wanted = .bin }
        if !options.isDisjoint(with: .encoded) {
            switch type {
            case .raw:
                options = []
                wanted = .bin
            case .str: wanted = .str
            case .sint: wanted = .sint
            case .bool: wanted = .bool
            case .own:
                if isFound, sample.type == .sint || sample.type == .bool { wanted = sample.type }
                if isFound, sample.type == .bin, options.contains(.cbor) { wanted = .bin }
            }
        }
        if isFound, sample.type != wanted { isFound = Cast.apply(&sample, to: wanted, evaluation.scratch) }
        if options.contains(.http) {
            if isFound { put(sample.bytes, escaping: .field, with: 0x25) }
            return
        }
        guard isFound else { return put(Span()) }
        switch wanted {
        case .bin: put(sample.bytes, escaping: .none, with: 0)
        case .sint: putEncoded(sample.number)
        case .bool: put(sample.number != 0)
        default: put(sample.bytes)
        }
    }
}

extension Alias.Needs {
    /// What an expression needs of the exchange before it can be written.
    fileprivate init(_ sources: SampleSource) {
        self = .client
        if !sources.isDisjoint(with: .http) { formUnion(.request) }
        if !sources.isDisjoint(with: [.responseHead, .response, .responseBody]) { formUnion(.response) }
        let figures: SampleSource = [
            .responseBody, .requestFigures, .responseFigures, .transactionFigures, .sessionFigures,
        ]
        if !sources.isDisjoint(with: figures) { formUnion(.end) }
    }
}
