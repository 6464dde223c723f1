"""Signing in with a password, and the session of a browser on this server's own pages."""

import ipaddress

from actors.ports import Grant, Tokens
from api.context import Context
from cluster.errors import Forbidden, InvalidInput, NotFound
from db.entities import User
from db.queries import oauth, users

WEB_CLIENT = "socialflow-web"
WEB_SCOPE = "web"
"""What a browser's session may do: our own pages, and no API, because no app can ask for this scope."""

WRONG = "Invalid e-mail address or password."


async def check_password(ctx: Context, *, login: str, password: str, address: str) -> User:
    """The person with this name or e-mail address and password. `address`: where the request came from.

    Raises InvalidInput, in the same words and time for a wrong password and for nobody; RateLimited,
    Overloaded; Forbidden once the password was right but the account is suspended."""
    await ctx.limiter.check_login(login)
    async with ctx.pool.connection() as conn:
        user = await users.by_login(conn, login=login.strip())
    verdict = await ctx.passwords.check(user.password_hash if user else None, password)
    if user is None or not verdict.right or (user.demo and not _is_near(ctx, address)):
        raise InvalidInput(WRONG)
    if verdict.outdated:
        password_hash = await ctx.passwords.hash(password)
        async with ctx.pool.transaction() as conn:
            await users.set_password_hash(conn, account_id=user.account_id, password_hash=password_hash)
    async with ctx.pool.connection() as conn:
        if await users.suspended(conn, account_id=user.account_id):
            raise Forbidden("Your login is currently disabled")
    return user


async def open_browser(ctx: Context, *, account_id: int) -> Tokens:
    """A session for a browser on our pages."""
    async with ctx.pool.transaction() as conn:
        app = await oauth.own_app(
            conn, client_id=WEB_CLIENT, name=ctx.settings.title, website=ctx.settings.public_url
        )
    return await ctx.sessions.create(Grant(account_id, app.id, (WEB_SCOPE,)))


async def username_of(ctx: Context, *, account_id: int) -> str:
    """What the consent page calls the person. Raises NotFound when the account is gone."""
    async with ctx.pool.connection() as conn:
        username = await users.username(conn, account_id=account_id)
    if username is None:
        raise NotFound
    return username


def _is_near(ctx: Context, address: str) -> bool:
    """Whether somebody on this machine asks, of a server that only this machine can reach."""
    try:
        return ctx.settings.on_loopback and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
