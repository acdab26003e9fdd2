from django.db import migrations

# As `npx sojourn migrate` makes them. Whoever comes second finds them there.
SEPARATE = [
    "CREATE TABLE IF NOT EXISTS sojourn_record"
    " (name varchar(80) NOT NULL PRIMARY KEY, value text NOT NULL, expires bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS sojourn_member"
    " (grp varchar(80) NOT NULL, session_key varchar(40) NOT NULL, since bigint NOT NULL, expires bigint NOT NULL,"
    " PRIMARY KEY (grp, session_key))",
    "CREATE INDEX IF NOT EXISTS sojourn_record_expires ON sojourn_record (expires)",
    "CREATE INDEX IF NOT EXISTS sojourn_member_expires ON sojourn_member (expires)",
]
# Its own collations take letters of either case for the same.
BINARY = "CHARACTER SET ascii COLLATE ascii_bin"
MYSQL = [
    f"CREATE TABLE IF NOT EXISTS sojourn_record (name varchar(80) {BINARY} NOT NULL PRIMARY KEY,"
    " value longtext NOT NULL, expires bigint NOT NULL, KEY sojourn_record_expires (expires))",
    f"CREATE TABLE IF NOT EXISTS sojourn_member (grp varchar(80) {BINARY} NOT NULL,"
    f" session_key varchar(40) {BINARY} NOT NULL, since bigint NOT NULL, expires bigint NOT NULL,"
    " PRIMARY KEY (grp, session_key), KEY sojourn_member_expires (expires))",
]
TABLES = {"sqlite": SEPARATE, "postgresql": SEPARATE, "mysql": MYSQL}


def make_tables(apps, schema_editor):
    for statement in TABLES[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    initial = True
    # Backwards nothing: the other sites may still need the tables. MySQL makes tables in no transaction.
    operations = [migrations.RunPython(make_tables, migrations.RunPython.noop, atomic=False)]
