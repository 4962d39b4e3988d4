import Accounts
import Bytes
import Messages
import Samples
import Synchronization

/// Fetches of credentials in the request (configuration.txt section 7.3.6). Secrets go where the configuration sends
/// them, and nowhere else.
enum AuthorizationFetches {
    private static let authorization = FieldSelector(.authorization)
    private static let proxyAuthorization = FieldSelector(.proxyAuthorization)
    private static let userList = ArgumentSignature([.userList], required: 1)

    static let all: [Fetch] = [
        Fetch(
            "http_auth_type", "The scheme of the client's credentials: Basic or Bearer.", gives: .str,
            from: .requestHead
        ) {
            evaluation, _, sample in
            guard let head = evaluation.head(.request, &sample) else { return false }
            var walk = FieldWalk(head, field(evaluation))
            guard let place = walk.next() else { return false }
            let value = head.value(at: walk.index).extracting(place)
            guard let credentials = Credentials(value) else { return false }
            switch credentials.scheme {
            case .basic:
                var text = evaluation.scratch.text()
                guard Credentials.basic(value.extracting(credentials.token), into: &text) != nil else { return false }
                sample.setText("Basic")
            case .bearer: sample.setText("Bearer")
            }
            return true
        },
        Fetch("http_auth_user", "The user's name in Basic credentials.", gives: .str, from: .requestHead) {
            evaluation, _, sample in
            basic(evaluation, &sample) { text, user, _ in text.cut(to: user) }
        },
        Fetch("http_auth_pass", "The password in Basic credentials.", gives: .str, from: .requestHead) {
            evaluation, _, sample in
            basic(evaluation, &sample) { text, _, password in text.cut(to: password) }
        },
        Fetch(
            "http_auth_bearer", "The token of Bearer credentials, of the field named or of `Authorization`.",
            example: "http_auth_bearer(x-token)", takes: ArgumentSignature([.string], required: 0), gives: .str,
            from: .requestHead, prepare: FieldSelector.prepare
        ) { evaluation, arguments, sample in
            guard let head = evaluation.head(.request, &sample) else { return false }
            let selector: FieldSelector = arguments.object()
            var walk = FieldWalk(head, selector.isGiven ? selector : field(evaluation))
            guard let place = walk.next() else {
                // A field that was named and is missing gives an empty token.
                sample.setText("")
                return selector.isGiven
            }
            let value = head.value(at: walk.index).extracting(place)
            guard let credentials = Credentials(value), credentials.scheme == .bearer else { return false }
            sample.setText(value.extracting(credentials.token))
            return true
        },
        Fetch(
            "http_auth", "True when the Basic credentials are those of a user in the list.",
            example: "http_auth(admins)",
            takes: userList, gives: .bool, from: .requestHead
        ) { evaluation, arguments, sample in
            guard let (_, user) = check(evaluation, arguments[0], &sample) else { return false }
            sample.setBool(user != nil)
            return true
        },
        Fetch(
            "http_auth_group",
            "The name of a user in the list whose Basic credentials are right; matched against groups.",
            example: "http_auth_group(staff)", takes: userList, gives: .str, from: .requestHead
        ) { evaluation, arguments, sample in
            let place = sample.cursor
            guard let (list, found) = check(evaluation, arguments[0], &sample), let found else { return false }
            let user = list.users[found]
            // An ACL looks at the user's groups, one after the other.
            guard evaluation.iterates else { return sample.setCopy(of: user.name, evaluation.scratch) }
            guard user.groups.indices.contains(place) else {
                sample.setText("")
                return true
            }
            guard sample.setCopy(of: user.groups[place], evaluation.scratch) else { return false }
            sample.cursor = place + 1
            if place + 1 < user.groups.count { sample.flags.insert(.notLast) }
            return true
        },
    ]

    /// The field that has the credentials: a client that knows of the proxy shows them to the proxy.
    private static func field(_ evaluation: Evaluation) -> FieldSelector {
        evaluation.facts?.isProxyRequest == true ? proxyAuthorization : authorization
    }

    /// Shows a part of Basic credentials; false without any.
    private static func basic(
        _ evaluation: Evaluation, _ sample: inout Sample, _ choose: (inout Sample, Range<Int>, Range<Int>) -> Void
    ) -> Bool {
        guard let head = evaluation.head(.request, &sample) else { return false }
        var walk = FieldWalk(head, field(evaluation))
        guard let place = walk.next() else { return false }
        let value = head.value(at: walk.index).extracting(place)
        guard let credentials = Credentials(value), credentials.scheme == .basic else { return false }
        var text = evaluation.scratch.text()
        guard let (user, password) = Credentials.basic(value.extracting(credentials.token), into: &text) else {
            return false
        }
        text.finish(&sample)
        choose(&sample, user, password)
        return true
    }

    /// The list that an argument names, and the place of the user in it whose credentials these are, nil: nobody's. Nil
    /// without credentials.
    private static func check(
        _ evaluation: Evaluation, _ argument: Argument, _ sample: inout Sample
    ) -> (UserList, Int?)? {
        guard case .reference(let reference) = argument else { return nil }
        var user = Sample()
        var password = Sample()
        let isGiven = basic(evaluation, &sample) { text, userPlace, passwordPlace in
            user = text
            user.cut(to: userPlace)
            password = text
            password.cut(to: passwordPlace)
        }
        guard isGiven, let list = evaluation.process?.userList(reference.index.load(ordering: .relaxed)) else {
            return nil
        }
        return (list, evaluation.credentials.user(user.bytes, password: password.bytes, in: list))
    }
}
