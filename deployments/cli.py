"""The command line. Thin: each command loads the settings, calls one function, prints. Heavy imports wait.

Exit codes: 0 done; 1 it failed or is not well; 2 something must be mended first, and the message says how.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from cluster.errors import SetupError, SocialFlowError
from deployments.environment import Seed, load, masked
from deployments.running import known_settings, settings_of_running

app = typer.Typer(
    name="socialflow",
    help="Social Flow: a real-time social server, on one machine or many.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
admin = typer.Typer(help="Manage people on a running instance.", no_args_is_help=True)
app.add_typer(admin, name="admin")

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of the instance.", show_default="~/.socialflow")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object for programs.")]


def main() -> None:
    """Run a command; a SetupError is one sentence and exit code 2."""
    try:
        app()
    except SocialFlowError as error:
        Console(stderr=True).print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
        sys.exit(2 if isinstance(error, SetupError) else 1)


@app.command()
def up(
    *,
    home: HomeOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", show_default="8000")] = None,
    public_url: Annotated[str | None, typer.Option(help="What people see, if a proxy is in front.")] = None,
    seed: Annotated[str, typer.Option(help="demo: twelve people to look around with; none.")] = "demo",
    detach: Annotated[bool, typer.Option("--detach", help="Return when the server answers.")] = False,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
    as_json: JsonOption = False,
) -> None:
    """Start everything, print each step, and stay until Ctrl-C."""
    from deployments.foreground import run_detached, run_here
    from deployments.processes import end_with_parent

    settings, place = load(home=home, host=host, port=port, public_url=public_url, seed=_seed_name(seed))
    if detach:
        options = {"--host": host, "--port": port, "--public-url": public_url, "--seed": seed}
        given = [str(part) for name, value in options.items() if value is not None for part in (name, value)]
        raise typer.Exit(run_detached(place, given, as_json=as_json))
    if with_parent:
        end_with_parent()
    raise typer.Exit(run_here(settings, place, seed=_seed_name(seed), as_json=as_json))


@app.command()
def down(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Stop the instance, and end whatever a crash left of it."""
    from deployments.stop import stop

    _, place = load(home=home)
    outcome = stop(place)
    _print(outcome, as_json=as_json, text=outcome["did"])


@app.command()
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """What runs, and whether each part answers. Exit code 1 when something does not."""
    from deployments.status import describe, render

    _, place = load(home=home)
    found = describe(place)
    _print(found, as_json=as_json, text=render(found))
    raise typer.Exit(0 if found["well"] else 1)


@app.command()
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Is everything there, and is it right? One line of mend for what is not."""
    from deployments.doctor import examine, render

    settings, place = known_settings(home)
    findings = examine(settings, place)
    if as_json:
        typer.echo(json.dumps([finding.as_dict() for finding in findings], indent=1))
    else:
        render(findings, Console())
    raise typer.Exit(1 if any(finding.verdict == "wrong" for finding in findings) else 0)


@app.command()
def seed(
    home: HomeOption = None,
    new_passwords: Annotated[bool, typer.Option("--new-passwords", help="New demo passwords.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Add the demo world, if it is not there yet, and print its logins."""
    settings, place = settings_of_running(home)
    from deployments.seed import seed as plant

    logins = plant(settings, place, new_passwords=new_passwords)
    lines = [
        f"{login['email']:<28} {login.get('password', '(as printed when it was made)')}" for login in logins
    ]
    _print({"logins": logins}, as_json=as_json, text="\n".join(lines))


@app.command("settings")
def show_settings(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The effective settings, secrets masked. SOCIALFLOW_FEEDS__SHARDS=4 sets feeds.shards."""
    settings, _ = known_settings(home)
    tree = masked(settings)
    _print(tree, as_json=as_json, text="\n".join(_flat(tree)))


@app.command()
def shards(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Who owns which slots, how large each shard is, and how far behind."""
    settings, place = settings_of_running(home)
    from deployments.shards import describe, render

    found = describe(settings, place)
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    else:
        render(found, Console())


@app.command()
def bench(
    *,
    name: Annotated[str, typer.Argument(help="A bench, `all`, or `list`.")],
    home: Annotated[
        Path | None, typer.Option("--home", help="Run against this instance instead of a throw-away one.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="How long each measurement takes.")] = None,
    users: Annotated[int | None, typer.Option(help="How large a crowd, where a bench has one.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure, beside a baseline from the same run."""
    from deployments.bench.base import Options
    from deployments.bench.runner import run_named

    raise typer.Exit(run_named(name, home=home, options=Options(seconds, users), as_json=as_json))


@admin.command("create-user")
def create_user(
    *,
    name: Annotated[str, typer.Argument(help="Username: letters, digits, underscores.")],
    email: Annotated[str, typer.Option(help="Address to sign in with.")],
    password: Annotated[str, typer.Option(help="At least eight characters.")],
    role: Annotated[str, typer.Option(help="user, moderator, admin or owner.")] = "user",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an account that can sign in at once."""
    settings, _ = settings_of_running(home)
    from deployments.people import create

    made = create(settings, username=name, email=email, password=password, role=role)
    _print(
        made, as_json=as_json, text=f"{made['username']} ({made['role']}) can sign in with {made['email']}"
    )


@admin.command()
def grant(
    *,
    name: Annotated[str, typer.Argument(help="Username.")],
    role: Annotated[str, typer.Option(help="user, moderator, admin or owner.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give an account a role."""
    settings, _ = settings_of_running(home)
    from deployments.people import grant as give

    made = give(settings, username=name, role=role)
    _print(made, as_json=as_json, text=f"{made['username']} is {made['role']} now")


def _seed_name(text: str) -> Seed:
    if text == "demo":
        return "demo"
    if text == "none":
        return "none"
    raise SetupError(f"{text!r} is no demo world: give --seed demo or --seed none")


def _print(value: dict[str, Any], *, as_json: bool, text: str) -> None:
    typer.echo(json.dumps(value, indent=1) if as_json else text)


def _flat(tree: dict[str, Any], prefix: str = "") -> list[str]:
    lines = []
    for name, value in tree.items():
        if isinstance(value, dict):
            lines += _flat(value, f"{prefix}{name}.")
        else:
            lines.append(f"{prefix}{name} = {value}")
    return lines


if __name__ == "__main__":
    main()
