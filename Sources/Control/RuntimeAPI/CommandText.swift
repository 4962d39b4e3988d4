/// How a line of commands is cut into commands and words (management.txt, section 9.3).
enum CommandText {
    /// Most words of one command.
    static let maxWords = 64
    /// Most characters of a payload's pattern.
    static let maxPatternLength = 64

    private static let backslash = UInt8(ascii: "\\")

    /// The commands of a line: semicolons part them, but not behind a backslash.
    static func commands(_ line: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var result: [ArraySlice<UInt8>] = []
        var start = line.startIndex
        var index = start
        while index < line.endIndex {
            switch line[index] {
            case backslash: index += 1
            case UInt8(ascii: ";"):
                result.append(line[start..<index])
                start = index + 1
            default: break
            }
            index += 1
        }
        result.append(line[start...])
        return result
    }

    /// The words of a command, their backslashes resolved; at most ``maxWords`` + 1.
    static func words(_ command: ArraySlice<UInt8>) -> [String] {
        var result: [String] = []
        var word: [UInt8] = []
        var isInside = false
        var index = command.startIndex
        while index < command.endIndex, result.count <= maxWords {
            var byte = command[index]
            index += 1
            if isSpace(byte) {
                if isInside { result.append(String(decoding: word, as: UTF8.self)) }
                isInside = false
                word = []
                continue
            }
            isInside = true
            if byte == backslash {
                guard index < command.endIndex else { break }
                byte = command[index]
                index += 1
            }
            word.append(byte)
        }
        if isInside { result.append(String(decoding: word, as: UTF8.self)) }
        return result
    }

    /// Takes `<<PATTERN` off the end of the last command of a line. Returns the pattern; nil when there is none.
    static func takePattern(_ command: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let start = (command.lastIndex(where: isSpace)).map { $0 + 1 } ?? command.startIndex
        let word = command[start...]
        guard word.starts(with: "<<".utf8), word.count - 2 <= maxPatternLength else { return nil }
        command = command[..<start]
        return word.dropFirst(2)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
