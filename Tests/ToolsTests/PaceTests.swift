import Bytes
import Testing
import portico_load

@Suite struct PaceTests {
    private func at(_ milliseconds: Int) -> Instant {
        Instant(nanoseconds: 5_000_000_000).advanced(milliseconds: milliseconds)
    }

    @Test func closedLoopGivesAllAtOnce() {
        var pace = Pace(quota: 3, rate: nil)
        pace.begin(at(0))
        for _ in 0..<3 { #expect(pace.take(at(7)) == at(7)) }
        #expect(!pace.hasMore)
        #expect(pace.take(at(8)) == nil)
        #expect(pace.overdue == 0)
    }

    @Test func rateGivesEachAtItsTime() {
        var pace = Pace(quota: nil, rate: 100)
        pace.begin(at(0))
        #expect(pace.take(at(0)) == at(0))
        #expect(pace.take(at(9)) == nil)
        #expect(pace.nextDue == at(10))
        #expect(pace.take(at(10)) == at(10))
        // Late: each counts from when it was due.
        #expect(pace.take(at(45)) == at(20))
        #expect(pace.take(at(45)) == at(30))
        #expect(pace.take(at(45)) == at(40))
        #expect(pace.take(at(45)) == nil)
        #expect(pace.issued == 5)
    }

    @Test func rateDoesNotDrift() {
        var pace = Pace(quota: nil, rate: 300)
        pace.begin(at(0))
        while pace.take(at(60_000)) != nil {}
        #expect(pace.issued == 18_001)
    }

    @Test func endEndsTheRate() {
        var pace = Pace(quota: nil, rate: 100)
        pace.begin(at(0), until: at(50))
        #expect(pace.overdue == 5)
        for index in 0..<5 { #expect(pace.take(at(70)) == at(index * 10)) }
        #expect(!pace.hasMore)
        #expect(pace.take(at(70)) == nil)
        #expect(pace.overdue == 0)
    }

    @Test func stopEndsIt() {
        var pace = Pace(quota: 100, rate: nil)
        pace.begin(at(0))
        #expect(pace.take(at(0)) != nil)
        pace.stop()
        #expect(!pace.hasMore)
        #expect(pace.take(at(5000)) == nil)
    }
}
