"""The error family, by meaning. No HTTP number lives here: `api/problems.py` maps kinds to answers.

Errors cross process borders inside Ray actors' answers, so every constructor takes plain positional
arguments and no class attribute shadows an instance field (Ray rebuilds them by `args`).
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One reason why one field was refused, in the words Mastodon uses for `details`."""

    field: str
    code: str  # ERR_BLANK, ERR_TAKEN, ERR_INVALID, ERR_TOO_LONG, ...
    description: str


class SocialFlowError(Exception):
    """Base of all errors that we raise on purpose. `message` is safe to show to the client."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message or (self.__class__.__doc__ or "").split("\n", 1)[0]

    def __str__(self) -> str:
        return self.message


class InvalidInput(SocialFlowError):
    """The request was understood, and something in it is not acceptable."""

    def __init__(self, message: str = "", fields: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.args = (message, tuple(fields))
        self.fields = tuple(fields)


class MalformedRequest(SocialFlowError):
    """The request could not be read at all: broken JSON, a wrong content type, a bad cursor."""


class Unauthenticated(SocialFlowError):
    """The access token is invalid"""


class Forbidden(SocialFlowError):
    """This action is not allowed"""


class NotFound(SocialFlowError):
    """Record not found"""


class Gone(SocialFlowError):
    """This record existed and is gone for good"""


class Conflict(SocialFlowError):
    """The record changed meanwhile; read it again and retry"""


class TooLarge(SocialFlowError):
    """The request is larger than this server accepts"""


class RateLimited(SocialFlowError):
    """Too many requests"""

    def __init__(self, message: str = "", retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.args = (message, retry_after_s)
        self.retry_after_s = retry_after_s


class Overloaded(SocialFlowError):
    """The server is at its limit; retry shortly"""

    def __init__(self, message: str = "", retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.args = (message, retry_after_s)
        self.retry_after_s = retry_after_s


class Unavailable(SocialFlowError):
    """A part of the server does not answer right now; retry shortly"""

    def __init__(self, message: str = "", retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.args = (message, retry_after_s)
        self.retry_after_s = retry_after_s


class DependencyFailed(SocialFlowError):
    """Something that this server relies on gave a wrong answer"""


class OAuthError(SocialFlowError):
    """An OAuth 2 refusal; `code` is one of RFC 6749's error codes."""

    def __init__(self, code: str = "invalid_request", message: str = "") -> None:
        super().__init__(message)
        self.args = (code, message)
        self.code = code


class SetupError(SocialFlowError):
    """Something on this machine must be mended before the server can run; the message says how."""


OPERATIONAL: tuple[type[SocialFlowError], ...] = (DependencyFailed, SetupError)
"""Kinds that a person should be told about."""
