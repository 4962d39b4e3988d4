/// Waits until `condition` holds, looking every few milliseconds; throws ``SupportError/timeout(_:)`` when it does not
/// within `limit`. For what no event tells: another process's state.
package func eventually(
    _ what: String, within limit: Duration = .seconds(10), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw SupportError.timeout(what) }
        try await Task.sleep(for: .milliseconds(5))
    }
}
