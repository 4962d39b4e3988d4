import Accounts
import Configuration
import Language
import Testing

@Suite struct UserListTests {
    private func list(_ text: String) throws -> UserList {
        let result = load("userlist l\n\(text)\n")
        #expect(result.diagnostics == [])
        return try #require(result.configuration?.userLists.first)
    }

    private func groups(_ list: UserList, _ name: String) -> [String]? {
        list.users.first { $0.name == Array(name.utf8) }?.groups.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func groupsComeFromBothSides() throws {
        let list = try list(
            """
             group g1 users u1,u2
             group g2
             user u1 insecure-password a
             user u2 insecure-password b groups g2,g1
             user u3
            """)
        #expect(groups(list, "u1") == ["g1"])
        #expect(groups(list, "u2") == ["g2", "g1"])
        #expect(groups(list, "u3") == [])
        #expect(list.users.map(\.password) == [.plain([0x61]), .plain([0x62]), nil])
    }

    @Test func hashesAreKept() throws {
        let list = try list(" user u password $1$hQi9qvDC$NRIsVpl4Pbn4x9vT6Wx78/")
        #expect(list.users.first?.password == .hash(Array("$1$hQi9qvDC$NRIsVpl4Pbn4x9vT6Wx78/".utf8)))
    }

    @Test(arguments: [
        ("userlist", "1:1 'userlist' expects <name> as arguments."),
        ("userlist a b", "1:12 'userlist' : unexpected extra argument 'b'"),
        ("userlist a\n grp x", "2:2 unknown keyword 'grp' in 'userlist' section; did you mean 'group' maybe ?"),
        ("userlist a\n group", "2:2 'group' expects <name> as arguments"),
        ("userlist a\n group g user x", "2:10 'group' only supports 'users' option."),
        ("userlist a\n group g users a users b", "2:18 'users' option already defined in 'group' name 'g'."),
        (
            "userlist a\n user u pass x",
            "2:9 'user' only supports 'password', 'insecure-password' and 'groups' options."
        ),
        (
            "userlist a\n group staff\n user u groups staf",
            "1:10 userlist 'a': no such group 'staf' specified in user 'u'; did you mean 'staff' maybe ?"
        ),
        ("userlist a\n group g users zz", "1:10 userlist 'a': no such user 'zz' specified in group 'g'"),
    ])
    func mistakes(text: String, alert: String) {
        #expect(load(text).alerts == [alert])
    }

    @Test(arguments: [
        ("userlist a\nuserlist a", "2:10 ignoring duplicated userlist 'a'."),
        ("userlist a\n group g\n group g", "3:8 ignoring duplicated group 'g' in userlist 'a'."),
        (
            "userlist a\n user u\n user u insecure-password x",
            "3:7 ignoring duplicated user 'u' in userlist 'a'."
        ),
        (
            "userlist a\n user u password $7$zz",
            "2:7 the encrypted password used for user 'u' is not supported by crypt(3): nobody can log in with it."
        ),
    ])
    func oddities(text: String, warning: String) {
        let result = load(text)
        #expect(result.alerts == [])
        #expect(result.warnings == [warning])
    }
}
