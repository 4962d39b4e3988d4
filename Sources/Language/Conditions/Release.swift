/// A release number in HAProxy's notation: `3.4`, `3.4.2`, `3.4-dev7`, `3.4.2-1f2a3b-15`.
package struct Release: Sendable, Comparable, CustomStringConvertible {
    /// The release whose configuration language Portico speaks.
    package static let spoken = Release(major: 3, minor: 4, patch: 0)

    package let major: Int
    package let minor: Int
    /// The third number; nil for a development version, which is older than the release it leads to.
    package let patch: Int?
    /// The number behind `-dev`; 0 without one.
    package let development: Int
    /// Changes since that version.
    package let commits: Int

    /// A release, and not a development version.
    package init(major: Int, minor: Int, patch: Int) {
        self.major = major
        self.minor = minor
        self.patch = patch
        self.development = 0
        self.commits = 0
    }

    /// Reads a version. What is missing counts as 0; reading stops at the first character that does not fit.
    package init(_ text: some StringProtocol) {
        var rest = Array(text.utf8)[...]
        func number() -> Int {
            var value = 0
            while let digit = rest.first, Byte.isDigit(digit), value < 1_000_000 {
                value = value * 10 + Int(digit - UInt8(ascii: "0"))
                rest.removeFirst()
            }
            return value
        }
        func skip(_ prefix: String) -> Bool {
            guard rest.starts(with: prefix.utf8) else { return false }
            rest.removeFirst(prefix.utf8.count)
            return true
        }
        major = number()
        minor = skip(".") ? number() : 0
        if skip("-dev") {
            patch = nil
            development = number()
        } else {
            patch = skip(".") ? number() : 0
            development = 0
        }
        // What follows is a commit's name and a count, each behind a dash.
        if skip("-") {
            while let byte = rest.first, byte != Byte.minus { rest.removeFirst() }
            commits = skip("-") ? number() : 0
        } else {
            commits = 0
        }
    }

    /// The branch: `3.4`.
    package var branch: String { "\(major).\(minor)" }

    /// `3.4.0`, or `3.4-dev7`.
    package var description: String {
        if let patch { "\(branch).\(patch)" } else { "\(branch)-dev\(development)" }
    }

    package static func < (left: Release, right: Release) -> Bool { left.key.lexicographicallyPrecedes(right.key) }

    package static func == (left: Release, right: Release) -> Bool { left.key == right.key }

    private var key: [Int] { [major, minor, patch ?? -1, development, commits] }
}
