import Configuration
import Language
import Testing

@Suite struct ErrorFileTests {
    private let directory = TemporaryDirectory()

    private static let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno"

    @Test func filesAreReadWithTheConfiguration() throws {
        let path = directory.write("503.http", Self.answer)
        let result = load("backend b\n errorfile 503 \(path)\n errorfile 408 /dev/null\n")
        #expect(result.diagnostics == [])
        let files = try #require(result.configuration).backends[0].errorFiles
        #expect(files.map(\.status) == [408, 503])
        #expect(files[0].content == [])
        #expect(files[1].content == Array(Self.answer.utf8))
        #expect(files[1].path == path)
        #expect(files[1].location.line == 2)
    }

    @Test func groupsAreImported() throws {
        let (first, second) = (directory.write("a", Self.answer), directory.write("b", Self.answer + "!"))
        let result = load(
            """
            backend before
                errorfiles site
            http-errors site
                errorfile 400 \(first)
                errorfile 503 \(first)
            backend some
                errorfile 400 \(second)
                errorfile 503 \(second)
                errorfiles site 503
            defaults
                errorfiles site
            listen all
                bind :80
                timeout client 1s
                errorfile 400 \(second)
            """)
        #expect(result.diagnostics == [])
        let configuration = try #require(result.configuration)
        func paths(_ files: [ErrorFile]) -> [Int: String] {
            Dictionary(uniqueKeysWithValues: files.map { ($0.status, $0.path) })
        }
        #expect(paths(configuration.backends[0].errorFiles) == [400: first, 503: first])
        #expect(paths(configuration.backends[1].errorFiles) == [400: second, 503: first])
        #expect(paths(configuration.backends[2].errorFiles) == [400: second, 503: first])
        #expect(paths(configuration.frontends[0].errorFiles) == [400: second, 503: first])
    }

    @Test(arguments: ErrorFile.statuses)
    func statuses(status: Int) {
        #expect(load("backend b\n errorfile \(status) /dev/null\n").alerts == [])
    }

    @Test func refusals() {
        let path = directory.path
        let bad = [
            "HTTP/2 503\r\n\r\n", "HTTP/1.1 5x3 No\r\n\r\n", "HTTP/1.1 503 No\r\nA: b\r\n", "<html>\n\n</html>\n",
            "HTTP/1.1 5034\r\n\r\n",
        ]
        for text in bad {
            let file = directory.write("bad", text)
            #expect(
                load("backend b\n errorfile 503 \(file)\n").alerts == [
                    "2:16 errorfile : file '\(file)' is not a whole HTTP/1 response"
                ], "\(text)")
        }
        let large = directory.write("large", Self.answer + String(repeating: "x", count: 16384))
        let expected = [
            ("errorfile", "2:2 'errorfile' expects <status_code> and <file> as arguments"),
            ("errorfile 503", "2:2 'errorfile' expects <status_code> and <file> as arguments"),
            ("errorfile 999 /dev/null", "2:12 'errorfile' : status code '999' not handled"),
            (
                "errorfile 503 \(path)/none",
                "2:16 errorfile : error opening file '\(path)/none' : No such file or directory"
            ),
            ("errorfile 503 \(path)", "2:16 errorfile : error opening file '\(path)' : Is a directory"),
            (
                "errorfile 503 \(large)",
                "2:16 errorfile : file '\(large)' has \(Self.answer.utf8.count + 16384) bytes, which do not fit a buffer of"
                    + " 16384 (see 'tune.bufsize')"
            ),
            ("errorfiles", "2:2 'errorfiles' expects the name of an http-errors section"),
            ("errorfiles e x", "2:15 'errorfiles' : status code 'x' not handled"),
            (
                "errorfiles e 404\nhttp-errors e",
                "2:13 proxy 'b': status code '404' is not declared in http-errors section 'e'"
            ),
        ]
        for (line, message) in expected {
            #expect(load("backend b\n \(line)\n").alerts == [message])
        }
        #expect(load("global\n tune.bufsize 64k\nbackend b\n errorfile 503 \(large)\n").alerts == [])
    }
}
