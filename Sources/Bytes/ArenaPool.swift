import Glibc

/// A worker's stock of ``ConnectionArena``s of one size. They stand side by side in regions of address space that are
/// reserved as connections come; a page takes memory once something is written into it. Not Sendable: a pool and its
/// arenas stay on one thread.
@safe public final class ArenaPool {
    /// Bytes of address space for each arena: a multiple of the page size.
    public let arenaSize: Int
    /// Arenas in use now.
    public private(set) var used = 0

    /// Arenas that one region has.
    private static let regionCount = 32
    /// Arenas kept with their memory for the next connections.
    private static let warmLimit = 8
    private var regions: [UInt] = []
    /// The addresses of places whose pages may still hold memory, and of such without.
    private var warm: [UInt] = []
    private var bare: [UInt] = []
    /// Where the content of one arena is gathered, and which of its pages are there; made when first needed.
    private var scratch: UnsafeMutableRawPointer?
    private var residency: UnsafeMutablePointer<UInt8>?

    /// - Parameter arenaSize: bytes; at least a page.
    public init(arenaSize: Int) {
        self.arenaSize = max(1, arenaSize / ConnectionArena.pageSize) * ConnectionArena.pageSize
        unsafe scratch = nil
        unsafe residency = nil
    }

    deinit {
        for region in regions {
            unsafe _ = munmap(UnsafeMutableRawPointer(bitPattern: region), arenaSize * Self.regionCount)
        }
        unsafe scratch?.deallocate()
        unsafe residency?.deallocate()
    }

    /// An arena for one connection; nil when the system has no address space for it.
    public func obtain() -> ConnectionArena? {
        if warm.isEmpty, bare.isEmpty, !reserve() { return nil }
        guard let place = warm.popLast() ?? bare.popLast(),
            let base = unsafe UnsafeMutableRawPointer(bitPattern: place)
        else { return nil }
        used += 1
        return unsafe ConnectionArena(base: base, size: arenaSize, pool: self)
    }

    private func reserve() -> Bool {
        let size = arenaSize * Self.regionCount
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let region = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0), unsafe region != MAP_FAILED
        else { return false }
        // A huge page would give memory to parts that nothing is written into.
        unsafe _ = madvise(region, size, MADV_NOHUGEPAGE)
        let start = UInt(bitPattern: region)
        regions.append(start)
        for index in (0..<Self.regionCount).reversed() { bare.append(start + UInt(index * arenaSize)) }
        return true
    }

    /// Takes back the place of an arena whose connection is gone.
    @unsafe func takeBack(_ base: UnsafeMutableRawPointer) {
        used -= 1
        if warm.count < Self.warmLimit {
            warm.append(UInt(bitPattern: base))
        } else {
            unsafe _ = madvise(base, arenaSize, MADV_DONTNEED)
            bare.append(UInt(bitPattern: base))
        }
    }

    /// Room for the content of an arena.
    @unsafe func room() -> UnsafeMutableRawPointer {
        if let scratch = unsafe scratch { return unsafe scratch }
        let made = UnsafeMutableRawPointer.allocate(byteCount: arenaSize, alignment: 64)
        unsafe scratch = made
        return unsafe made
    }

    /// Which pages from `base` on have memory: bit 0 of a byte for each. Nil when the system does not say.
    @unsafe func residency(of base: UnsafeMutableRawPointer, count: Int) -> UnsafeMutablePointer<UInt8>? {
        let table = unsafe residency ?? .allocate(capacity: arenaSize / ConnectionArena.pageSize)
        unsafe residency = table
        return unsafe mincore(base, count, table) == 0 ? table : nil
    }
}
