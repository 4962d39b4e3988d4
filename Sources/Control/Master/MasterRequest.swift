/// How the master CLI reads lines: commands keep their bytes, since most go on to a worker as they are.
enum MasterRequest {
    private static let backslash = UInt8(ascii: "\\")

    /// A line that hands the client over to a process (`@@1 show info; show stat`): the prefix without its first `@`, and
    /// what goes there. Nil: the line is none.
    static func handover(_ line: ArraySlice<UInt8>) -> (prefix: String, rest: ArraySlice<UInt8>)? {
        let line = line.drop(while: isSpace)
        guard line.starts(with: [UInt8(ascii: "@"), UInt8(ascii: "@")]) else { return nil }
        let end = line.firstIndex { isSpace($0) || $0 == 0x0d || $0 == 0x0a } ?? line.endIndex
        let prefix = String(decoding: line[line.startIndex..<end].dropFirst(), as: UTF8.self)
        return (prefix, line[end...].drop { isSpace($0) || $0 == 0x0d || $0 == 0x0a })
    }

    /// The first command of a line, and the rest behind its semicolon; nil: it was the last one.
    static func cut(_ line: ArraySlice<UInt8>) -> (command: ArraySlice<UInt8>, rest: ArraySlice<UInt8>?) {
        var index = line.startIndex
        while index < line.endIndex {
            switch line[index] {
            case backslash: index += 2
            case UInt8(ascii: ";"): return (line[..<index], line[(index + 1)...])
            default: index += 1
            }
        }
        return (line, nil)
    }

    /// The words of a command, backslashes and all.
    static func words(_ command: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var result: [ArraySlice<UInt8>] = []
        var index = command.startIndex
        while result.count < CommandText.maxWords {
            while index < command.endIndex, isSpace(command[index]) { index += 1 }
            guard index < command.endIndex else { break }
            let start = index
            while index < command.endIndex, !isSpace(command[index]) {
                index += command[index] == backslash ? 2 : 1
            }
            index = min(index, command.endIndex)
            result.append(command[start..<index])
        }
        return result
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
