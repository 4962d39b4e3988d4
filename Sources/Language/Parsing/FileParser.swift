import Configuration
import Words

/// Reads one file line by line: cuts lines into words, obeys `.if` and its like, and hands on what is left.
struct FileParser {
    let name: String
    let content: [UInt8]
    let dialect: Dialect

    /// Reads the file to its end, whatever is wrong in it.
    func parse(into sections: inout SectionParser) {
        sections.begin(file: name)
        var blocks = ConditionalBlocks()
        var start = 0
        var number = 0
        while start < content.count {
            let end = content[start...].firstIndex(of: Byte.lineFeed) ?? content.count
            number += 1
            let line = SourceLine(location: SourceLocation(file: name, line: number), bytes: content[start..<end])
            sections.move(to: line.location, line.bytes)
            parse(line, &blocks, &sections)
            if end == content.count {
                // Half a file may be valid by chance.
                sections.alert(
                    "missing LF on last line, file might have been truncated at position \(end - start + 1)",
                    on: line, at: end - start)
            }
            start = end + 1
        }
        if let line = blocks.unclosedLine {
            let place = SourceLocation(file: name, line: line)
            sections.diagnostics.append(Diagnostic(.alert, "non-terminated '.if' block", at: place))
        }
        sections.endFile()
    }

    private func parse(_ line: SourceLine, _ blocks: inout ConditionalBlocks, _ sections: inout SectionParser) {
        let lexed: LexedLine
        do {
            lexed = try Lexer.split(line.bytes, variables: sections.variables)
        } catch {
            sections.alert("\(error.message) at position \(error.column + 1)", on: line, at: error.column)
            return
        }
        guard let first = lexed.words.first else { return }
        if first.text.utf8.first == Byte.dot {
            directive(lexed.words, line, &blocks, &sections)
        } else if blocks.isActive {
            if let empty = lexed.emptyWord {
                report(empty, line, &sections)
            } else if first.text.utf8.first == UInt8(ascii: "[") {
                sections.alert("scopes are not supported by this version of Portico", on: line, at: first.column)
            } else {
                sections.statement(lexed.words, on: line)
            }
        }
    }

    /// An empty word would end the list of arguments, and so hide those behind it.
    private func report(_ empty: LexedLine.EmptyWord, _ line: SourceLine, _ sections: inout SectionParser) {
        var message = "argument number \(empty.index) at position \(empty.column + 1) is empty"
        if let variable = empty.variable {
            message += ": environment variable '\(variable)' is not set"
            if let near = sections.variables.nearest(to: variable) { message += "; did you mean '\(near)' maybe ?" }
        }
        sections.alert(message, on: line, at: empty.column)
    }

    // MARK: Directives

    private func directive(
        _ words: [Word], _ line: SourceLine, _ blocks: inout ConditionalBlocks, _ sections: inout SectionParser
    ) {
        let name = words[0].text
        let evaluator = ConditionEvaluator(dialect: dialect, environment: sections.variables.environment)
        let text = words.dropFirst().map(\.text).joined(separator: " ")
        do throws(BlockError) {
            switch name {
            case ".if":
                try blocks.begin(line: line.location.line) { () throws(ConditionError) in try evaluator.evaluate(text) }
            case ".elif":
                try blocks.alternative { () throws(ConditionError) in try evaluator.evaluate(text) }
            case ".else":
                try refuseArguments(words)
                try blocks.otherwise()
            case ".endif":
                try refuseArguments(words)
                try blocks.end()
            case _ where !blocks.isActive:
                break
            case ".alert": message(.alert, words, line, &sections)
            case ".warning": message(.warning, words, line, &sections)
            case ".notice": message(.notice, words, line, &sections)
            case ".diag": message(.diag, words, line, &sections)
            default:
                let known = [".if", ".elif", ".else", ".endif", ".alert", ".warning", ".notice", ".diag"]
                let hint = Nearest.word(to: name, among: known).map { "; did you mean '\($0)' maybe ?" } ?? ""
                throw .message("unknown directive '\(name)'\(hint)")
            }
        } catch {
            switch error {
            case .message(let message):
                sections.alert(message, on: line, at: words[0].column)
            case .condition(let error):
                sections.alert("\(error.message) in '\(name)'", on: line, at: column(of: error, text, words, line))
            }
        }
    }

    /// Where a condition's error is in its line, when the line spells the condition as it is; else where it starts.
    private func column(of error: ConditionError, _ text: String, _ words: [Word], _ line: SourceLine) -> Int {
        guard words.count > 1 else { return words[0].column }
        let start = words[1].column
        return line.bytes.dropFirst(start).starts(with: text.utf8) ? start + error.column : start
    }

    private func refuseArguments(_ words: [Word]) throws(BlockError) {
        if words.count > 1 { throw .message("unexpected argument '\(words[1].text)' for '\(words[0].text)'") }
    }

    private func message(
        _ severity: Diagnostic.Severity, _ words: [Word], _ line: SourceLine, _ sections: inout SectionParser
    ) {
        if words.count > 2 {
            sections.alert(
                "unexpected argument '\(words[2].text)' for '\(words[0].text)'. Use quotes if the message should contain"
                    + " spaces", on: line, at: words[2].column)
            return
        }
        let text = words.count > 1 ? words[1].text : ""
        sections.diagnostics.append(Diagnostic(severity, "'\(text)'", at: line.location))
    }
}
