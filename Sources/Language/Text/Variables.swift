import Words

/// What `$NAME` means at one place of the configuration: the process's environment, and `.FILE`, `.LINE`, `.SECTION`.
struct Variables: Sendable {
    /// The environment that `setenv` and friends change while the files are read.
    var environment: [String: String]
    var file = ""
    var line = 0
    var section = ""

    init(environment: [String: String] = [:]) {
        self.environment = environment
    }

    /// The value of a variable; nil: not set. A name with a dot is one of the parser's own.
    func value(of name: String) -> String? {
        environment[name]
    }

    /// A text with the values of `$NAME` and `${NAME}` in it, nothing for those that are not set: addresses take variables
    /// also outside of quotes.
    func expanding(_ text: String) -> String {
        var result: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.first {
            rest = rest.dropFirst()
            guard byte == UInt8(ascii: "$") else {
                result.append(byte)
                continue
            }
            let isBraced = rest.first == UInt8(ascii: "{")
            if isBraced { rest = rest.dropFirst() }
            let name = rest.prefix { Byte.isLetter($0) || Byte.isDigit($0) || $0 == UInt8(ascii: "_") }
            rest = rest.dropFirst(name.count)
            if isBraced, rest.first == UInt8(ascii: "}") { rest = rest.dropFirst() }
            result += Array((value(of: String(decoding: name, as: UTF8.self)) ?? "").utf8)
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The value of one of the parser's own variables; nil: there is none of that name.
    func pseudoValue(of name: String) -> String? {
        switch name {
        case ".FILE": file
        case ".LINE": String(line)
        case ".SECTION": section
        default: nil
        }
    }

    /// The variable whose name is nearest to `name`, if one is near.
    func nearest(to name: String) -> String? {
        Nearest.word(to: name, among: environment.keys)
    }
}
