import Configuration
import Language
import Testing

@Suite struct FileTests {
    private let directory = TemporaryDirectory()

    @Test func filesAndDirectoriesAreReadInOrder() throws {
        let first = directory.write("main.cfg", "global\n log-tag \"${.FILE}\"\n maxconn 5\n")
        let folder = directory.makeDirectory("conf.d")
        directory.write("conf.d/20.cfg", "backend b20\n")
        directory.write("conf.d/10.cfg", "backend b10\n")
        directory.write("conf.d/Z.cfg", "backend bZ\n")
        directory.write("conf.d/.hidden.cfg", "nonsense\n")
        directory.write("conf.d/README", "nonsense\n")
        directory.makeDirectory("conf.d/sub.cfg")
        let result = ConfigurationLoader().load(paths: [first, folder])
        #expect(result.diagnostics == [])
        #expect(result.files == [first, "\(folder)/10.cfg", "\(folder)/20.cfg", "\(folder)/Z.cfg"])
        let configuration = try #require(result.configuration)
        #expect(configuration.global.logTag == first)
        #expect(configuration.backends.map(\.name) == ["b10", "b20", "bZ"])
        #expect(configuration.backends[1].location == SourceLocation(file: "\(folder)/20.cfg", line: 1))
        #expect(ConfigurationLoader().load(paths: [folder + "/"]).files.first == "\(folder)/10.cfg")
    }

    @Test func defaultsReachTheNextFileButSectionsDoNot() {
        let first = directory.write("a.cfg", "defaults\n mode http\nbackend a\n")
        let second = directory.write("b.cfg", "retries 5\nbackend b\n")
        let result = ConfigurationLoader().load(paths: [first, second])
        #expect(
            result.diagnostics.map { "\($0.location?.description ?? "") \($0.message)" } == [
                "\(second):1 unknown keyword 'retries' out of section"
            ])
        directory.write("b.cfg", "backend b\n")
        #expect(ConfigurationLoader().load(paths: [first, second]).configuration?.backends[1].mode == .http)
    }

    @Test func errorsOfAllFilesComeInOneRun() {
        let first = directory.write("a.cfg", "global\n maxcon 1\n.if 1\n")
        let second = directory.write("b.cfg", ".endif\nbackend b\n blance first\n")
        let result = ConfigurationLoader().load(paths: [first, "\(directory.path)/none.cfg", second])
        #expect(
            result.diagnostics.map { "\($0.location?.description ?? "-") \($0.message)" } == [
                "\(first):2 unknown keyword 'maxcon' in 'global' section; did you mean 'maxconn' maybe ?",
                "\(first):3 non-terminated '.if' block",
                "- cannot open configuration file/directory \(directory.path)/none.cfg : No such file or directory",
                "\(second):1 lone '.endif' with no matching '.if'",
                "\(second):3 unknown keyword 'blance' in 'backend' section; did you mean 'balance' maybe ?",
            ])
        #expect(result.configuration == nil)
        #expect(result.files == [first, second])
    }

    @Test func namesOfDuplicatesLeadToTheirFiles() {
        let first = directory.write("a.cfg", "backend b\n")
        let second = directory.write("b.cfg", "backend b\n")
        #expect(
            ConfigurationLoader().load(paths: [first, second]).alerts == [
                "1:9 backend 'b' has the same name as a section declared at \(first):1"
            ])
    }

    @Test func aDirectoryMayBeEmpty() {
        let result = ConfigurationLoader().load(paths: [directory.path])
        #expect(result.configuration?.frontends == [] && result.configuration?.backends == [])
        #expect(result.files == [])
    }
}
