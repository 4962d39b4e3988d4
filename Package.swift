// swift-tools-version: 6.2
// The manifest is the diagram: targets stand in the order of the data path, and a target
// may import only targets listed below it. See docs/ARCHITECTURE.md.
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableExperimentalFeature("Lifetimes"),
    .treatAllWarnings(as: .error),
    // Exclusivity is proved by the debug build's tests; release code does not pay for the check.
    .unsafeFlags(["-enforce-exclusivity=unchecked", "-cross-module-optimization"], .when(configuration: .release)),
]

/// A module of the proxy: its folder below Sources/ and what it may import.
func module(_ name: String, _ imports: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: imports, swiftSettings: settings)
}

/// A program: its folder below Sources/ and what it may import.
func program(_ name: String, _ imports: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: imports, swiftSettings: settings)
}

/// The tests of one module, or of the whole house.
func tests(_ name: String, _ imports: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: imports, swiftSettings: settings)
}

/// What tests share: ports, certificates, peers and other programs, a network with virtual time.
func testSupport(_ imports: [Target.Dependency]) -> Target {
    .target(name: "TestSupport", dependencies: imports, path: "Tests/TestSupport", swiftSettings: settings)
}

/// The fuzz targets: one for each parser of input that others write. `swift test` replays their corpus.
func fuzzTargets(_ imports: [Target.Dependency]) -> Target {
    .target(name: "FuzzTargets", dependencies: imports, path: "Fuzz/Targets", swiftSettings: settings)
}

/// A C library of the system: a module map and one shim header.
func library(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "portico",
    products: [
        .executable(name: "portico", targets: ["portico"]),
        .executable(name: "portico-origin", targets: ["portico-origin"]),
        .executable(name: "portico-load", targets: ["portico-load"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        // Programs
        program("portico", ["Control", "Checks", "Language", "Proxying", "Connections", "Servers", "Configuration", "MuxHTTP3", "MuxHTTP2", "Streams", "TLSTransport", "QUICTransport", "Messages", "Runtime", "Bytes", "CLinux"]),
        program("portico-origin", ["Connections", "MuxHTTP3", "MuxHTTP2", "MuxHTTP1", "Streams", "TestSupport", "QUICTransport", "TLSTransport", "Messages", "Runtime", "Bytes", arguments]),
        program("portico-load", ["Connections", "MuxHTTP3", "MuxHTTP2", "MuxHTTP1", "Streams", "TestSupport", "QUICTransport", "TLSTransport", "Messages", "Runtime", "Bytes", arguments]),
        // The operator's side
        module("Control", ["Language", "Resolution", "Proxying", "Rules", "Samples", "Connections", "Servers", "Configuration", "MuxHTTP3", "Streams", "QUICTransport", "TLSTransport", "Messages", "Patterns", "Runtime", "Bytes", "CLinux"]),
        module("Checks", ["Proxying", "Connections", "Servers", "Configuration", "Rules", "Samples", "Patterns", "MuxHTTP3", "MuxHTTP2", "MuxHTTP1", "MuxPassThrough", "Streams", "QUICTransport", "TLSTransport", "Messages", "Runtime", "Bytes", "CLinux"]),
        module("Language", ["Vocabulary", "Configuration", "Rules", "Samples", "Patterns", "Messages", "Accounts", "Words", "Bytes"]),
        module("Resolution", ["Servers", "Configuration", "Runtime", "Bytes", "CCares"]),
        // What rules say: fetches, converters, actions
        module("Vocabulary", ["Rules", "Samples", "Patterns", "Connections", "Streams", "TLSTransport", "Messages", "Accounts", "Words", "Bytes", "CLinux", "COpenSSL", "CXXHash"]),
        // The data path
        module("Proxying", ["Connections", "Servers", "Configuration", "Rules", "Samples", "Patterns", "MuxHTTP3", "MuxHTTP2", "MuxHTTP1", "MuxPassThrough", "Streams", "QUICTransport", "TLSTransport", "Messages", "Accounts", "Runtime", "Bytes"]),
        module("Servers", ["Configuration", "Streams", "Messages", "Runtime", "Bytes", "CXXHash"]),
        module("Configuration", ["Rules", "Samples", "Patterns", "Accounts", "Bytes"]),
        module("Rules", ["Patterns", "Samples", "Streams", "Messages", "Words", "Bytes"]),
        module("Samples", ["Accounts", "Patterns", "Connections", "Streams", "TLSTransport", "Messages", "Words", "Bytes"]),
        module("Connections", ["MuxHTTP3", "MuxHTTP2", "MuxHTTP1", "MuxPassThrough", "Streams", "QUICTransport", "TLSTransport", "Messages", "Runtime", "Bytes", "CLinux", "CMalloc"]),
        module("MuxHTTP3", ["Streams", "QUICTransport", "Messages", "Bytes", "CNghttp3"]),
        module("MuxHTTP2", ["Streams", "Messages", "Bytes", "CNghttp2"]),
        module("MuxHTTP1", ["Streams", "Messages", "Bytes", "COpenSSL"]),
        module("MuxPassThrough", ["Streams", "Messages", "Bytes"]),
        module("Streams", ["Messages", "Bytes"]),
        module("QUICTransport", ["TLSTransport", "Bytes", "CNgtcp2", "CGnuTLS", "COpenSSL"]),
        module("TLSTransport", ["Bytes", "CLinux", "COpenSSL", "CGnuTLS"]),
        module("Messages", ["Bytes"]),
        module("Patterns", ["Bytes", "CPCRE2"]),
        module("Accounts", ["CCrypt", "COpenSSL"]),
        module("Runtime", ["Bytes", "CLinux"]),
        module("Bytes", []),
        module("Words", []),
        // C libraries and shims
        .target(name: "CLinux", path: "Sources/CLinux"),
        .systemLibrary(name: "CMalloc"),
        library("CNgtcp2", pkgConfig: "libngtcp2", apt: "libngtcp2-dev"),
        library("CNghttp3", pkgConfig: "libnghttp3", apt: "libnghttp3-dev"),
        library("CNghttp2", pkgConfig: "libnghttp2", apt: "libnghttp2-dev"),
        library("COpenSSL", pkgConfig: "openssl", apt: "libssl-dev"),
        library("CCrypt", pkgConfig: "libcrypt", apt: "libcrypt-dev"),
        library("CXXHash", pkgConfig: "libxxhash", apt: "libxxhash-dev"),
        library("CGnuTLS", pkgConfig: "gnutls", apt: "libgnutls28-dev"),
        library("CCares", pkgConfig: "libcares", apt: "libc-ares-dev"),
        library("CPCRE2", pkgConfig: "libpcre2-8", apt: "libpcre2-dev"),
        // Tests
        testSupport(["Streams", "Messages", "Bytes"]),
        tests("TestSupportTests", ["TestSupport"]),
        fuzzTargets(["Control", "Checks", "Language", "Resolution", "Vocabulary", "Samples", "Words", "Connections", "MuxHTTP3", "MuxHTTP2", "MuxHTTP1", "Streams", "TestSupport", "QUICTransport", "TLSTransport", "Configuration", "Messages", "Patterns", "Bytes", "COpenSSL"]),
        tests("FuzzTests", ["FuzzTargets", "TestSupport"]),
        tests("BytesTests", ["Bytes"]),
        tests("AccountsTests", ["Accounts"]),
        tests("RuntimeTests", ["Runtime", "Bytes"]),
        tests("MessagesTests", ["Messages", "Bytes"]),
        tests("PatternsTests", ["Patterns", "Bytes", "TestSupport"]),
        tests("ConfigurationTests", ["Configuration"]),
        tests("LanguageTests", ["Accounts", "Language", "Configuration", "Rules", "Samples"]),
        tests("VocabularyTests", ["Vocabulary", "Samples", "Connections", "MuxHTTP1", "MuxPassThrough", "Streams", "TLSTransport", "Messages", "Words", "Bytes", "TestSupport"]),
        tests("TLSTransportTests", ["TLSTransport", "Bytes", "COpenSSL", "CGnuTLS"]),
        tests("QUICTransportTests", ["QUICTransport", "TLSTransport", "Bytes", "TestSupport", "CNgtcp2", "COpenSSL", "CGnuTLS"]),
        tests("ResolutionTests", ["Resolution", "Servers", "Configuration", "Runtime", "Bytes", "TestSupport"]),
        tests("MatrixTests", ["TestSupport", "portico", "portico-origin"]),
        tests("ServersTests", ["Servers", "Configuration", "Streams", "Runtime", "Bytes"]),
        tests("ChecksTests", ["Checks", "Configuration"]),
        tests("StreamsTests", ["Streams", "Messages", "Bytes"]),
        tests("ConnectionsTests", ["Connections", "MuxHTTP3", "Streams", "QUICTransport", "TLSTransport", "Messages", "Runtime", "Bytes", "TestSupport"]),
        tests("MuxPassThroughTests", ["MuxPassThrough", "Streams", "Messages", "Bytes", "TestSupport"]),
        tests("MuxHTTP1Tests", ["MuxHTTP1", "Streams", "Messages", "Bytes", "COpenSSL", "TestSupport"]),
        tests("MuxHTTP2Tests", ["MuxHTTP2", "Streams", "Messages", "Bytes"]),
        tests("MuxHTTP3Tests", ["MuxHTTP3", "QUICTransport", "TLSTransport", "Streams", "Messages", "Bytes", "TestSupport"]),
        tests("ToolsTests", ["portico-load", "portico-origin", "Bytes", "TestSupport"]),
    ]
)

// scripts/fuzz builds this, with coverage counters and libFuzzer; no other build can link it.
if Context.environment["PORTICO_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "portico-fuzz", dependencies: ["FuzzTargets"], path: "Fuzz/Driver",
            swiftSettings: settings + [.enableExperimentalFeature("Extern")]))
}
