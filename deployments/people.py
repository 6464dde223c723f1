"""Accounts made and changed by the operator."""

import re

import asyncpg

from api.context import Context
from cluster.errors import Conflict, InvalidInput, NotFound
from cluster.settings import Settings
from db.queries import users
from deployments.home import Home
from deployments.operator import act

ROLES = ("user", "moderator", "admin", "owner")
_USERNAME = re.compile(r"[A-Za-z0-9_]{1,30}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def create(
    settings: Settings, home: Home, *, username: str, email: str, password: str, role: str
) -> dict[str, str]:
    """Make an account that can sign in. Raises InvalidInput or Conflict."""
    if not _USERNAME.fullmatch(username):
        raise InvalidInput(f"{username!r} is no username: use 1 to 30 letters, digits and underscores")
    if not _EMAIL.fullmatch(email):
        raise InvalidInput(f"{email!r} is no e-mail address")
    if len(password) < settings.auth.password_length_min:
        raise InvalidInput(f"the password needs {settings.auth.password_length_min} characters or more")
    _check_role(role)

    async def work(ctx: Context) -> str:
        hashed = await ctx.passwords.hash(password)
        try:
            async with ctx.pool.transaction() as conn:
                account_id = await users.create(
                    conn, username=username, email=email, password_hash=hashed, role=role
                )
        except asyncpg.UniqueViolationError as error:
            taken = email if error.table_name == "users" else username
            raise Conflict(f"{taken} is taken already") from error
        return str(account_id)

    account_id = act(settings, home, work)
    return {"id": account_id, "username": username, "email": email, "role": role}


def grant(settings: Settings, home: Home, *, username: str, role: str) -> dict[str, str]:
    """Give a role. Raises NotFound or InvalidInput."""
    _check_role(role)

    async def work(ctx: Context) -> bool:
        async with ctx.pool.transaction() as conn:
            return await users.set_role(conn, username=username, role=role)

    if not act(settings, home, work):
        raise NotFound(f"nobody is called {username!r}")
    return {"username": username, "role": role}


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise InvalidInput(f"{role!r} is no role: choose one of {', '.join(ROLES)}")
