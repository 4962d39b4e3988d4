import Accounts
import Testing

@Suite struct CredentialCheckTests {
    /// The password `pw` as other programs' crypt(3) wrote it.
    static let hashes = [
        "$6$fH6bUR1rb2B6u9ad$8GLehUHy0UBZRr1kgRIgtxp17dT61DTpy.TJ7Grcsu1dCzFIJXvjpcOhaxxX6HH0KscFju09K1M/kiKNVH7tN1",
        "$5$gg2xVJ6tXbMfxkCM$xHE6JsxGVsE9HBLBF/nQvB3ohH65oBohxBebCmfzpM3",
        "$2b$12$AyyAg1fvNdq.KsHeW4Qj2uMw7Yuw0.Nu7rwP4erFqgQh8ctEOSlKq",
        "$1$hQi9qvDC$NRIsVpl4Pbn4x9vT6Wx78/",
        "m2Qzep.29M0Po",
    ]

    private func list(_ password: UserList.Password?) -> UserList {
        UserList(
            name: "l",
            users: [
                UserList.User(name: Array("zoe".utf8), password: nil, groups: []),
                UserList.User(name: Array("ann".utf8), password: password, groups: [Array("g".utf8)]),
            ])
    }

    private func user(_ check: CredentialCheck, _ list: UserList, _ name: String, _ password: String) -> Int? {
        let (name, password) = (Array(name.utf8), Array(password.utf8))
        return check.user(name.span, password: password.span, in: list)
    }

    @Test(arguments: hashes) func theHashOfAPasswordIsRecognized(hash: String) {
        let list = list(.hash(Array(hash.utf8)))
        let check = CredentialCheck()
        #expect(user(check, list, "ann", "pw") == 0)
        #expect(user(check, list, "ann", "Pw") == nil)
        #expect(user(check, list, "ann", "") == nil)
        #expect(user(check, list, "ann", hash) == nil)
        #expect(user(check, list, "zoe", "pw") == nil)
        #expect(user(check, list, "bob", "pw") == nil)
    }

    @Test func yescryptHashesAreRecognized() throws {
        // Made by libxcrypt's own crypt(3) with the setting `$y$j9T$F5Jx5fExrKuPp53xLKQ..1$`, from its documentation.
        let hash = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC"
        let known = list(.hash(Array(hash.utf8)))
        #expect(PasswordWorkspace().supports(Array(hash.utf8)))
        #expect(user(CredentialCheck(), known, "ann", "not it") == nil)
    }

    @Test func onlyRightCredentialsAreRemembered() {
        let list = list(.hash(Array(Self.hashes[0].utf8)))
        let check = CredentialCheck()
        for _ in 0..<5 { #expect(user(check, list, "ann", "wrong") == nil) }
        #expect(check.hashings == 5)
        for _ in 0..<5 { #expect(user(check, list, "ann", "pw") == 0) }
        #expect(check.hashings == 6)
        #expect(user(check, list, "ann", "wrong") == nil)
        #expect(check.hashings == 7)
    }

    @Test func theTableIsBounded() {
        let hash = Array("$1$hQi9qvDC$NRIsVpl4Pbn4x9vT6Wx78/".utf8)
        let users = (0..<CredentialCheck.capacity * 4).map { number in
            UserList.User(name: Array("u\(number)".utf8), password: .plain(Array("p\(number)".utf8)), groups: [])
        }
        let list = UserList(name: "l", users: users)
        let check = CredentialCheck()
        for number in users.indices { #expect(user(check, list, "u\(number)", "p\(number)") != nil) }
        #expect(user(check, list, "u7", "p8") == nil)
        #expect(!PasswordWorkspace().supports(Array("$7$zz".utf8)))
        #expect(PasswordWorkspace().supports(hash))
    }

    @Test func aPasswordOfAnyLengthIsNoTrap() {
        let list = list(.hash(Array(Self.hashes[3].utf8)))
        let check = CredentialCheck()
        #expect(user(check, list, "ann", String(repeating: "x", count: 100_000)) == nil)
        #expect(user(check, list, String(repeating: "a", count: 100_000), "pw") == nil)
    }
}
