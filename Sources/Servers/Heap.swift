/// A binary heap that gives its smallest element first.
struct Heap<Element: Comparable> {
    private var items: [Element] = []

    var count: Int { items.count }
    /// The smallest element.
    var first: Element? { items.first }

    mutating func push(_ item: Element) {
        items.append(item)
        var place = items.count - 1
        while place > 0, items[place] < items[(place - 1) / 2] {
            items.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    /// Takes the smallest element out.
    mutating func pop() -> Element? {
        guard let smallest = items.first else { return nil }
        let last = items.removeLast()
        guard !items.isEmpty else { return smallest }
        items[0] = last
        var place = 0
        while true {
            var child = 2 * place + 1
            guard child < items.count else { return smallest }
            if child + 1 < items.count, items[child + 1] < items[child] { child += 1 }
            guard items[child] < items[place] else { return smallest }
            items.swapAt(place, child)
            place = child
        }
    }

    /// Keeps only the elements for which `isWanted` holds.
    mutating func keep(where isWanted: (Element) -> Bool) {
        // A sorted list is a heap.
        items = items.filter(isWanted).sorted()
    }
}

extension Heap: Sendable where Element: Sendable {}
