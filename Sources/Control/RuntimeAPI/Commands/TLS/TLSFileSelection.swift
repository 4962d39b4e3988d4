/// What `show ssl ca-file` and `show ssl crl-file` are asked for: a file in memory or, behind `*`, in the transaction that
/// has begun, and maybe one part of it. A backslash lets a file's own name begin with `*`.
struct TLSFileSelection {
    let name: String
    /// The part's number, from 1; nil: all.
    let index: Int?
    let isBegun: Bool

    /// - Parameter kind: the parts' name in a refusal.
    init(_ argument: String, kind: String) throws(CommandFailure) {
        var word = argument[...]
        if let colon = word.firstIndex(of: ":") {
            guard let number = Int(word[word.index(after: colon)...]), number > 0 else {
                throw .refused("wrong \(kind) index after colons in '\(argument)'!")
            }
            index = number
            word = word[..<colon]
        } else {
            index = nil
        }
        isBegun = word.hasPrefix("*")
        if isBegun { word = word.dropFirst() }
        if word.hasPrefix("\\") { word = word.dropFirst() }
        name = String(word)
    }
}
