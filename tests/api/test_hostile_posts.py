"""Whatever is sent to the writing routes, the answer is no server error and nothing half done."""

import random
from typing import Any

import httpx
import orjson

from tests.api.world import World

NAMES = (
    *("status", "media_ids", "poll", "in_reply_to_id", "sensitive", "spoiler_text", "visibility", "language"),
    *("scheduled_at", "quoted_status_id", "media_attributes", "delete_media", "description", "focus", "id"),
)
LEAVES: tuple[Any, ...] = (
    *("", " ", "x", "0", "1", "-1", "true", "public", "direct", "nonsense", "2030-01-01", "1,1", "é\u0301"),
    *("\u0000", "\ud7ff\ue000", "@alice #tag https://x.test", "a" * 600, "9" * 25, "<script>", "%s", "'; --"),
    *(None, True, False, 0, 1, -1, 2**53, 2**63, 1.5, 1e300),
)


def anything(chance: random.Random, *, depth: int = 0) -> Any:
    roll = chance.random()
    if depth < 3 and roll < 0.15:
        return [anything(chance, depth=depth + 1) for _ in range(chance.randrange(4))]
    if depth < 3 and roll < 0.25:
        return {chance.choice(NAMES): anything(chance, depth=depth + 1) for _ in range(chance.randrange(3))}
    return chance.choice(LEAVES)


async def test_random_bodies_are_never_a_server_error(client: httpx.AsyncClient, world: World) -> None:
    alice, bob = await world.people("alice", "bob")
    own, other = [
        (await client.post("/api/v1/statuses", headers=who.headers, json={"status": "hello"})).json()["id"]
        for who in (alice, bob)
    ]
    chance = random.Random(20)
    routes = [
        ("POST", "/api/v1/statuses"),
        ("PUT", f"/api/v1/statuses/{own}"),
        ("PUT", f"/api/v1/statuses/{other}"),
        ("POST", f"/api/v1/statuses/{other}/reblog"),
        ("PUT", "/api/v1/media/77"),
        ("POST", "/api/v2/media"),
        ("GET", "/api/v1/statuses"),
        ("GET", "/api/v1/favourites"),
    ]
    answers: dict[int, int] = {}
    for turn in range(400):
        method, path = routes[turn % len(routes)]
        body = {chance.choice(NAMES): anything(chance) for _ in range(chance.randrange(5))}
        headers = {**alice.headers, "Content-Type": "application/json"}
        response = await client.request(method, path, headers=headers, content=orjson.dumps(body))
        assert response.status_code < 500, (method, path, body, response.text)
        if response.is_error:
            assert response.json()["error"]
        answers[response.status_code] = answers.get(response.status_code, 0) + 1
    assert answers[200] > 20
    assert answers[422] > 20
    async with world.context.pool.connection() as conn:
        wrong = await conn.fetchval(
            "SELECT count(*) FROM account_stats a WHERE a.statuses <> (SELECT count(*) FROM statuses s"
            " WHERE s.account_id = a.account_id AND s.visibility <> 'direct')"
        )
    assert wrong == 0
