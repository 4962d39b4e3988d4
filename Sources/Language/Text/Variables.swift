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
