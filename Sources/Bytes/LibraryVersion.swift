/// A C library that a module uses: the version it was built with and the one that runs.
package struct LibraryVersion: Sendable {
    package let name: String
    package let built: String
    package let running: String

    package init(name: String, built: String, running: String) {
        self.name = name
        self.built = built
        self.running = running
    }
}
