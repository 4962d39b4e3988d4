import Foundation
import FuzzTargets
import TestSupport
import Testing

/// Each fuzz target on its corpus, and on inputs made from it: what `make fuzz` found stays found, and a parser that
/// falls over at the first strange byte fails here already.
@Suite(.serialized) struct ReplayTests {
    static let targets = FuzzTarget.all.map(\.name)

    /// The inputs below `Fuzz/Corpus/TARGET`, in the order of their names.
    private func corpus(_ target: String) throws -> [[UInt8]] {
        let folder = Repository.root.appending(path: "Fuzz/Corpus/\(target)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path()).sorted()
        return try names.map { Array(try Data(contentsOf: folder.appending(path: $0))) }
    }

    /// A parser that traps takes the test process with it, so the input is on disk before it runs.
    private func feed(_ target: FuzzTarget, _ input: [UInt8], _ record: FileHandle) throws {
        try record.truncate(atOffset: 0)
        try record.write(contentsOf: input)
        target.run(input.span)
    }

    private func record(_ target: String) throws -> FileHandle {
        let folder = Repository.root.appending(path: ".build/fuzz/last")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appending(path: target)
        try Data().write(to: file)
        return try FileHandle(forWritingTo: file)
    }

    /// The QUIC targets are servers, and load their certificates.
    init() async throws { _ = try await TestCertificates.directory() }

    @Test(arguments: targets) func takesItsCorpus(_ name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        let corpus = try corpus(name)
        #expect(!corpus.isEmpty, "Fuzz/Corpus/\(name) has nothing to start from")
        let record = try record(name)
        for input in corpus { try feed(target, input, record) }
    }

    @Test(arguments: targets) func takesMutations(_ name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        let corpus = try corpus(name)
        let record = try record(name)
        let environment = ProcessInfo.processInfo.environment
        var mutator = Mutator(seed: environment["PORTICO_SEED"].flatMap(UInt64.init) ?? 1)
        let runs = environment["PORTICO_FUZZ_RUNS"].flatMap(Int.init) ?? 1_000
        for _ in 0..<max(1, runs / target.weight) {
            try feed(target, mutator.mutate(corpus), record)
        }
    }

    /// A corpus without a target would be kept by nobody.
    @Test func eachCorpusHasItsTarget() throws {
        let folders = try FileManager.default.contentsOfDirectory(
            atPath: Repository.root.appending(path: "Fuzz/Corpus").path())
        #expect(Set(folders) == Set(Self.targets))
    }

    /// The target gets past the encryption: a server answers a good ClientHello with its certificate.
    @Test func anInitialReachesTheHandshake() throws {
        let path = Repository.path("Fuzz/Corpus/quic-initial/hello-localhost")
        let hello = try Array(Data(contentsOf: URL(filePath: path)))
        let server = QUICServer()
        server.receive(InitialPacket(frames: hello).datagram)
        #expect(server.sent > 1200)
    }

    /// Its version_information says version 1 in both cases: only one of them is true (RFC 9368 section 4).
    @Test func aWrongChosenVersionIsRefused() throws {
        let path = Repository.path("Fuzz/Corpus/quic-version/hello-versions")
        let hello = try Array(Data(contentsOf: URL(filePath: path)))
        let honest = QUICServer()
        honest.receive(InitialPacket(frames: hello).datagram)
        #expect(honest.sent > 1200 && honest.closeCodes.isEmpty)
        let other = QUICServer()
        other.receive(InitialPacket(frames: hello, isVersion2: true).datagram)
        #expect(other.closeCodes == [0x11])
    }
}
