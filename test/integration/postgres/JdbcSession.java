import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** What a program with JDBC does, told in lines `name=value`. The URL is the first argument, the password in PGPASSWORD. */
public class JdbcSession {
  public static void main(String[] arguments) throws SQLException {
    try (Connection connection = DriverManager.getConnection(arguments[0], "dev", System.getenv("PGPASSWORD"))) {
      // After five executions the driver names its statement, and asks for binary formats.
      try (PreparedStatement select = connection.prepareStatement("SELECT id, total FROM orders WHERE id = ?")) {
        int sum = 0;
        for (int id = 1; id <= 10; id++) {
          select.setInt(1, id);
          try (ResultSet row = select.executeQuery()) {
            while (row.next()) sum += row.getInt(1);
          }
        }
        System.out.println("prepared=" + sum);
      }
      try (PreparedStatement update = connection.prepareStatement("UPDATE customers SET name = ? WHERE id = ?")) {
        update.setString(1, "Mallory");
        update.setInt(2, 1);
        update.executeUpdate();
        System.out.println("refused=no");
      } catch (SQLException error) {
        System.out.println("refused=" + error.getSQLState());
      }
      connection.setAutoCommit(false);
      try (Statement fetching = connection.createStatement()) {
        fetching.setFetchSize(50);
        int rows = 0;
        try (ResultSet all = fetching.executeQuery("SELECT i FROM generate_series(1, 1000) i")) {
          while (all.next()) rows++;
        }
        System.out.println("fetched=" + rows);
      }
      connection.commit();
      try (PreparedStatement batch = connection.prepareStatement("UPDATE orders SET total = total WHERE id = ?")) {
        for (int id = 1; id <= 20; id++) {
          batch.setInt(1, id);
          batch.addBatch();
        }
        System.out.println("batched=" + batch.executeBatch().length);
      }
      connection.commit();
    }
  }
}
