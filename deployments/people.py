"""Accounts made and changed by the operator."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from api.passwords import Passwords
from cluster.errors import Conflict, InvalidInput, NotFound
from cluster.settings import Settings
from db.migrate import check
from db.pool import Pool
from db.queries import users

T = TypeVar("T")

ROLES = ("user", "moderator", "admin", "owner")
_USERNAME = re.compile(r"[A-Za-z0-9_]{1,30}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def create(settings: Settings, *, username: str, email: str, password: str, role: str) -> dict[str, str]:
    """Make an account that can sign in. Raises InvalidInput or Conflict."""
    if not _USERNAME.fullmatch(username):
        raise InvalidInput(f"{username!r} is no username: use 1 to 30 letters, digits and underscores")
    if not _EMAIL.fullmatch(email):
        raise InvalidInput(f"{email!r} is no e-mail address")
    if len(password) < settings.auth.password_length_min:
        raise InvalidInput(f"the password needs {settings.auth.password_length_min} characters or more")
    _check_role(role)

    async def work(pool: Pool) -> str:
        passwords = Passwords(settings.auth.password_profile)
        hashed = await passwords.hash(password)
        passwords.close()
        try:
            async with pool.transaction() as conn:
                account_id = await users.create(
                    conn, username=username, email=email, password_hash=hashed, role=role
                )
        except asyncpg.UniqueViolationError as error:
            taken = email if error.table_name == "users" else username
            raise Conflict(f"{taken} is taken already") from error
        return str(account_id)

    return {"id": _with_pool(settings, work), "username": username, "email": email, "role": role}


def grant(settings: Settings, *, username: str, role: str) -> dict[str, str]:
    """Give a role. Raises NotFound or InvalidInput."""
    _check_role(role)

    async def work(pool: Pool) -> bool:
        async with pool.transaction() as conn:
            return await users.set_role(conn, username=username, role=role)

    if not _with_pool(settings, work):
        raise NotFound(f"nobody is called {username!r}")
    return {"username": username, "role": role}


def _with_pool(settings: Settings, work: Callable[[Pool], Awaitable[T]]) -> T:
    """These commands need the database alone: joining Ray would take seconds."""
    check(settings.postgres.url)

    async def run() -> T:
        pool = Pool(settings.postgres)
        try:
            return await work(pool)
        finally:
            await pool.close()

    return asyncio.run(run())


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise InvalidInput(f"{role!r} is no role: choose one of {', '.join(ROLES)}")
