"""The split job on a table environment; what it reads and writes is the caller's choice."""

from typing import TYPE_CHECKING

from flink_jobs import sql
from flink_jobs.connectors import Connectors

if TYPE_CHECKING:
    from pyflink.table import StatementSet, TableEnvironment


def build(te: "TableEnvironment", connectors: Connectors, *, guard: bool) -> "StatementSet":
    """Create tables and views in `te` and return both inserts as one set, not yet running."""
    for statement in (*sql.tables(connectors), *sql.views()):
        te.execute_sql(statement)
    statements = te.create_statement_set()
    for insert in sql.inserts(guard=guard):
        statements.add_insert_sql(insert)
    return statements
