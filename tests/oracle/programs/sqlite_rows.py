"""SQLite: tables filled and queried, with functions, aggregates and converters in Python."""

from __future__ import annotations

import sqlite3

ROWS = 3000


class Median:
    """An aggregate that SQLite calls from its own C code."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def step(self, value: float) -> None:
        self.values.append(value)

    def finalize(self) -> float:
        return sorted(self.values)[len(self.values) // 2]


def main() -> object:
    connection = sqlite3.connect(":memory:", detect_types=sqlite3.PARSE_DECLTYPES)
    connection.row_factory = sqlite3.Row
    sqlite3.register_converter("words", lambda data: data.decode().split())
    connection.create_function("shout", 1, lambda text: text.upper() + "!")
    connection.create_aggregate("median", 1, Median)  # type: ignore[arg-type]
    connection.execute("create table item(id integer primary key, name text, price real, w words)")
    connection.executemany(
        "insert into item values(?, ?, ?, ?)",
        ((n, f"name {n}", n / 11, f"a{n} b{n} c") for n in range(ROWS)),
    )
    connection.commit()
    rows = connection.execute("select *, shout(name) as loud from item").fetchall()
    groups = connection.execute("select id % 50, median(price) from item group by 1").fetchall()
    plain = [tuple(row) for row in connection.execute("select name, price from item")]
    dump = list(connection.iterdump())
    return connection, rows, groups, plain, dump
