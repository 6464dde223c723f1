"""Settings of an instance that runs, for the commands that act on it."""

from pathlib import Path

from cluster.settings import Settings
from deployments.environment import load, with_secrets
from deployments.head import prepare_to_join
from deployments.home import Home
from deployments.instance import running


def settings_of_running(home: Path | None) -> tuple[Settings, Home]:
    """The settings, completed by what the instance was started with. Raises SetupError when none runs.

    Comes before the imports that bring Ray: it sets what Ray reads then.
    """
    _, place = load(home=home)
    found = running(place)
    prepare_to_join(place)
    settings, _ = load(
        home=place.root, host=found.host, port=found.port, public_url=found.public_url, seed=found.seed
    )
    return with_secrets(settings, place), place
