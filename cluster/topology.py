"""Which actors and applications exist, and what they are called inside the Ray namespace of an instance."""

from cluster.settings import Settings

NAMESPACE = "socialflow"
API_APPLICATION = "api"
STREAMING_APPLICATION = "streaming"
STREAMING_PREFIX = "/api/v1/streaming"


def feed_shards(settings: Settings) -> tuple[str, ...]:
    """Names of the feed shard actors, in order."""
    return tuple(f"feeds-{number}" for number in range(settings.feeds.shards))


def session_shards(settings: Settings) -> tuple[str, ...]:
    """Names of the session shard actors, in order."""
    return tuple(f"sessions-{number}" for number in range(settings.sessions.shards))
