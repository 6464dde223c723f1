"""People who exist for a bench: accounts with tokens, made through the operator's context.

`python -m deployments.bench.guests HOME` makes one in a running instance and prints it as JSON.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_hex

from actors.ports import Grant
from api.context import Context
from db.queries import oauth, users
from deployments.running import settings_of_running

SCOPES = ("read", "write", "follow")


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody with a token."""

    account_id: int
    username: str
    token: str


async def invite(ctx: Context, *, count: int, prefix: str = "guest") -> list[Guest]:
    """`count` new people. One password hash serves all: nobody signs in with it."""
    mark = token_hex(3)
    hashed = await ctx.passwords.hash(token_hex(16))
    async with ctx.pool.transaction() as conn:
        app = await oauth.own_app(conn, client_id="bench", name="bench", website="")
        ids = [
            await users.create(
                conn,
                username=f"{prefix}_{mark}_{number}",
                email=f"{prefix}_{mark}_{number}@example.org",
                password_hash=hashed,
            )
            for number in range(count)
        ]
    guests = []
    for number, account_id in enumerate(ids):
        tokens = await ctx.sessions.create(Grant(account_id, app.id, SCOPES))
        guests.append(Guest(account_id, f"{prefix}_{mark}_{number}", tokens.access_token))
    return guests


async def dismiss(ctx: Context, guests: Sequence[Guest]) -> None:
    """Remove them and everything of theirs."""
    async with ctx.pool.transaction() as conn:
        for guest in guests:
            await users.delete(conn, account_id=guest.account_id)


def main(home: Path) -> None:
    """Make one guest in the instance of `home` and print it."""
    settings, place = settings_of_running(home)
    from deployments.operator import act

    async def work(ctx: Context) -> Guest:
        (guest,) = await invite(ctx, count=1)
        return guest

    print(json.dumps(asdict(act(settings, place, work))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
