"""Makes the demo world real through the actions that clients use: posts are in feeds, counts are right.

It is complete when its people are marked as demo logins, which is the last step; until then it is repeated,
and what was done is not done twice.
"""

import secrets

import asyncpg

from api.actions import accounts, follows, reactions, statuses
from api.actions.accounts import ProfileEdit
from api.actions.follows import FollowOptions
from api.context import Context
from cluster.settings import Settings
from db.queries import demo, users
from deployments.demo import LOGINS, PEOPLE, STORY, Person, Post
from deployments.home import Home
from deployments.operator import act

PASSWORD_BYTES = 9  # 72 bits, 12 characters


def seed(settings: Settings, home: Home, *, new_passwords: bool = False) -> list[dict[str, str]]:
    """The demo logins, with passwords if these were made now. Off loopback nobody can use them: none."""

    async def work(ctx: Context) -> list[dict[str, str]]:
        found = await _demo_accounts(ctx)
        fresh = len(found) < len(PEOPLE)
        if fresh:
            found = await _make_world(ctx)
        made = await _set_passwords(ctx, found) if fresh or new_passwords else {}
        return [_login(name, made.get(name)) for name in LOGINS]

    logins = act(settings, home, work)
    return logins if settings.on_loopback else []


def _login(username: str, password: str | None) -> dict[str, str]:
    login = {"username": username, "email": _email(username)}
    return login | {"password": password} if password else login


def _email(username: str) -> str:
    return f"{username}@example.org"


async def _demo_accounts(ctx: Context) -> dict[str, int]:
    async with ctx.pool.connection() as conn:
        return await demo.accounts(conn, usernames=[person.username for person in PEOPLE])


async def _make_world(ctx: Context) -> dict[str, int]:
    ids = {person.username: await _make_person(ctx, person) for person in PEOPLE}
    for person in PEOPLE:
        for target in person.follows:
            await follows.follow(
                ctx, account_id=ids[person.username], target_id=ids[target], options=FollowOptions()
            )
    said: dict[str, int] = {}
    for post in STORY:
        said[post.key] = await _say(ctx, post, ids=ids, said=said)
    for post in STORY:
        await _react(ctx, post, ids=ids, status_id=said[post.key])
    return ids


async def _make_person(ctx: Context, person: Person) -> int:
    hashed = await ctx.passwords.hash(secrets.token_urlsafe(PASSWORD_BYTES))
    try:
        async with ctx.pool.transaction() as conn:
            account_id = await users.create(
                conn, username=person.username, email=_email(person.username), password_hash=hashed
            )
    except asyncpg.UniqueViolationError:  # made by a start that was cut short
        return await accounts.find(ctx, acct=person.username)
    edit = ProfileEdit(display_name=person.name, note=person.note)
    await accounts.edit(ctx, account_id=account_id, change=edit)
    return account_id


async def _say(ctx: Context, post: Post, *, ids: dict[str, int], said: dict[str, int]) -> int:
    draft = statuses.Draft(
        account_id=ids[post.by],
        text=post.text,
        spoiler_text=post.warning,
        visibility=post.visibility,
        language="en",
        in_reply_to_id=said[post.to] if post.to else None,
        idempotency_key=f"demo-{post.key}",
    )
    return await statuses.post(ctx, draft)


async def _react(ctx: Context, post: Post, *, ids: dict[str, int], status_id: int) -> None:
    for name in post.liked:
        await reactions.favourite(ctx, account_id=ids[name], status_id=status_id)
    for name in post.boosted:
        await reactions.reblog(
            ctx, account_id=ids[name], status_id=status_id, visibility="public", app_id=None
        )


async def _set_passwords(ctx: Context, ids: dict[str, int]) -> dict[str, str]:
    passwords = {name: secrets.token_urlsafe(PASSWORD_BYTES) for name in LOGINS}
    hashes = {ids[name]: await ctx.passwords.hash(password) for name, password in passwords.items()}
    async with ctx.pool.transaction() as conn:
        for account_id, hashed in hashes.items():
            await users.set_password_hash(conn, account_id=account_id, password_hash=hashed)
        await demo.mark(conn, account_ids=list(ids.values()))
    return passwords
