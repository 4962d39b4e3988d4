import Configuration

/// Commands about stick-tables. A configuration has none, as its language refuses them, and so they find none.
enum TableCommands {
    static let all = [
        Command(
            "show table",
            usage: "show table [<table> [<filter>]*]        : report table usage stats or dump this table's contents"
        ) {
            (call) throws(CommandFailure) in
            if !call[2].isEmpty { throw .refused("No such table") }
        },
        Command(
            "clear table",
            usage: "clear table <table> [<filter>]*         : remove an entry from a table (filter: data/key)",
            level: .operator
        ) { (call) throws(CommandFailure) in throw missing(call) },
        Command(
            "set table", usage: "set table <table> key <k> [data.* <v>]* : update or create a table entry's data",
            level: .operator
        ) { (call) throws(CommandFailure) in throw missing(call) },
    ]

    @ControlActor private static func missing(_ call: CommandCall) -> CommandFailure {
        guard call[2].isEmpty else { return .refused("No such table") }
        return .refused(
            call[0] == "clear"
                ? "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> key <key> or"
                    + " <table> ptr <ptr>"
                : "Required arguments: <table> key <key> [data.<store_data_type> <value>]* or <table> ptr <ptr>"
                    + " [data.<store_data_type> <value>]*")
    }
}
