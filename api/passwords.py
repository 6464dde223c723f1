"""Passwords: argon2id in a few threads beside the event loop, never on it; bounded, the same work for all.

A check for nobody costs what a check for somebody costs, so time does not tell which accounts exist.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import CHEAPEST, RFC_9106_LOW_MEMORY

from cluster.errors import Overloaded

LENGTH_MAX = 256  # argon2 takes any length; longer input only costs memory and time

THREADS = 2  # 64 MiB and about 50 ms of one core each with the strong profile
QUEUE_MAX = 64  # checks waiting; beyond, a client would wait for seconds: 503 instead

_PROFILES = {"strong": RFC_9106_LOW_MEMORY, "cheap": CHEAPEST}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the password is right, and whether its hash should be made anew (another profile)."""

    right: bool
    outdated: bool = False


class Passwords:
    """Hashes and checks passwords. `profile`: strong is RFC 9106's second choice; cheap is for tests."""

    def __init__(self, profile: Literal["strong", "cheap"], *, queue_max: int = QUEUE_MAX) -> None:
        self._hasher = PasswordHasher.from_parameters(_PROFILES[profile])
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._queue_max = queue_max
        self._waiting = 0
        self._nobody: str | None = None

    def close(self) -> None:
        """Stop the threads; what waits is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """The hash to store. Raises Overloaded."""
        return await self._run(lambda: self._hasher.hash(password))

    async def check(self, stored: str | None, password: str) -> Verdict:
        """Compare with a stored hash; None stands for an unknown person and costs the same.

        Raises Overloaded."""
        return await self._run(lambda: self._check_now(stored, password[:LENGTH_MAX]))

    def _check_now(self, stored: str | None, password: str) -> Verdict:
        if self._nobody is None:
            self._nobody = self._hasher.hash("nobody has this password")
        try:
            self._hasher.verify(stored or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return Verdict(right=False)
        if stored is None:
            return Verdict(right=False)
        return Verdict(right=True, outdated=self._hasher.check_needs_rehash(stored))

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._queue_max:
            raise Overloaded("too many people sign in right now")
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # Counted until the work is done: a caller that gives up does not free its thread.
        future.add_done_callback(lambda _: self._done())
        return await asyncio.shield(future)

    def _done(self) -> None:
        self._waiting -= 1
