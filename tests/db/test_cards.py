"""Cached answers against fresh ones: after any writes, what the cache draws is what the database says."""

import asyncio
import datetime as dt
import random

import orjson
import pytest

from api import drawing, hydrate
from cluster.errors import NotFound
from cluster.events import (
    AccountChanged,
    Event,
    RelationChanged,
    StatusDeleted,
    StatusEdited,
    StatusPosted,
    StatusTouched,
    ViewerChanged,
)
from db.entities import Notification
from db.pool import Pool
from tests.db.reading_world import World


@pytest.fixture
async def world(pool: Pool) -> World:
    return World(pool)


async def draw(world: World, status_id: int, caller: int | None = None) -> dict[str, object]:
    drawn = await drawing.draw_status(world.ctx, status_id=status_id, caller_id=caller)
    return orjson.loads(drawn)


async def test_a_status_is_loaded_once_and_again_after_it_was_touched(world: World) -> None:
    (author,) = await world.accounts("author")
    post = await world.post(author)
    assert (await draw(world, post))["favourites_count"] == 0
    await world.run("INSERT INTO status_stats (status_id, favourites) VALUES ($1, 5)", post)
    assert (await draw(world, post))["favourites_count"] == 0, "nobody said that anything changed"
    world.happened(StatusTouched(post, author))
    assert (await draw(world, post))["favourites_count"] == 5


async def test_a_changed_original_shows_inside_its_reblogs(world: World) -> None:
    author, other = await world.accounts("author", "other")
    post = await world.post(author)
    reblog = await world.post(other, reblog_of=post)
    await draw(world, reblog)
    await world.run("UPDATE statuses SET html = 'new' WHERE id = $1", post)
    world.happened(StatusEdited(post, author, "public"))
    inner = (await draw(world, reblog))["reblog"]
    assert isinstance(inner, dict)
    assert inner["content"] == "new"
    await world.run("UPDATE accounts SET display_name = 'Newer' WHERE id = $1", author)
    world.happened(AccountChanged(author))
    inner = (await draw(world, reblog))["reblog"]
    assert isinstance(inner, dict)
    assert inner["account"]["display_name"] == "Newer"
    await world.delete(post)
    world.happened(StatusDeleted(post, author, "public"))
    with pytest.raises(NotFound):
        await draw(world, reblog)


async def test_a_profile_s_change_reaches_all_its_statuses(world: World) -> None:
    (author,) = await world.accounts("author")
    posts = [await world.post(author) for _ in range(3)]
    for post in posts:
        await draw(world, post)
    await world.run("UPDATE account_stats SET statuses = 3 WHERE account_id = $1", author)
    world.happened(AccountChanged(author))
    for post in posts:
        account = (await draw(world, post))["account"]
        assert isinstance(account, dict)
        assert account["statuses_count"] == 3


async def test_without_fresh_news_every_read_is_fresh(world: World) -> None:
    (author,) = await world.accounts("author")
    post = await world.post(author)
    await draw(world, post)
    world.news.is_fresh = False
    await world.run("UPDATE statuses SET html = 'new' WHERE id = $1", post)
    assert (await draw(world, post))["content"] == "new"


async def test_many_readers_of_a_cold_status_share_the_queries(world: World) -> None:
    (author,) = await world.accounts("author")
    posts = [await world.post(author) for _ in range(20)]
    connections = 0
    original = world.pool.connection

    def counted() -> object:
        nonlocal connections
        connections += 1
        return original()

    world.pool.connection = counted  # type: ignore[method-assign,assignment]
    await asyncio.gather(*(drawing.draw_statuses(world.ctx, ids=posts, caller_id=None) for _ in range(30)))
    assert connections == 2, "one for the statuses, one for their authors"


async def test_flags_are_the_viewer_s_own_and_follow_reactions(world: World) -> None:
    author, me, other = await world.accounts("author", "me", "other")
    post = await world.post(author)
    assert (await draw(world, post, me))["favourited"] is False
    await world.run("INSERT INTO favourites (account_id, status_id) VALUES ($1, $2)", me, post)
    world.happened(ViewerChanged(me, "reaction", post))
    assert (await draw(world, post, me))["favourited"] is True
    assert (await draw(world, post, other))["favourited"] is False
    reblog = await world.post(me, reblog_of=post)
    world.happened(StatusPosted(reblog, me, "public", reblog_of_id=post))
    assert (await draw(world, post, me))["reblogged"] is True
    assert (await draw(world, reblog, me))["reblogged"] is True
    await world.delete(reblog)
    world.happened(StatusDeleted(reblog, me, "public"))
    drawn = await draw(world, post, me)
    assert (drawn["reblogged"], drawn["favourited"]) == (False, True)
    await world.run("INSERT INTO bookmarks (account_id, status_id) VALUES ($1, $2)", me, post)
    await world.run("INSERT INTO conversation_mutes VALUES ($1, $2)", me, post)
    world.happened(ViewerChanged(me, "reaction", post), ViewerChanged(me, "preferences"))
    drawn = await draw(world, post, me)
    assert (drawn["bookmarked"], drawn["muted"]) == (True, True)
    assert "pinned" not in drawn
    assert (await draw(world, post, author))["pinned"] is False
    await world.run("INSERT INTO pins (account_id, status_id) VALUES ($1, $2)", author, post)
    world.happened(ViewerChanged(author, "reaction", post))
    assert (await draw(world, post, author))["pinned"] is True


async def test_relations_change_what_is_seen_at_once(world: World) -> None:
    author, me = await world.accounts("author", "me")
    private = await world.post(author, visibility="private")
    with pytest.raises(NotFound):
        await draw(world, private, me)
    await world.follow(me, author)
    world.happened(RelationChanged(me, author, "follow"))
    assert (await draw(world, private, me))["id"] == str(private)
    await world.run("DELETE FROM follows")
    await world.relate("blocks", author, me)
    world.happened(RelationChanged(author, me, "block"))
    with pytest.raises(NotFound):
        await draw(world, private, me)
    public = await world.post(author)
    with pytest.raises(NotFound):
        await draw(world, public, me)
    assert world.news.references == {me: 1}, "a viewer is watched once, however often it is loaded"


async def test_a_timed_mute_ends_by_itself(world: World) -> None:
    author, me = await world.accounts("author", "me")
    world.clock.advance((dt.datetime.now(dt.UTC) - world.clock.now()).total_seconds())
    await world.run(
        "INSERT INTO mutes (account_id, target_id, expires_at) VALUES ($1, $2, now() + interval '2 seconds')",
        me,
        author,
    )
    assert author in (await world.ctx.viewers.get(me)).hidden
    await world.run("UPDATE mutes SET expires_at = now() - interval '1 second'")  # as if the time had passed
    assert author in (await world.ctx.viewers.get(me)).hidden
    world.clock.advance(3)
    assert author not in (await world.ctx.viewers.get(me)).hidden


async def test_a_reaction_that_happens_while_flags_are_read_is_not_overwritten(world: World) -> None:
    author, me = await world.accounts("author", "me")
    post = await world.post(author)
    viewer = await world.ctx.viewers.get(me)
    reading = asyncio.create_task(world.ctx.viewers.bits(viewer, [post]))
    await asyncio.sleep(0)
    await world.run("INSERT INTO favourites (account_id, status_id) VALUES ($1, $2)", me, post)
    world.happened(ViewerChanged(me, "reaction", post))
    await reading
    assert (await draw(world, post, me))["favourited"] is True


async def test_a_viewer_whose_watch_fails_is_not_kept(world: World) -> None:
    author, me = await world.accounts("author", "me")
    world.news.available = False
    assert author not in (await world.ctx.viewers.get(me)).hidden
    await world.relate("blocks", me, author)
    assert author in (await world.ctx.viewers.get(me)).hidden, "nobody would have told us"


async def test_notifications_are_drawn_for_those_who_want_them(world: World) -> None:
    me, friend, muted = await world.accounts("me", "friend", "muted")
    await world.relate("mutes", me, muted)
    mine, private = await world.post(me), await world.post(friend, visibility="private")
    now = dt.datetime.now(dt.UTC)
    notifications = [
        Notification(4, me, "favourite", friend, mine, now),
        Notification(3, me, "favourite", muted, mine, now),
        Notification(2, me, "status", friend, private, now),
        Notification(1, me, "follow", friend, None, now),
    ]
    drawn = await drawing.draw_notifications(world.ctx, notifications=notifications, caller_id=me)
    assert [orjson.loads(item)["id"] for item in drawn] == ["4", "1"]
    assert orjson.loads(drawn[0])["status"]["id"] == str(mine)


async def _random_write(
    world: World, dice: random.Random, people: list[int], posts: list[int]
) -> list[Event]:
    actor, target = dice.choice(people), dice.choice(people)
    post = dice.choice(posts)
    author = await world.run("SELECT account_id FROM statuses WHERE id = $1", post)
    match dice.randrange(9):
        case 0:
            posts.append(await world.post(actor, visibility=dice.choice(["public", "private", "direct"])))
            return [StatusPosted(posts[-1], actor, "public")]
        case 1:
            exists = await world.run(
                "SELECT id FROM statuses WHERE account_id = $1 AND reblog_of_id = $2", actor, post
            )
            if (
                exists is None
                and await world.run("SELECT reblog_of_id FROM statuses WHERE id = $1", post) is None
            ):
                posts.append(await world.post(actor, reblog_of=post))
                return [StatusPosted(posts[-1], actor, "public", reblog_of_id=post)]
        case 2 if len(posts) > 5:
            await world.delete(post)
            gone = [
                one
                for one in posts
                if not await world.run("SELECT count(*) FROM statuses WHERE id = $1", one)
            ]
            for one in gone:
                posts.remove(one)
            return [StatusDeleted(one, author if one == post else 0, "public") for one in gone] + [
                ViewerChanged(person, "preferences") for person in people
            ]
        case 3:
            await world.run(
                "INSERT INTO status_stats (status_id, favourites) VALUES ($1, 1)"
                " ON CONFLICT (status_id) DO UPDATE SET favourites = status_stats.favourites + 1",
                post,
            )
            return [StatusTouched(post, author)]
        case 4:
            await world.run("UPDATE accounts SET display_name = $2 WHERE id = $1", target, str(dice.random()))
            return [AccountChanged(target)]
        case 5:
            await world.run(
                "INSERT INTO favourites (account_id, status_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                actor,
                post,
            )
            return [ViewerChanged(actor, "reaction", post)]
        case 6 if actor != target:
            await world.follow(actor, target)
            return [RelationChanged(actor, target, "follow")]
        case 7:
            await world.run("DELETE FROM follows WHERE account_id = $1 AND target_id = $2", actor, target)
            return [RelationChanged(actor, target, "unfollow")]
        case 8:
            await world.run(
                "UPDATE statuses SET html = $2, edited_at = now() WHERE id = $1", post, str(dice.random())
            )
            return [StatusEdited(post, author, "public")]
    return []


@pytest.mark.parametrize("seed", range(4))
async def test_after_any_writes_the_cached_answer_is_the_fresh_one(world: World, seed: int) -> None:
    dice = random.Random(seed)
    people = await world.accounts("a", "b", "c", "d")
    posts = [await world.post(dice.choice(people)) for _ in range(6)]
    for _ in range(60):
        before = list(posts)
        readers = [
            asyncio.create_task(
                drawing.draw_statuses(world.ctx, ids=before, caller_id=dice.choice([*people, None]))
            )
            for _ in range(dice.randrange(3))
        ]
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)  # somewhere in the middle of those reads
        world.happened(*await _random_write(world, dice, people, posts))
        await asyncio.gather(*readers)
        for caller in (dice.choice(people), None):
            cached = await drawing.draw_statuses(world.ctx, ids=posts, caller_id=caller)
            fresh = await drawing.draw_statuses(world.fresh, ids=posts, caller_id=caller)
            assert cached == fresh


async def test_hydration_answers_in_the_order_asked(world: World) -> None:
    (author,) = await world.accounts("author")
    posts = [await world.post(author) for _ in range(3)]
    asked = [posts[1], 12345, posts[2], posts[0]]
    for _ in range(2):
        cards = await hydrate.cards(world.ctx, ids=asked)
        assert [card.id for card in cards] == [posts[1], posts[2], posts[0]]
