"""A client in a process of its own, to be killed at any moment: runs transactions, and says of each step what it knows.

Arguments: the gateway's address, the database, the isolation level, the workload, the first transaction's number, how
many there are. What is about to be asked is said before it is asked, so that no line is missing that counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from typing import Any

import rowgate
from support.histories import LISTS, parsed

ACCOUNTS = 12


async def main(address: str, engine: str, level: Any, workload: str, first: int, count: int) -> None:
    dice = random.Random(first)
    work = {"transfers": _transfer, "lists": _lists}[workload]
    async with rowgate.connect(address) as client:
        db = client.using(engine)
        for number in range(first, first + count):
            say("begun", number)
            try:
                async with db.transaction(isolation=level, lock_timeout=2) as tx:
                    await work(tx, number, dice)
                    say("committing")
                say("committed")
            except (rowgate.TransactionAborted, rowgate.TransactionFailed) as error:
                say("ended", error.outcome)


def say(*words: Any) -> None:
    """At once: a process that is killed says nothing any more."""
    os.write(1, json.dumps(words).encode() + b"\n")


async def _transfer(tx: rowgate.Transaction, number: int, dice: random.Random) -> None:
    one, other = dice.sample(range(ACCOUNTS), 2)
    amount = dice.randrange(1, 50)
    read, write = "select balance from tx_money where id = ?", "update tx_money set balance = ? where id = ?"
    has = (await tx.query(read, one)).scalar()
    gets = (await tx.query(read, other)).scalar()
    await tx.query(write, has - amount, one)
    await tx.query(write, gets + amount, other)
    await tx.query("insert into tx_ledger values (?)", number)


async def _lists(tx: rowgate.Transaction, number: int, dice: random.Random) -> None:
    for place in range(dice.randrange(1, 5)):
        key = dice.randrange(LISTS)
        if dice.random() < 0.5:
            found = await tx.query("select elements from tx_lists where id = ?", key)
            say("read", key, parsed(found.scalar()))
        else:
            element = number * 10 + place
            say("append", key, element)
            append = "update tx_lists set elements = concat(elements, ?) where id = ?"
            await tx.query(append, f"{element},", key)


if __name__ == "__main__":
    address, engine, level, workload, first, count = sys.argv[1:]
    asyncio.run(main(address, engine, level, workload, int(first), int(count)))
