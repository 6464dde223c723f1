"""toot as somebody types it: its own commands, run in this process with a configuration of their own."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from toot.cli import cli

from tests.api.world import Person


@dataclass(frozen=True, slots=True)
class Shell:
    """A terminal in which one person is signed in."""

    person: Person
    home: Path

    def run(self, *command: str, fails: bool = False, typed: str = "") -> str:
        """What toot prints."""
        # A tall terminal: toot's pager asks for a key when a screen is full.
        runner = CliRunner(env={"XDG_CONFIG_HOME": str(self.home), "HOME": str(self.home), "LINES": "500"})
        result = runner.invoke(cli, list(command), input=typed)
        assert (result.exit_code != 0) == fails, result.output + repr(result.exception)
        return result.output if not fails else result.output + str(result.exception)

    def json(self, *command: str) -> Any:
        """What toot prints when a program asks."""
        return json.loads(self.run(*command, "--json"))

    def post(self, text: str, *options: str) -> dict[str, Any]:
        return dict(self.json("post", text, *options))


def sign_in(person: Person, *, url: str, home: Path) -> Shell:
    """A configuration as `toot login` leaves it behind."""
    domain = url.removeprefix("http://")
    app = {"instance": domain, "base_url": url, "client_id": "unused", "client_secret": "unused"}
    user = {"instance": domain, "username": person.username, "access_token": person.token}
    name = f"{person.username}@{domain}"
    folder = home / "toot"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(
        json.dumps({"apps": {domain: app}, "users": {name: user}, "active_user": name})
    )
    return Shell(person, home)


def contents(statuses: Sequence[dict[str, Any]]) -> list[str]:
    """What was typed, of plain statuses."""
    return [status["content"].removeprefix("<p>").removesuffix("</p>") for status in statuses]


def environment(home: Path) -> dict[str, str]:
    """For a toot in a process of its own."""
    return {**os.environ, "XDG_CONFIG_HOME": str(home), "HOME": str(home), "PYTHONUNBUFFERED": "1"}
