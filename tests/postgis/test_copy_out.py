"""Rows that are read through one binary COPY: those a plain query gives, and what goes wrong on the way."""

import numpy as np
import pytest
from psycopg.sql import SQL

from pipemap.copy_out import copy_blocks, copy_rows
from pipemap.db import Database, fetch_all
from pipemap.errors import UsageError

_ROWS = SQL("SELECT n, CASE WHEN n % 3 > 0 THEN repeat('管', n % 7) END FROM generate_series(1, 20000) AS n")


def test_blocks_hold_the_rows_of_the_query_in_its_order(database: Database) -> None:
    with database.transaction(read_only=True) as connection:
        blocks = list(copy_blocks(connection, _ROWS, 2))
        wanted = fetch_all(connection, _ROWS)

    assert len(blocks) > 1
    assert np.concatenate([block.numbers(0, np.int32) for block in blocks]).tolist() == [row["n"] for row in wanted]
    texts = [
        text for block in blocks for text in map(block.text(1, np.arange(len(block))).__getitem__, range(len(block)))
    ]
    assert texts == [row["case"] or None for row in wanted]


def test_a_query_without_rows_gives_none_and_leaves_the_connection_fit_for_use(database: Database) -> None:
    with database.transaction(read_only=True) as connection:
        assert list(copy_blocks(connection, SQL("SELECT 1 WHERE false"), 1)) == []
        assert len(copy_rows(connection, SQL("SELECT 1 WHERE false"), 1)) == 0
        assert fetch_all(connection, "SELECT 1 AS one") == [{"one": 1}]


def test_a_fault_of_the_server_between_rows_is_raised(database: Database) -> None:
    failing = SQL("SELECT 1 / (15000 - n) FROM generate_series(1, 20000) AS n")
    with pytest.raises(UsageError, match="not one that the map"), database.transaction(read_only=True) as connection:
        list(copy_blocks(connection, failing, 1))
    with database.transaction(read_only=True) as connection:
        assert len(copy_rows(connection, _ROWS, 2)) == 20_000


def test_a_reader_that_stops_early_leaves_the_database_fit_for_use(database: Database) -> None:
    with database.transaction(read_only=True) as connection:
        blocks = copy_blocks(connection, _ROWS, 2)
        assert len(next(blocks)) > 0
        blocks.close()
    with database.transaction(read_only=True) as connection:
        assert fetch_all(connection, "SELECT 1 AS one") == [{"one": 1}]
