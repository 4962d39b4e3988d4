import Language
import Testing

@Suite struct ConditionTests {
    private let loader = ConfigurationLoader(
        dialect: Dialect(tlsVersion: "3.0.17"), environment: ["SET": "", "NAME": "web"])

    private static let cases: [(String, Bool)] = [
        ("", false), ("0", false), ("1", true), ("-3", true), ("00", false), ("!0", true), ("!!1", true),
        ("! 1", false),
        ("1 && 1", true), ("1&&0", false), ("0 || 1", true), ("0||0", false), ("1 || 0 && 0", true),
        ("(1 || 0) && 0", false), ("!(0 || 0)", true), ("( ( 1 ) )", true), ("1 && !0 && (0 || 1)", true),
        ("defined(SET)", true), ("defined(NONE)", false), ("!defined(NONE)", true), ("defined( SET )", false),
        ("defined(HAPROXY_BRANCH)", true),
        ("streq(a,a)", true), ("streq(a,b)", false), ("strneq(a,b)", true), ("strneq(a,a)", false),
        ("streq(a, a)", false), ("streq(,)", true), (#"streq(\"a,b\",\"a,b\")"#, true),
        (#"streq(\'a)\',\"a)\")"#, true),
        (#"streq(a\\,b,\'a,b\')"#, true), (#"streq("$NAME",web)"#, true), (#"streq("$NONE",web)"#, false),
        ("streq(a   b,a b)", true), ("1 # comment", true), ("defined()", false), ("strstr(haystack,st)", true),
        ("strstr(haystack,ts)", false),
        ("strstr(a,)", true), ("strstr(a,ab)", false),
        ("feature(OPENSSL)", true), ("feature(QUIC)", true), ("feature(THREAD)", true), ("feature(EPOLL)", true),
        ("feature(LUA)", false), ("feature(PCRE2)", true), ("feature(PROMEX)", true), ("feature(KTLS)", false),
        ("feature(EPO)", false),
        ("enabled(EPOLL)", true), ("enabled(REUSEPORT)", true), ("enabled(SPLICE)", false), ("enabled(NOTHING)", false),
        ("version_atleast(2.4)", true), ("version_atleast(3.4)", true), ("version_atleast(3.4.0)", true),
        ("version_atleast(3.4-dev12)", true), ("version_atleast(3.4.1)", false), ("version_atleast(3.5-dev0)", false),
        ("version_atleast(4)", false), ("version_before(3.4)", false), ("version_before(3.5)", true),
        ("version_before(3.4.0-1a2b3c-2)", true), ("version_before(3.4-dev14)", false),
        ("openssl_version_atleast(3.0.0)", true), ("openssl_version_atleast(3.5.0)", false),
        ("openssl_version_before(3.5.0)", true), ("openssl_version_before(1.1.1)", false),
        ("ssllib_name_startswith(OpenSSL)", true), ("ssllib_name_startswith(wolfSSL)", false),
    ]

    @Test(arguments: cases)
    func values(condition: String, value: Bool) throws {
        #expect(try loader.evaluate(condition: condition) == value, "\(condition)")
    }

    @Test(arguments: [
        ("foo", 0, "unparsable conditional expression 'foo'"),
        ("foo(2.4)", 0, "unparsable conditional expression 'foo(2.4)'"),
        ("1 && ", 4, "unparsable conditional expression ''"),
        ("1 && bar", 5, "unparsable conditional expression 'bar'"),
        ("(1", 0, "expected ')' after conditional expression '(1'"),
        ("1 1", 2, "unexpected character '1' at the end of conditional expression '1 1'"),
        ("1)", 1, "unexpected character ')' at the end of conditional expression '1)'"),
        (
            "defined", 7,
            "missing arguments (got 0/1) in predicate 'defined' used in conditional expression"
        ),
        ("streq()", 7, "missing arguments (got 1/2) in predicate 'streq' used in conditional expression"),
        (
            #"streq("a,b","a,b")"#, 14,
            "too many arguments (got 4/2) in predicate 'streq' used in conditional expression"
        ),
        (#"streq("a"#, 6, "unmatched quote"),
        ("defined(a,b)", 12, "too many arguments (got 2/1) in predicate 'defined' used in conditional expression"),
        ("streq(a)", 8, "missing arguments (got 1/2) in predicate 'streq' used in conditional expression"),
        ("streq(a,b", 5, "expected ')' after the arguments of predicate 'streq'"),
        (
            "awslc_api_atleast(35)", 0,
            "invalid argument to conditional expression predicate 'awslc_api_atleast': '35'"
        ),
        (
            "openssl_version_atleast(new)", 0,
            "invalid argument to conditional expression predicate 'openssl_version_atleast': 'new'"
        ),
    ])
    func refusals(condition: String, column: Int, message: String) {
        let error = #expect(throws: ConditionError.self) { try loader.evaluate(condition: condition) }
        #expect(error?.message == message)
        #expect(error?.column == column)
    }

    @Test func withoutALibraryVersionItsPredicatesAreErrors() {
        #expect(throws: ConditionError.self) {
            try ConfigurationLoader().evaluate(condition: "openssl_version_atleast(1.1.1)")
        }
        // An operand that is not needed is not evaluated.
        #expect(throws: Never.self) {
            try ConfigurationLoader().evaluate(condition: "0 && openssl_version_atleast(1.1.1)")
        }
    }

    @Test func nestingHasALimit() throws {
        let deep = String(repeating: "(", count: 500) + "1" + String(repeating: ")", count: 500)
        #expect(try loader.evaluate(condition: deep))
        let deeper = String(repeating: "(", count: 100_000) + "1" + String(repeating: ")", count: 100_000)
        #expect(throws: ConditionError.self) { try loader.evaluate(condition: deeper) }
        let long = Array(repeating: "1", count: 100_000).joined(separator: "&&")
        #expect(throws: ConditionError.self) { try loader.evaluate(condition: long) }
    }

    @Test(arguments: [
        ("3.4", 3, 4, 0), ("3.4.2", 3, 4, 2), ("3.4.2-1f2a3b-15", 3, 4, 2), ("", 0, 0, 0), ("12", 12, 0, 0),
        ("3.x", 3, 0, 0),
    ])
    func releases(text: String, major: Int, minor: Int, patch: Int) {
        let release = Release(text)
        #expect((release.major, release.minor, release.patch) == (major, minor, patch))
    }

    @Test func releasesAreOrdered() {
        let ordered = [
            "2.9", "3.4-dev1", "3.4-dev1-abc-3", "3.4-dev12", "3.4", "3.4-abc-1", "3.4.1", "3.5-dev0", "3.5", "10.0",
        ]
        let releases = ordered.map { Release($0) }
        #expect(releases.sorted() == releases)
        #expect(Set(ordered).count == 10)
        #expect(releases[1] < releases[2])
        #expect(Release("3.4") == Release("3.4.0"))
        #expect(Release.spoken.description == "3.4.0")
        #expect(Release("3.4-dev7").description == "3.4-dev7")
    }

    @Test func theFeatureListNamesAllOptions() {
        let list = Dialect().featureList.split(separator: " ")
        #expect(list.contains("+QUIC"))
        #expect(list.contains("-LUA"))
        #expect(list.count == Dialect.knownFeatures.count)
        #expect(Dialect.builtFeatures.isSubset(of: Dialect.knownFeatures))
        #expect(Dialect.knownFeatures == Dialect.knownFeatures.sorted())
    }
}
