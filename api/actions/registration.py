"""Signing up: what a new account must be, in Mastodon's words, and its first token."""

import re
from dataclasses import dataclass

import asyncpg

from actors.ports import Grant, Tokens
from api.actions import apps
from api.context import Context
from api.passwords import LENGTH_MAX
from api.refusals import invalid
from api.tokens import Caller
from cluster import observe
from cluster.errors import FieldError, Forbidden, SocialFlowError
from db.queries import users

log = observe.logger("registration")

USERNAME_MAX = 30  # as Mastodon
EMAIL_MAX = 254  # RFC 5321's longest path
_USERNAME = re.compile(r"[A-Za-z0-9_]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")

# Mastodon's list, and names under which people would expect the server itself to speak.
_STAFF = ("abuse", "admin", "administrator", "mod", "moderator", "owner", "staff", "support", "webmaster")
_SERVER = (
    "help",
    "info",
    "instance_actor",
    "internal",
    "postmaster",
    "root",
    "security",
    "socialflow",
    "system",
)
_WORDS = ("everyone", "here", "me")
RESERVED = frozenset((*_STAFF, *_SERVER, *_WORDS))


@dataclass(frozen=True, slots=True)
class SignUp:
    """What somebody filled in."""

    username: str
    email: str
    password: str
    agreement: bool
    locale: str = "en"


async def sign_up(ctx: Context, form: SignUp, *, caller: Caller) -> Tokens:
    """A new account, and a token of it for the application that asked; it works at once.

    Raises InvalidInput with Mastodon's code per field; Forbidden while registrations are closed."""
    if caller.account_id is not None:
        raise Forbidden("This method requires an client credentials authentication")
    if ctx.settings.auth.registrations == "closed":
        raise Forbidden("This action is not allowed")
    fields = check(form, length_min=ctx.settings.auth.password_length_min)
    async with ctx.pool.connection() as conn:
        fields += _taken(*await users.taken(conn, username=form.username, email=form.email))
    if fields:
        raise invalid(*fields)
    password_hash = await ctx.passwords.hash(form.password)
    app = await apps.find(ctx, app_id=caller.app_id)
    account_id = await _create(ctx, form, password_hash=password_hash)
    try:
        return await ctx.sessions.create(Grant(account_id, app.id, tuple(app.scopes)))
    except SocialFlowError:
        await _take_back(ctx, account_id)
        raise


async def _create(ctx: Context, form: SignUp, *, password_hash: str) -> int:
    try:
        async with ctx.pool.transaction() as conn:
            return await users.create(
                conn,
                username=form.username,
                email=form.email,
                password_hash=password_hash,
                locale=form.locale,
            )
    except asyncpg.UniqueViolationError as error:  # somebody was faster
        by_name = error.table_name == "accounts"
        raise invalid(*_taken(by_name, not by_name)) from error


async def _take_back(ctx: Context, account_id: int) -> None:
    """Without a token nothing is done: the person can try again with the same name."""
    try:
        async with ctx.pool.transaction() as conn:
            await users.delete(conn, account_id=account_id)
    except SocialFlowError as error:
        log.warning("account_left_without_session", account=account_id, cause=str(error))


def check(form: SignUp, *, length_min: int) -> list[FieldError]:
    """What is wrong with the form by itself."""
    fields = _username_errors(form.username) + _email_errors(form.email)
    if not form.password:
        fields.append(FieldError("password", "ERR_BLANK", "can't be blank"))
    elif len(form.password) < length_min:
        words = f"is too short (minimum is {length_min} characters)"
        fields.append(FieldError("password", "ERR_TOO_SHORT", words))
    elif len(form.password) > LENGTH_MAX:
        words = f"is too long (maximum is {LENGTH_MAX} characters)"
        fields.append(FieldError("password", "ERR_TOO_LONG", words))
    if not form.agreement:
        fields.append(FieldError("agreement", "ERR_ACCEPTED", "must be accepted"))
    if not _LOCALE.fullmatch(form.locale) or len(form.locale) > 35:
        fields.append(FieldError("locale", "ERR_INCLUSION", "is not included in the list"))
    return fields


def _username_errors(username: str) -> list[FieldError]:
    if not username:
        return [FieldError("username", "ERR_BLANK", "can't be blank")]
    if not _USERNAME.fullmatch(username):
        words = "must contain only letters, numbers and underscores"
        return [FieldError("username", "ERR_INVALID", words)]
    if len(username) > USERNAME_MAX:
        words = f"is too long (maximum is {USERNAME_MAX} characters)"
        return [FieldError("username", "ERR_TOO_LONG", words)]
    if username.lower() in RESERVED:
        return [FieldError("username", "ERR_RESERVED", "is reserved")]
    return []


def _email_errors(email: str) -> list[FieldError]:
    if not email:
        return [FieldError("email", "ERR_BLANK", "can't be blank")]
    if not _EMAIL.fullmatch(email) or not email.isprintable():
        return [FieldError("email", "ERR_INVALID", "is invalid")]
    if len(email) > EMAIL_MAX:
        return [FieldError("email", "ERR_TOO_LONG", f"is too long (maximum is {EMAIL_MAX} characters)")]
    return []


def _taken(username: bool, email: bool) -> list[FieldError]:
    words = "has already been taken"
    fields = [FieldError("username", "ERR_TAKEN", words)] if username else []
    return fields + ([FieldError("email", "ERR_TAKEN", words)] if email else [])
