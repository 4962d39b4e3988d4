import Language

extension FuzzTarget {
    /// A log-format string. It is read or complained about at a place in its line, and a second reading says the same.
    static let logFormat = FuzzTarget("log-format", "log-format strings") { input in
        var line = Array("frontend f\n log-format \"".utf8)
        for index in input.indices {
            let byte = input[index]
            // What a line, its quotes and its variables take for themselves.
            if byte == 0 || byte == 0x0a || byte == 0x0d { continue }
            if byte == 0x22 || byte == 0x5c || byte == 0x24 { line.append(0x5c) }
            line.append(byte)
        }
        line += Array("\"\n".utf8)
        let loader = ConfigurationLoader(environment: [:], system: SealedSystem())
        let result = loader.load(content: line, named: "fuzz.cfg")
        promise((result.configuration == nil) == result.hasErrors, "a format with errors, or none without")
        for diagnostic in result.diagnostics {
            guard let excerpt = diagnostic.excerpt else { continue }
            promise((0...excerpt.line.count).contains(excerpt.column), "a mark outside of its line")
        }
        let again = loader.load(content: line, named: "fuzz.cfg")
        promise(again.diagnostics == result.diagnostics, "two readings, two sets of messages")
        promise(again.configuration == result.configuration, "two readings, two formats")
    }
}
