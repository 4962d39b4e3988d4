/// A C library that a module uses: the version it was built with and the one that runs.
public struct LibraryVersion: Sendable {
    public let name: String
    public let built: String
    public let running: String

    public init(name: String, built: String, running: String) {
        self.name = name
        self.built = built
        self.running = running
    }
}
