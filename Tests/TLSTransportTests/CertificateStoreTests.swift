// Loading certificates, and finding them by name.

import COpenSSL
import Glibc
import TLSTransport
import Testing

@Suite struct CertificateStoreTests {
    let directory = TemporaryDirectory()

    private func failure(_ paths: String...) -> CertificateError? {
        do throws(CertificateError) {
            _ = try CertificateStore(loading: paths)
            return nil
        } catch {
            return error
        }
    }

    // MARK: Names

    @Test func exactNameBeatsWildcardAndCaseDoesNotCount() throws {
        let store = try CertificateStore(loading: [
            directory.write("default.pem", .leaf("default.example")),
            directory.write("wild.pem", .leaf("*.example.com")),
            directory.write("exact.pem", .leaf("www.example.com")),
        ])
        #expect(store.certificates(for: "WWW.example.COM")?.ecdsa?.file == directory.path + "/exact.pem")
        #expect(store.certificates(for: "api.example.com")?.ecdsa?.file == directory.path + "/wild.pem")
        #expect(store.certificates(for: "a.b.example.com") == nil)
        #expect(store.certificates(for: "example.com") == nil)
        #expect(store.certificates(for: ".example.com") == nil)
        #expect(store.certificates(for: "") == nil)
        #expect(store.certificates(for: "www.example.com\0") == nil)
        #expect(store.defaultCertificates.ecdsa?.file == directory.path + "/default.pem")
    }

    @Test func allNamesOfACertificateCount() throws {
        let certificate = TestCertificate(
            commonName: "Common.example", names: ["One.example", "two.example"], key: .p256(), issuer: .authority)
        let store = try CertificateStore(loading: [directory.write("many.pem", certificate)])
        #expect(store.certificates[0].names == ["one.example", "two.example", "common.example"])
        #expect(store.certificates(for: "common.example") != nil)
    }

    @Test func aCommonNameThatIsNoHostNameIsIgnored() throws {
        let certificate = TestCertificate(commonName: "My Service", names: [], key: .p256(), issuer: .authority)
        let store = try CertificateStore(loading: [directory.write("display.pem", certificate)])
        #expect(store.certificates[0].names == [])
        #expect(store.defaultCertificates.ecdsa != nil)
    }

    @Test func keyKindsStandSideBySide() throws {
        let store = try CertificateStore(loading: [
            directory.write("ec.pem", .leaf("both.example")),
            directory.write("rsa.pem", .leaf("both.example", key: .rsa)),
            directory.write("later.pem", .leaf("both.example")),
        ])
        let set = try #require(store.certificates(for: "both.example"))
        #expect(set.ecdsa?.file == directory.path + "/ec.pem")
        #expect(set.rsa?.file == directory.path + "/rsa.pem")
        #expect(set.rsa?.keyBits == 2048)
        #expect(store.defaultCertificates.rsa != nil)
        #expect(store.certificates.count == 3)
    }

    @Test func defaultCertificatesComeFirst() throws {
        let store = try CertificateStore(
            loading: [directory.write("first.pem", .leaf("first.example"))],
            defaults: [
                directory.write("rsa.pem", .leaf("any.example", key: .rsa)),
                directory.write("ec.pem", .leaf("other.example")),
            ])
        #expect(store.defaultCertificates.rsa?.names == ["any.example"])
        #expect(store.defaultCertificates.ecdsa?.names == ["other.example"])
        #expect(store.certificates(for: "first.example") != nil)
    }

    // MARK: Files

    @Test func blocksMayStandInAnyOrder() throws {
        let intermediate = TestCertificate(
            commonName: "Intermediate", names: [], key: .p256(), issuer: .authority, isCA: true)
        let leaf = TestCertificate(
            commonName: nil, names: ["order.example"], key: .p256(), issuer: intermediate)
        let file = directory.write("order.pem", leaf.key.pem + intermediate.pem + leaf.pem)
        let store = try CertificateStore(loading: [file])
        #expect(store.certificates[0].names == ["order.example"])
    }

    @Test func keyIsFoundBesideTheCertificate() throws {
        let one = TestCertificate.leaf("one.example")
        let two = TestCertificate.leaf("two.example")
        let first = directory.write("one.pem", one.pem)
        directory.write("one.pem.key", one.key.pem)
        let second = directory.write("two.crt", two.pem)
        directory.write("two.key", two.key.pem)
        let store = try CertificateStore(loading: [first, second])
        #expect(store.certificates.map(\.names) == [["one.example"], ["two.example"]])
    }

    @Test func directoryIsReadInAlphabeticOrderWithoutReservedNames() throws {
        let leaf = TestCertificate.leaf("b.example")
        directory.write("b.pem", leaf.pem)
        directory.write("b.pem.key", leaf.key.pem)
        directory.write("a.pem", .leaf("a.example"))
        directory.write(".hidden", "not a certificate")
        directory.write("a.pem.ocsp", "not a certificate")
        directory.write("a.pem.issuer", "not a certificate")
        let store = try CertificateStore(loading: [directory.path])
        #expect(store.certificates.map(\.names) == [["a.example"], ["b.example"]])
    }

    @Test func bundleOfKeyKindsIsFoundByItsStem() throws {
        directory.write("site.pem.rsa", .leaf("site.example", key: .rsa))
        directory.write("site.pem.ecdsa", .leaf("site.example"))
        let store = try CertificateStore(loading: [directory.path + "/site.pem"])
        #expect(store.defaultCertificates.ecdsa != nil)
        #expect(store.defaultCertificates.rsa != nil)
    }

    // MARK: Errors

    @Test func missingFileNamesItselfAndTheReason() {
        let path = directory.path + "/none.pem"
        #expect(failure(path) == CertificateError(file: path, .unreadable(ENOENT)))
        #expect(failure(path)?.description == "'\(path)': No such file or directory")
    }

    @Test func emptyDirectoryIsRefused() {
        #expect(failure(directory.path)?.reason == .emptyDirectory)
    }

    @Test func fileWithoutCertificateIsRefused() {
        let file = directory.write("key.pem", TestKey.p256().pem)
        #expect(failure(file) == CertificateError(file: file, .noCertificate))
    }

    @Test func fileWithoutKeyIsRefused() {
        let file = directory.write("leaf.pem", TestCertificate.leaf("leaf.example").pem)
        #expect(failure(file) == CertificateError(file: file, .noPrivateKey))
    }

    @Test func strangersKeyIsRefused() {
        let file = directory.write("mixed.pem", TestCertificate.leaf("leaf.example").pem + TestKey.p256().pem)
        #expect(failure(file) == CertificateError(file: file, .keyMismatch))
    }

    @Test func encryptedKeyIsRefusedWithoutAsking() {
        let leaf = TestCertificate.leaf("leaf.example")
        let file = directory.write("locked.pem", leaf.pem + leaf.key.encryptedPEM(passphrase: "secret"))
        #expect(failure(file) == CertificateError(file: file, .encryptedPrivateKey))
    }

    @Test func brokenBlockIsRefused() throws {
        let pem = TestCertificate.leaf("leaf.example").pem
        let cut = String(pem.prefix(pem.count / 2))
        let file = directory.write("cut.pem", cut)
        let error = try #require(failure(file))
        guard case .badPEM = error.reason else {
            Issue.record("expected badPEM, got \(error)")
            return
        }
    }

    @Test func brokenKeyIsRefused() throws {
        let leaf = TestCertificate.leaf("leaf.example")
        let key = leaf.key.pem.replacing("M", with: "N")
        let error = try #require(failure(directory.write("broken.pem", leaf.pem + key)))
        guard case .badPEM = error.reason else {
            Issue.record("expected badPEM, got \(error)")
            return
        }
    }

    @Test func oversizedFileIsRefused() {
        let file = directory.write("huge.pem", String(repeating: "x\n", count: 1 << 20))
        #expect(failure(file) == CertificateError(file: file, .tooLarge))
    }

    @Test func unsupportedKeyKindIsNamed() {
        let leaf = TestCertificate.leaf("leaf.example", key: .ed448())
        let file = directory.write("ed448.pem", leaf)
        #expect(failure(file) == CertificateError(file: file, .unsupportedKey("ED448")))
    }
}
