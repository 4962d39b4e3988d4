/// The summary of the command line.
package enum Usage {
    /// The options, on one screen of 80 columns and 24 lines. It ends with a line feed.
    package static func text(program: String) -> String {
        """
        Usage: \(program) [-f <cfgfile|cfgdir>]* [option]* [-- <cfgfile>*]
          -f <file|dir>   reads a configuration file, or the *.cfg files of a directory
          -c              checks the configuration and exits
          -cc <cond>      evaluates a condition: exits with 0 if it is true, else 1
          -v, -vv         shows the version; with features and libraries
          -vq[s|b]        shows the version alone; -vqs the number, -vqb the branch
          -C <dir>        changes to a directory before files are read
          -D, -db         goes to the background; stays in the foreground
          -W, -Ws         runs a master and a worker; and notifies systemd
          -S <bind>       lets the master take commands there (the master CLI)
          -p <pidfile>    writes process numbers to a file
          -sf/-st <pid>*  lets old processes finish; terminates them
          -n <maxconn>    limits connections of the process
          -N <maxconn>    limits connections of frontends without a limit of their own
          -m <MB>         limits memory of the process
          -L <name>       sets the name of this peer
          -q, -V          shows no messages at start; shows more of them
          -d, -dD         shows connections; shows suspicious statements
          -dW, -dr        fails on warnings; goes on when server names are not found
          -dV             does not verify servers' certificates by default
          -dM[<byte>]     fills freed memory with a byte (0x50)
          -dK<class,...>  lists keywords; -dKhelp lists the classes

        """
    }
}
