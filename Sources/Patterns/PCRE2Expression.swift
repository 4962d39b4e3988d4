import CPCRE2
import Glibc

/// A compiled regular expression of PCRE2, turned into machine code where the processor allows. Immutable, and shared
/// by all threads; each thread matches with memory of its own.
@safe public final class PCRE2Expression: @unchecked Sendable {
    /// Groups that a match can hold, the whole match included: `\0` to `\9`.
    public static let mostCaptures = 10

    private let code: OpaquePointer
    /// Whether machine code was made; without it PCRE2 interprets.
    public let isCompiledToMachineCode: Bool

    /// - Parameters:
    ///   - pattern: the expression's text.
    ///   - ignoringCase: whether letters match in both cases.
    ///   - capturing: whether plain parentheses capture. Without, they only group, and `\1` in the pattern is an error.
    public init(_ pattern: Span<UInt8>, ignoringCase: Bool = false, capturing: Bool = true) throws(PatternError) {
        var options: UInt32 = 0
        if ignoringCase { options |= PCRE2_CASELESS }
        if !capturing { options |= PCRE2_NO_AUTO_CAPTURE }
        var code: Int32 = 0
        var offset = 0
        let compiled = unsafe pattern.withUnsafeBufferPointer { bytes in
            var nothing: UInt8 = 0
            return unsafe withUnsafePointer(to: &nothing) { empty in
                unsafe pcre2_compile_8(bytes.baseAddress ?? empty, bytes.count, options, &code, &offset, nil)
            }
        }
        guard let compiled = unsafe compiled else {
            let text = pattern.patternString
            throw PatternError("regex '\(text)' is invalid (error=\(Self.message(code)), erroffset=\(offset))")
        }
        unsafe self.code = compiled
        isCompiledToMachineCode = unsafe pcre2_jit_compile_8(compiled, PCRE2_JIT_COMPLETE) == 0
    }

    /// Compiles the expression in `pattern`.
    public convenience init(
        _ pattern: String, ignoringCase: Bool = false, capturing: Bool = true
    ) throws(PatternError) {
        let bytes = Array(pattern.utf8)
        try self.init(bytes.span, ignoringCase: ignoringCase, capturing: capturing)
    }

    deinit { unsafe pcre2_code_free_8(code) }

    /// The library's version and date.
    public static var libraryVersion: String {
        var text: [UInt8] = Array(repeating: 0, count: 64)
        unsafe pcre2_config_8(UInt32(PCRE2_CONFIG_VERSION), &text)
        return String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
    }

    private static func message(_ code: Int32) -> String {
        var text: [UInt8] = Array(repeating: 0, count: 256)
        unsafe pcre2_get_error_message_8(code, &text, text.count)
        return String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// True when the expression matches somewhere in `text`. A match that goes beyond the limits of steps or depth
    /// does not match.
    public func matches(_ text: Span<UInt8>) -> Bool { run(text, from: 0, isContinued: false) != nil }

    /// Where the expression matches in `text`; nil when it does not.
    /// - Parameters:
    ///   - start: where to begin to look; what stands before is still seen by look-behinds and `\b`.
    ///   - isContinued: whether `^` must not match at the text's start, because the text goes on from an earlier one.
    public func captures(
        in text: Span<UInt8>, from start: Int = 0, isContinued: Bool = false
    ) -> RegexCaptures? {
        guard let count = run(text, from: start, isContinued: isContinued) else { return nil }
        return MatchMemory.current.captures(count: count)
    }

    /// Matches; the number of groups that are set in this thread's match memory, counted from the whole match.
    private func run(_ text: Span<UInt8>, from start: Int, isContinued: Bool) -> Int? {
        guard start >= 0, start <= text.count else { return nil }
        let memory = MatchMemory.current
        let options: UInt32 = isContinued ? PCRE2_NOTBOL : 0
        let result = unsafe text.withUnsafeBufferPointer { bytes in
            var nothing: UInt8 = 0
            return unsafe withUnsafePointer(to: &nothing) { empty in
                let subject = unsafe bytes.baseAddress ?? empty
                return unsafe isCompiledToMachineCode
                    ? pcre2_jit_match_8(code, subject, bytes.count, start, options, memory.data, memory.context)
                    : pcre2_match_8(code, subject, bytes.count, start, options, memory.data, memory.context)
            }
        }
        guard result >= 0 else { return nil }
        // 0 says that there are more groups than places: all places are set.
        return result == 0 ? Self.mostCaptures : Int(result)
    }
}

/// Where a regular expression and its groups matched, as offsets into the text.
public struct RegexCaptures: Sendable {
    private var starts: InlineArray<10, Int32> = .init(repeating: -1)
    private var ends: InlineArray<10, Int32> = .init(repeating: -1)

    fileprivate init() {}

    fileprivate mutating func set(_ group: Int, _ start: Int, _ end: Int) {
        starts[group] = Int32(truncatingIfNeeded: start)
        ends[group] = Int32(truncatingIfNeeded: end)
    }

    /// The range of group 0...9, where 0 is the whole match; nil for a group that took no part or does not exist.
    public subscript(group: Int) -> Range<Int>? {
        guard (0..<PCRE2Expression.mostCaptures).contains(group), starts[group] >= 0, ends[group] >= starts[group]
        else {
            return nil
        }
        return Int(starts[group])..<Int(ends[group])
    }
}

/// What one thread needs to match: room for captures, limits, a stack for machine code. Made when a thread first
/// matches, freed when it ends.
@safe private final class MatchMemory {
    /// Steps that a match may take before it counts as failed, and how deep the interpreter may go.
    static let mostSteps: UInt32 = 1_000_000
    static let mostDepth: UInt32 = 10_000
    /// The machine code's stack: what it starts with, and what it may grow to, in bytes.
    static let stackStart = 32 * 1024
    static let stackLimit = 512 * 1024

    let data: OpaquePointer?
    let context: OpaquePointer?
    private let stack: OpaquePointer?

    private init() {
        unsafe data = pcre2_match_data_create_8(UInt32(PCRE2Expression.mostCaptures), nil)
        unsafe context = pcre2_match_context_create_8(nil)
        unsafe stack = pcre2_jit_stack_create_8(Self.stackStart, Self.stackLimit, nil)
        unsafe pcre2_set_match_limit_8(context, Self.mostSteps)
        unsafe pcre2_set_depth_limit_8(context, Self.mostDepth)
        unsafe pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack))
    }

    deinit {
        unsafe pcre2_match_data_free_8(data)
        unsafe pcre2_match_context_free_8(context)
        unsafe pcre2_jit_stack_free_8(stack)
    }

    private static let key: pthread_key_t = {
        var key: pthread_key_t = 0
        unsafe pthread_key_create(&key) { memory in
            guard let memory = unsafe memory else { return }
            unsafe Unmanaged<MatchMemory>.fromOpaque(memory).release()
        }
        return key
    }()

    /// The calling thread's.
    static var current: MatchMemory {
        if let known = unsafe pthread_getspecific(key) {
            return unsafe Unmanaged<MatchMemory>.fromOpaque(known).takeUnretainedValue()
        }
        let memory = MatchMemory()
        unsafe pthread_setspecific(key, Unmanaged.passRetained(memory).toOpaque())
        return memory
    }

    func captures(count: Int) -> RegexCaptures {
        var captures = RegexCaptures()
        guard let offsets = unsafe pcre2_get_ovector_pointer_8(data) else { return captures }
        for group in 0..<min(count, PCRE2Expression.mostCaptures) {
            let start = unsafe offsets[group * 2]
            let end = unsafe offsets[group * 2 + 1]
            // A group that took no part has -1; no text is longer than 31 bits tell.
            if start >= 0, end <= Int(Int32.max) { captures.set(group, start, end) }
        }
        return captures
    }
}
