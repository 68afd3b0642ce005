"""What a program with psycopg2 does, told in JSON: one object with a value for each thing that was tried."""

import io
import json
import select

import psycopg2

told = {}
connection = psycopg2.connect("")  # everything from the PG* variables
cursor = connection.cursor()

cursor.execute("SELECT id, status FROM orders WHERE id = %s", (3,))
told["row"] = cursor.fetchone()
connection.commit()

try:
    cursor.execute("UPDATE customers SET name = %s WHERE id = %s", ("Mallory", 1))
    told["refused"] = None
except psycopg2.Error as error:
    told["refused"] = error.pgcode
try:
    cursor.execute("SELECT 1")
    told["inFailedTransaction"] = None
except psycopg2.Error as error:
    told["inFailedTransaction"] = error.pgcode
connection.rollback()

with connection, connection.cursor("by_the_server") as named:
    named.itersize = 100
    named.execute("SELECT i FROM generate_series(1, 1000) i")
    told["serverSideCursor"] = sum(row[0] for row in named)

with connection, connection.cursor() as many:
    many.executemany(
        "UPDATE orders SET total = total WHERE id = %s", [(number,) for number in range(1, 6)]
    )
    told["executemany"] = many.rowcount

with connection, connection.cursor() as copying:
    out = io.StringIO()
    copying.copy_expert("COPY (SELECT generate_series(1, 3)) TO STDOUT", out)
    told["copy"] = out.getvalue()

connection.set_session(autocommit=True)
cursor = connection.cursor()
cursor.execute("LISTEN from_python")
cursor.execute("NOTIFY from_python, 'hello'")
if not connection.notifies:
    select.select([connection], [], [], 10)
    connection.poll()
told["notified"] = connection.notifies[0].payload if connection.notifies else None
connection.close()

print(json.dumps(told))
