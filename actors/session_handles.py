"""The Sessions port over Ray: session shards as actors, called with deadlines, their errors unwrapped."""

from actors.handles import RayShards
from actors.session_routes import RoutedSessions
from cluster.settings import Settings
from cluster.topology import NAMESPACE


class RaySessions(RoutedSessions):
    """The `Sessions` port over session shard actors."""

    def __init__(self, *, settings: Settings, namespace: str = NAMESPACE) -> None:
        super().__init__(RayShards(namespace), settings=settings)
