"""Settings of an instance that runs, for the commands that look at it or act on it."""

from pathlib import Path

from cluster.settings import Settings
from deployments import instance
from deployments.environment import load, with_secrets
from deployments.head import prepare_to_join
from deployments.home import Home


def known_settings(home: Path | None) -> tuple[Settings, Home]:
    """The settings, completed by what the instance was started with, if one runs."""
    settings, place = load(home=home)
    found = instance.read(place)
    if found is None or not found.alive:
        return settings, place
    return load(
        home=place.root, host=found.host, port=found.port, public_url=found.public_url, seed=found.seed
    )


def settings_of_running(home: Path | None) -> tuple[Settings, Home]:
    """The settings of an instance that runs, for joining it. Raises SetupError when none runs.

    Comes before the imports that bring Ray: it sets what Ray reads then.
    """
    settings, place = known_settings(home)
    instance.running(place)
    prepare_to_join(place)
    return with_secrets(settings, place), place
