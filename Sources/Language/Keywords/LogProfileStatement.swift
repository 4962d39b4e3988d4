import Configuration
import Rules
import Samples
import Words

/// The keywords of `log-profile` sections.
enum LogProfileStatement {
    static let keywords: [Keyword<LogProfile>] = [
        Keyword("log-tag", in: .logProfile) { (profile, statement) throws(Complaint) in
            profile.tag = try statement.argument("a tag for use in syslog").text
        },
        Keyword("on", in: .logProfile) { (profile, statement) throws(Complaint) in
            let names = (LogOrigin.steps.map { "\($0.step)" } + ["any"]).map { "'\($0)'" }.joined(separator: ", ")
            let word = try statement.argument("a log step: \(names)")
            let origin = LogOrigin.steps.first { "\($0.step)" == word.text }
            guard origin != nil || word.text == "any" else {
                let hint = Nearest.word(to: word.text, among: LogOrigin.steps.map { "\($0.step)" } + ["any"])
                throw Complaint(
                    "'on' expects a log step: \(names)\(hint.map { "; did you mean '\($0)' maybe ?" } ?? "")", at: word)
            }
            var step =
                origin.flatMap { profile.steps[$0] } ?? (origin == nil ? profile.other : nil) ?? LogProfile.Step()
            try read(&step, &statement, word)
            if let origin { profile.steps[origin] = step } else { profile.other = step }
        },
    ]

    private static func read(
        _ step: inout LogProfile.Step, _ statement: inout Statement, _ name: Word
    ) throws(Complaint) {
        guard !statement.isAtEnd else {
            throw Complaint("'on \(name.text)' expects 'drop', 'format' or 'sd'", at: name)
        }
        if statement.skip("drop") {
            step.isDropped = true
            return
        }
        statement.context.place = .log
        while let word = statement.next() {
            guard word.text == "format" || word.text == "sd" else {
                throw Complaint("'on \(name.text)' expects 'drop', 'format' or 'sd', got '\(word.text)'", at: word)
            }
            let text = try statement.argument("a log-format string after '\(word.text)'")
            step.isDropped = false
            let format: Format
            do throws(Complaint) {
                format = try Format.parse(text, statement.context, options: .logLine)
            } catch {
                throw Complaint("'on \(name.text)' : \(error.message)", at: error.column ?? text.column)
            }
            if word.text == "format" { step.format = format } else { step.structuredData = format }
        }
    }
}
