import Foundation
import TestSupport
import Testing

/// Expected texts are what HAProxy 3.5-dev5 answers to the same commands, unless a comment says otherwise.
@Suite("Runtime API: servers and backends") struct ServerCommandTests {
    private static let backend = """
        balance roundrobin
        server s1 127.0.0.1:1 weight 10
        server s2 127.0.0.1:1
        server s3 127.0.0.1:1 disabled
        server u1 unix@/nowhere
        """
    private static let rest = """
        backend still
        balance static-rr
        server s1 127.0.0.1:1 weight 10
        listen li
        bind unix@FOLDER/li
        server s1 127.0.0.1:1
        """

    private static let header =
        "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight"
        + " srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state"
        + " srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port"
        + " srv_check_addr srv_agent_addr srv_agent_port"

    private static let setServerUsage =
        "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr"
        + " | check-port | fqdn | health | name | ssl | state | weight"

    /// Commands in their order, with the answers less their last line feeds.
    private static let table: [(command: String, answer: String)] = [
        ("show servers state nope", "Can't find backend."),
        ("show backend", "# name\nback\nstill\nli"),
        ("get weight back/s1", "10 (initial 10)"),
        ("get weight back", "Require 'backend/server'."),
        ("get weight back/", "Require 'backend/server'."),
        ("get weight nope/s1", "No such backend."),
        ("get weight back/nope", "No such server."),
        ("set weight back/s1 50%", ""),
        ("get weight back/s1", "5 (initial 10)"),
        ("set weight back/s1 abc", "Empty weight string empty or preceded by garbage"),
        ("set weight back/s1", "Require <weight> or <weight%>."),
        ("set weight back/s1 300", "Absolute weight can only be between 0 and 256 inclusive."),
        ("set weight back/s1 -5%", "Relative weight must be positive."),
        ("set weight back/s1 7x", "Trailing garbage in weight string"),
        (
            "set weight still/s1 5",
            "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'."
        ),
        ("set weight still/s1 0", ""),
        ("set server back/s1 weight 10", ""),
        ("set server back/s1", setServerUsage),
        ("set server back/s1 state", "'set server <srv> state' expects 'ready', 'drain' and 'maint'."),
        ("set server back/s1 state maint", ""),
        ("set server back/s1 state ready", ""),
        ("set server back/s1 health foo", "'set server <srv> health' expects 'up', 'stopping', or 'down'."),
        ("set server back/s1 health down", ""),
        ("set server back/s1 health up", ""),
        ("set server back/s1 agent up", "agent checks are not enabled on this server."),
        (
            "set server back/s1 agent-addr",
            "set server <b>/<s> agent-addr requires an address and optionally a port."
        ),
        ("set server back/s1 agent-port", "set server <b>/<s> agent-port requires a port."),
        (
            "set server back/s1 check-addr",
            "set server <b>/<s> check-addr requires an address and optionally a port."
        ),
        ("set server back/s1 addr", "set server <b>/<s> addr requires an address and optionally a port."),
        ("set server back/s1 addr 127.0.0.2", "IP changed from '127.0.0.1' to '127.0.0.2' by 'stats socket command'"),
        ("set server back/s1 addr 127.0.0.2", "nothing changed"),
        (
            "set server back/s1 addr 127.0.0.1 port 22",
            "IP changed from '127.0.0.2' to '127.0.0.1', port changed from '1' to '22' by 'stats socket command'"
        ),
        ("set server back/s1 addr 127.0.0.1 port +5", "port changed from '22' to '+5' by 'stats socket command'"),
        ("set server back/s1 addr 127.0.0.1 port 1", "port changed from '+5' to '1' by 'stats socket command'"),
        ("set server back/s1 addr 127.0.0.1 port abc", "problem converting port 'abc' to an int"),
        ("set server back/s1 addr foo..bar", "Invalid addr 'foo..bar'"),
        (
            "set server back/u1 addr 127.0.0.1",
            "Update for the current server address family is only supported through configuration file."
        ),
        ("set server back/s1 fqdn", "set server <b>/<s> fqdn requires a FQDN."),
        (
            "set server back/s1 ssl on",
            "'set server <srv> ssl' cannot be set.  default-server should define ssl settings"
        ),
        ("set server back/s1 name", "set server <b>/<s> name requires a new name."),
        (
            "set server back/s1 name other",
            "Server must be in maintenance mode to be renamed (set server <b>/<s> state maint)."
        ),
        ("set server back/s3 name s2", "A server with the same name already exists in this backend."),
        ("set server back/s3 name s9", "Server name updated."),
        ("set server back/s9 name s3", "Server name updated."),
        ("set server back/s3 name a/b", "Server name contains invalid characters."),
        ("set maxconn server back/s1", "Require <maxconn>."),
        ("set maxconn server back/s1 abc", "maxconn string empty or preceded by garbage"),
        ("set maxconn server back/s1 10", ""),
        ("set maxconn server back/s1 10x", "Trailing garbage in maxconn string"),
        ("disable server back/s1", ""),
        ("enable server back/s1", ""),
        ("disable server nope/x", "No such backend."),
        ("shutdown sessions server back/s1", ""),
        ("shutdown sessions server", "Require 'backend/server'."),
        ("del server back/s1", "Only servers in maintenance mode can be deleted."),
        ("del server back/s3", "Server deleted."),
        ("del server back/s3", "No such server."),
        ("add server back/s1 127.0.0.1:1", "Already exists a server with the same name in backend."),
        ("add server nope/x 127.0.0.1:1", "No such backend."),
        ("add server back/n1", "'server' expects <name> and <addr>[:<port>] as arguments."),
        ("add server back/n1 127.0.0.1:1 weight 5 guid n-1", "New server registered."),
        ("add server back/n3 127.0.0.1:1 guid n-1", "'guid': duplicate entry with server back/n1."),
        ("add server back/n9 127.0.0.1:1 id 99", "New server registered."),
        ("add server back/n3 127.0.0.1:1 id 99", "'id' : custom id 99 already used at CLI:0 ('server n9')."),
        ("add server back/n3 127.0.0.1:1 weight 300", "weight of server n3 is not within 0 and 256 (300).."),
        (
            "add backend gb from d1 guid n-1",
            "Error during backend creation : GUID insertion : duplicate entry with server back/n1."
        ),
        (
            "add backend gb from d1 guid a*b",
            "Error during backend creation : GUID insertion : invalid character '*'."
        ),
        (
            "add backend gb from d1 guid",
            "Usage: add backend <name> from <defproxy> [mode <px_mode>] [guid <val>]."
        ),
        ("add backend gb from d1 mode tcp guid n-2", "New backend registered."),
        ("add server back/n3 127.0.0.1:1 guid n-2", "'guid': duplicate entry with proxy gb."),
        ("unpublish backend gb", "Backend unpublished."),
        ("del backend gb", "Backend deleted."),
        // HAProxy refuses static algorithms here.
        ("add server still/x 127.0.0.1:1", "New server registered."),
        ("add server back/n! 127.0.0.1:1", "character '!' is not permitted in server name 'n!'."),
        ("add server back/n2 foo.invalid:1", "New server registered."),
        ("del server back/n2", "Server deleted."),
        ("wait 10 srv-removable back/n1", "Done."),
        ("wait 10 srv-removable back/s1", "Failed. Only servers in maintenance mode can be deleted."),
        ("wait 10 srv-removable back/nope", "Failed. No such server."),
        ("wait 10 srv-removable back", "Require 'backend/server'."),
        ("wait 10 srv-removable", "Missing server name (<backend>/<server>)."),
        ("wait", "Expects a duration in milliseconds."),
        ("wait abc", "Invalid duration."),
        ("wait 10", "Done."),
        ("wait 10 be-removable", "Missing backend name."),
        (
            "wait 10 be-removable back",
            "Failed. This proxy cannot be removed at runtime due to other configuration elements pointing to it."
        ),
        ("wait 10 be-removable li", "Failed. Cannot delete a listen section."),
        ("del server back/n1", "Server deleted."),
        ("del server back/n9", "Server deleted."),
        ("add backend", "Require backend name."),
        ("add backend b!x", "Invalid character '!' in backend name."),
        ("add backend nb", "Usage: add backend <name> from <defproxy>."),
        ("add backend nb from nope", "Cannot find default proxy 'nope'."),
        ("add backend nb from d1", "New backend registered."),
        ("add backend nb from d1", "Error during backend creation : name is already used by other proxy 'backend nb'."),
        ("add backend nb2 from d1 mode foo", "Unknown proxy mode."),
        ("add backend nb2 from d1 mode log", "Dynamic backends are compatible with only TCP or HTTP mode."),
        ("add backend nb2 from d1 mode tcp", "New backend registered."),
        (
            "add backend nb3 from d1 foo",
            "Usage: add backend <name> from <defproxy> [mode <px_mode>] [guid <val>]."
        ),
        ("show backend", "# name\nback\nstill\nli\nnb\nnb2"),
        ("publish backend nb", "Backend published."),
        ("publish backend nope", "No such backend."),
        ("del backend nb", "Backend must be unpublished prior to its deletion."),
        ("unpublish backend nb", "Backend unpublished."),
        ("add server nb/s1 127.0.0.1:1", "New server registered."),
        ("del backend nb", "Only a backend without server can be deleted."),
        ("wait 10 be-removable nb", "Failed. Only a backend without server can be deleted."),
        ("del server nb/s1", "Server deleted."),
        ("wait 10 be-removable nb", "Done."),
        ("del backend nb", "Backend deleted."),
        ("del backend nb", "No such backend."),
        ("del backend li", "Cannot delete a listen section."),
        ("del backend a b", "Usage: del backend <name>."),
        ("unpublish backend", "No such backend."),
    ]

    @Test("each command's answer and each of its refusals") func answers() async throws {
        let process = try await RuntimeProcess(
            backend: Self.backend, rest: Self.rest + "\ndefaults d1\nmode http\ntimeout connect 1s\n")
        for (command, answer) in Self.table {
            let said = try await process.ask(command)
            let text = said.hasSuffix("\n\n") ? String(said.dropLast(2)) : String(said.dropLast())
            #expect(text == answer, "\(command)")
        }
        // Users and operators may look, not change.
        for command in ["add server back/x 127.0.0.1:1", "set server back/s1 state maint", "wait 1", "del backend x"] {
            #expect(try await process.ask(command, "operator") == "Permission denied\n\n", "\(command)")
        }
        #expect(try await process.ask("get weight back/s1", "user") == "10 (initial 10)\n\n")
    }

    @Test("show servers state: HAProxy's columns and numbers") func state() async throws {
        let process = try await RuntimeProcess(backend: Self.backend, rest: Self.rest)
        func lines() async throws -> [String] {
            let text = try await process.ask("show servers state back")
            return text.split(separator: "\n").map { line in
                // The seconds since the last change are of no interest here.
                var words = line.split(separator: " ").map(String.init)
                if words.count == 25 { words[9] = "T" }
                return words.joined(separator: " ")
            }
        }
        #expect(
            try await lines() == [
                "1", Self.header,
                "3 back 1 s1 127.0.0.1 2 0 10 10 T 1 0 0 0 0 0 0 - 1 - 0 0 - - 0",
                "3 back 2 s2 127.0.0.1 2 0 1 1 T 1 0 0 0 0 0 0 - 1 - 0 0 - - 0",
                "3 back 3 s3 127.0.0.1 0 5 1 1 T 1 0 0 8 0 0 0 - 1 - 0 0 - - 0",
                "3 back 4 u1 - 2 0 1 1 T 1 0 0 0 0 0 0 - 0 - 0 0 - - 0",
            ])
        for command in [
            "set server back/s1 state drain", "disable server back/s2", "del server back/s3",
            "add server back/n1 127.0.0.2:7 weight 5 id 9", "set weight back/s1 20%",
        ] { _ = try await process.ask(command) }
        #expect(
            try await lines() == [
                "1", Self.header,
                "3 back 1 s1 127.0.0.1 2 8 2 10 T 1 0 0 0 0 0 0 - 1 - 0 0 - - 0",
                "3 back 2 s2 127.0.0.1 0 1 1 1 T 1 0 0 0 0 0 0 - 1 - 0 0 - - 0",
                "3 back 4 u1 - 2 0 1 1 T 1 0 0 0 0 0 0 - 0 - 0 0 - - 0",
                "3 back 9 n1 127.0.0.2 0 1 5 5 T 1 0 0 0 0 0 1 - 7 - 0 0 - - 0",
            ])
    }

    @Test("State changes are logged in HAProxy's words") func messages() async throws {
        let process = try await RuntimeProcess(backend: "server s1 127.0.0.1:1\nserver s2 127.0.0.1:1")
        _ = try await process.ask("disable server back/s1;enable server back/s1;set server back/s2 health down")
        for line in [
            "Server back/s1 is going DOWN for maintenance. 1 active and 0 backup servers left."
                + " 0 sessions active, 0 requeued, 0 remaining in queue.",
            "Server back/s1 is UP/READY (leaving forced maintenance).",
            "Server back/s2 is DOWN, changed from CLI. 1 active and 0 backup servers left."
                + " 0 sessions active, 0 requeued, 0 remaining in queue.",
        ] {
            #expect(try await process.listener.logLine(line) == line)
        }
        #expect(process.listener.process.errors.contains("(leaving forced maintenance)."))
    }
}
