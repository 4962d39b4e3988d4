/// Identifiers that are unique in the process (`guid`).
package enum GUID {
    /// Most bytes of one.
    private static let limit = 127

    /// What is wrong with one; nil: nothing.
    package static func complaint(about text: String) -> String? {
        if text.isEmpty || text.utf8.count > limit { return "invalid length" }
        let wrong = text.first { character in
            !(character.isASCII && (character.isLetter || character.isNumber || "_-.:".contains(character)))
        }
        return wrong.map { "invalid character '\($0)'" }
    }
}
