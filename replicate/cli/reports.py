"""The JSON forms of what commands report: raw bytes, RFC 3339 in UTC, stable member names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replicate.cli.formats import utc_time

if TYPE_CHECKING:
    from replicate.databases.base import Table
    from replicate.dumps.manifest import Body, Header


def header_json(header: Header) -> dict[str, Any]:
    """A dump, as far as it can be known without a key."""
    encryption = header.encryption
    totals = header.totals
    return {
        "name": header.name,
        "run_id": header.run_id,
        "created_at": utc_time(header.created_at),
        "tool_version": header.tool_version,
        "engine": header.engine,
        "compression": header.compression,
        "encryption": encryption and {"scheme": encryption.scheme, "key_id": encryption.key_id},
        "tables": totals.tables,
        "rows": totals.rows,
        "chunks": totals.chunks,
        "plain_bytes": totals.plain_bytes,
        "stored_bytes": totals.stored_bytes,
    }


def body_json(body: Body) -> dict[str, Any]:
    """What is in a dump: where it came from, what shaped it, its tables and its chunks."""
    return {
        "source": {"engine": body.source.engine, "server_version": body.source.server_version},
        "options": dict(body.options),
        "tables": [
            {
                "schema": table.schema,
                "name": table.name,
                "columns": list(table.columns),
                "rows": table.rows,
                "masked": dict(table.masked),
            }
            for table in body.tables
        ],
        "chunks": [
            {
                "number": chunk.number,
                "section": chunk.section,
                "rows": chunk.rows,
                "plain_bytes": chunk.plain_size,
                "stored_bytes": chunk.stored_size,
                "sha256": chunk.sha256,
            }
            for chunk in body.chunks
        ],
    }


def table_json(table: Table) -> dict[str, Any]:
    """A table of a source, as declared; `rows` and `bytes` are estimates or null."""
    return {
        "schema": table.schema,
        "name": table.name,
        "rows": table.rows,
        "bytes": table.bytes,
        "primary_key": list(table.primary_key),
        "unique": [list(columns) for columns in table.unique],
        "foreign_keys": [
            {
                "columns": list(key.columns),
                "ref_schema": key.ref_schema or table.schema,
                "ref_table": key.ref_table,
                "ref_columns": list(key.ref_columns),
            }
            for key in table.foreign_keys
        ],
        "partitioned": table.partitioned,
        "inherits": [{"schema": schema, "name": name} for schema, name in table.inherits],
        "maskable": table.maskable,
        "note": table.note or None,
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "kind": column.kind.value,
                "nullable": column.nullable,
                "generated": column.generated,
            }
            for column in table.columns
        ],
    }
