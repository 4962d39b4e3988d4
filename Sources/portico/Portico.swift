import Bytes
import Configuration
import Glibc
import Language
import Proxying
import TLSTransport

/// The program: reads the command line and the configuration, then checks it or serves.
@main
struct Portico {
    static func main() {
        exit(run(Array(CommandLine.arguments.dropFirst()), Launch.take()))
    }

    /// Returns the exit code.
    private static func run(_ arguments: [String], _ launch: Launch) -> Int32 {
        let options: CommandLineOptions
        do throws(CommandLineError) {
            options = try CommandLineOptions(arguments: arguments)
        } catch {
            if let message = error.message { Terminal.alert(message) }
            Terminal.error(Usage.text(program: "portico"))
            return 1
        }
        if let request = options.version {
            print(VersionText.text(request), terminator: "")
            return 0
        }
        if !options.keywordClasses.isEmpty {
            print(KeywordClass.text(options.keywordClasses), terminator: "")
            if options.paths.isEmpty, options.condition == nil { return 0 }
        }
        if !options.quiet { for notice in options.notices { Terminal.notice(notice) } }
        if let directory = options.directory, unsafe chdir(directory) != 0 {
            Terminal.alert("cannot change to directory \(directory): \(Terminal.systemError())")
            return 1
        }
        var loader = ConfigurationLoader(
            environment: launch.environment, isDiagnostic: options.diagnostic,
            skipsServerVerification: options.skipsServerVerification)
        loader.dialect = Dialect(tlsVersion: TLSLibraries.openSSL.running)
        if let condition = options.condition { return evaluate(condition, loader) }
        return start(options, loader, launch)
    }

    /// Becomes a master that has a worker serve, or serves.
    private static func start(_ options: CommandLineOptions, _ loader: ConfigurationLoader, _ launch: Launch) -> Int32 {
        guard !launch.isBroken else {
            Terminal.alert("Failed to deserialize data for the master process. Unrecoverable error, exiting.")
            return 1
        }
        let discovery = loader.discover(paths: options.paths)
        var loader = loader
        loader.contents = discovery.contents
        let master = Master(options, launch, discovery)
        guard master.isWanted else {
            guard options.masterSockets.isEmpty || options.masterWorker else {
                Terminal.alert("a master CLI socket was defined, but master-worker mode (-W) is not enabled.")
                return 1
            }
            return serve(options, loader)
        }
        do throws(StartError) {
            return try master.run(loader) { connection in
                var loader = loader
                loader.environment["HAPROXY_MWORKER"] = "1"
                unsafe setenv("HAPROXY_MWORKER", "1", 1)
                return serve(options, loader, connection)
            }
        } catch {
            Terminal.alert(error.description)
            return 1
        }
    }

    private static func evaluate(_ condition: String, _ loader: ConfigurationLoader) -> Int32 {
        do throws(ConditionError) {
            return try loader.evaluate(condition: condition) ? 0 : 1
        } catch {
            Terminal.alert("-cc: \(error.message)")
            return 2
        }
    }

    private static func serve(
        _ options: CommandLineOptions, _ loader: ConfigurationLoader, _ master: MasterConnection? = nil
    ) -> Int32 {
        let result = loader.load(paths: options.paths)
        for diagnostic in result.diagnostics where !options.quiet || diagnostic.severity == .alert {
            Terminal.error(diagnostic.rendered(pid: getpid()) + "\n")
        }
        guard var configuration = result.configuration, let language = result.runtime else {
            Terminal.alert("Fatal errors found in configuration.")
            return 1
        }
        options.apply(to: &configuration)
        if configuration.global.zeroWarning, result.hasWarnings {
            Terminal.alert("Some warnings were found and 'zero-warning' is set. Aborting.")
            return 1
        }
        if options.checksOnly {
            do throws(BlueprintError) {
                _ = try Blueprint(configuration, workerCount: 1, processMaxconn: 1)
            } catch {
                Terminal.alert(error.description)
                Terminal.alert("Fatal errors found in configuration.")
                return 1
            }
            if options.verbose || !options.quiet { print("Configuration file is valid") }
            return 0
        }
        guard
            !configuration.frontends.isEmpty || !configuration.logForwards.isEmpty
                || !configuration.global.runtimeAPI.sockets.isEmpty
        else {
            Terminal.alert(
                "No listener is configured: nothing to do. Add a 'frontend' or 'listen' section with a 'bind' line.")
            return 2
        }
        return Process(configuration, language, options, master: master).run()
    }
}
