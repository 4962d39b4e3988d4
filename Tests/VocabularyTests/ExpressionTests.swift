import Samples
import Testing
import Words

/// How expressions are read: arguments, quotes, converters, and what is said of wrong ones.
struct ExpressionTests {
    @Test(arguments: [
        ("str(hello)", "hello"), ("str(hello),upper", "HELLO"), ("str(HeLLo),lower,upper", "HELLO"),
        ("str('a,b)')", "a,b)"), ("str(\"it's\")", "it's"), ("str(a\\ b)", "a b"), ("str(a\\tb)", "a\tb"),
        ("str(a\\qb)", "a\\qb"), ("int(42)", "42"), ("int(-7),lower", "-7"), ("bool(true)", "1"),
        ("bool(FALSE)", "0"), ("always_true", "1"), ("str()", ""), ("str(x),,upper,", "X"),
        ("str", ""), ("int(+5)", "5"), ("int(99999999999999999999)", "9223372036854775807"),
        ("int(-99999999999999999999)", "-9223372036854775808"),
    ])
    func values(_ expression: String, _ value: String) throws {
        let found = try Evaluator().text(expression)
        #expect(found == value)
    }

    @Test(arguments: [
        ("strr(x)", "unknown fetch method 'strr'; did you mean 'str' maybe ?", 0),
        ("str(x),uper", "unknown converter 'uper'; did you mean 'upper' maybe ?", 7),
        ("str(x)upper", "missing comma after fetch keyword", 6),
        ("str(x", "fetch method 'str' : expected ')'", 5),
        ("int", "fetch method 'int' : expected type 'integer' at position 1, but got nothing", 3),
        ("str(x),upper(y)", "invalid arg 1 in converter 'upper' : expected ')' before 'y)'", 13),
        ("str(x,y)", "fetch method 'str' : expected ')' before ',y)'", 5),
        ("int(4x)", "fetch method 'int' : failed to parse '4x' as type 'integer' at position 1", 6),
        ("lower", "unknown fetch method 'lower'; it is a converter, which stands after a fetch and a comma", 0),
        ("bool(maybe)", "fetch method 'bool' : 'maybe' is neither 'true' nor 'false'", 4),
    ])
    func complaints(_ expression: String, _ message: String, _ column: Int) {
        let complaint = Evaluator().complaint(expression)
        #expect(complaint == Complaint(message, at: column))
    }
}
