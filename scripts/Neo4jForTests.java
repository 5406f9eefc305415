import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.logging.LogManager;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;
import org.neo4j.driver.AuthToken;
import org.neo4j.driver.AuthTokens;
import org.neo4j.driver.GraphDatabase;

/**
 * Neo4j Community behind its Bolt connector, for tests: prints its URI once a query over Bolt is answered, and
 * ends when stdin ends or on SIGTERM. Started by scripts/neo4j-for-tests.
 *
 * Arguments: the server's folder, with neo4j.conf in it; its URI; then any of `keep-running` (whatever happens
 * to stdin) and `remove-folder` (at the end). NEO4J_PASSWORD sets the password of the user neo4j.
 */
public class Neo4jForTests {
    public static void main(String[] arguments) throws Exception {
        LogManager.getLogManager().reset(); // the driver's greetings; the server logs into its folder
        var options = java.util.List.of(arguments);
        Path folder = Path.of(arguments[0]);
        DatabaseManagementService server = new DatabaseManagementServiceBuilder(folder)
                .loadPropertiesFromFile(folder.resolve("neo4j.conf"))
                .build();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            server.shutdown();
            if (options.contains("remove-folder")) {
                remove(folder);
            }
        }));
        try {
            ask(arguments[1], authenticate(server, System.getenv("NEO4J_PASSWORD")));
        } catch (RuntimeException error) {
            System.err.println("error: the server started and answers no query: " + error.getMessage());
            System.exit(1);
        }
        System.out.println(arguments[1]);
        while (options.contains("keep-running") || System.in.read() >= 0) {
            if (options.contains("keep-running")) {
                Thread.currentThread().join();
            }
        }
        System.exit(0);
    }

    private static AuthToken authenticate(DatabaseManagementService server, String password) {
        if (password == null || password.isEmpty()) {
            return AuthTokens.none();
        }
        String change = "ALTER USER neo4j SET PLAINTEXT PASSWORD $password CHANGE NOT REQUIRED";
        try {
            server.database("system").executeTransactionally(change, Map.of("password", password));
        } catch (RuntimeException error) {
            if (!String.valueOf(error.getMessage()).contains("cannot be the same")) {
                throw error;
            } // the folder's server has this password already
        }
        return AuthTokens.basic("neo4j", password);
    }

    private static void ask(String uri, AuthToken authentication) {
        try (var driver = GraphDatabase.driver(uri, authentication);
                var session = driver.session()) {
            session.run("RETURN 1").consume();
        }
    }

    private static void remove(Path folder) {
        try (var paths = Files.walk(folder)) {
            for (Path path : (Iterable<Path>) paths.sorted(Comparator.reverseOrder())::iterator) {
                Files.delete(path);
            }
        } catch (IOException error) {
            System.err.println("warning: " + folder + " could not be removed: " + error);
        }
    }
}
