import Configuration

// The numbers of sections in statistics and server-state files.
extension Assembler {
    /// Gives sections the numbers that they want (`id`), and to the others the next free ones in the order of the file.
    /// HAProxy starts with 2, since 1 is its own.
    mutating func numberSections(_ result: inout Configuration) {
        var owners: [Int: ProxyDraft] = [:]
        for draft in sections.proxies {
            guard let id = draft.id else { continue }
            if let other = owners[id] {
                report(
                    .alert,
                    "\(draft.kind.word) \(draft.name) reuses same custom id as \(other.kind.word) \(other.name) (declared at"
                        + " \(other.mark.location)).", at: draft.mark)
            } else {
                owners[id] = draft
            }
        }
        var next = 2
        var frontend = 0
        for draft in sections.proxies {
            if draft.id == nil {
                while owners[next] != nil { next += 1 }
            }
            let id = draft.id ?? next
            if draft.kind.hasFront {
                result.frontends[frontend].id = id
                frontend += 1
            }
            if draft.kind.hasBack, let index = backends[draft.name]?.index, result.backends.indices.contains(index) {
                result.backends[index].id = id
                result.backends[index].hasForcedID = draft.id != nil
            }
            if draft.id == nil { next += 1 }
        }
    }
}
