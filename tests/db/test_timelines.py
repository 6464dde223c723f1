"""Timelines over a real database: privacy, pages in both directions, no seam between ring and Postgres."""

from collections.abc import Awaitable, Callable, Sequence

import orjson
import pytest

from api.actions import timelines
from api.actions.timelines import TagChoice, Wanted
from cluster.errors import NotFound
from cluster.events import StatusDeleted
from db.pages import Page, Window
from db.pool import Pool
from tests.db.reading_world import World

ALL = Window()
Read = Callable[[Window], Awaitable[Page[bytes]]]


def ids_of(page: Page[bytes]) -> list[int]:
    return [int(orjson.loads(item)["id"]) for item in page.items]


async def walk_down(read: Read, limit: int) -> list[int]:
    seen: list[int] = []
    window = Window(limit=limit)
    for _ in range(100):
        page = await read(window)
        seen += ids_of(page)
        if page.oldest is None or not page.more:
            return seen
        window = Window(limit=limit, max_id=page.oldest)
    raise AssertionError("paging does not end")


async def walk_up(read: Read, limit: int, start: int = 0) -> list[int]:
    seen: list[int] = []
    window = Window(limit=limit, min_id=start)
    for _ in range(100):
        page = await read(window)
        if page.newest is None:
            return seen
        seen = ids_of(page) + seen
        window = Window(limit=limit, min_id=page.newest)
    raise AssertionError("paging does not end")


async def everywhere(world: World, *, caller: int, author: int, list_id: int) -> dict[str, list[int]]:
    """What a caller gets from every timeline."""
    window = Window(limit=40)
    pages = {
        "home": await timelines.home(world.ctx, account_id=caller, window=window),
        "public": await timelines.public(world.ctx, caller_id=caller, window=window),
        "anonymous": await timelines.public(world.ctx, caller_id=None, window=window),
        "tag": await timelines.tagged(
            world.ctx, caller_id=caller, window=window, choice=TagChoice(("secret",))
        ),
        "list": await timelines.listed(world.ctx, account_id=caller, list_id=list_id, window=window),
        "account": await timelines.authored(
            world.ctx, account_id=author, caller_id=caller, window=window, wanted=Wanted()
        ),
        "stranger": await timelines.authored(
            world.ctx, account_id=author, caller_id=None, window=window, wanted=Wanted()
        ),
    }
    return {name: ids_of(page) for name, page in pages.items()}


@pytest.fixture
async def world(pool: Pool) -> World:
    return World(pool, ring=7)


@pytest.mark.parametrize("relation", ["stranger", "follower", "mentioned", "author"])
async def test_what_is_not_public_reaches_only_those_it_is_for(world: World, relation: str) -> None:
    author, caller, friend = await world.accounts("author", "caller", "friend")
    if relation == "author":
        caller = author
    if relation == "follower":
        await world.follow(caller, author)
    await world.follow(caller, friend) if caller != author else None
    list_id = await world.run("INSERT INTO lists (account_id, title) VALUES ($1, 'l') RETURNING id", caller)
    await world.run("INSERT INTO list_members (list_id, account_id) VALUES ($1, $2)", list_id, author)
    mentions = [caller] if relation == "mentioned" else [friend]
    private = await world.post(author, visibility="private", tags=["secret"], mentions=mentions)
    direct = await world.post(author, visibility="direct", tags=["secret"], mentions=mentions)
    unlisted = await world.post(author, visibility="unlisted", tags=["secret"])
    public = await world.post(author, tags=["secret"])
    seen = await everywhere(world, caller=caller, author=author, list_id=list_id)
    open_ones = [public, unlisted]
    assert seen["public"] == seen["anonymous"] == seen["tag"] == [public]
    assert seen["stranger"] == open_ones
    own = [direct, private] if relation in ("author", "mentioned") else []
    expected = sorted([*open_ones, *(own or ([private] if relation == "follower" else []))], reverse=True)
    assert seen["account"] == expected
    assert seen["home"] == (expected if relation in ("author", "follower") else [])
    assert direct not in seen["list"]
    assert (private in seen["list"]) == (relation != "stranger")


async def test_a_private_post_that_is_reblogged_by_its_author_stays_among_followers(world: World) -> None:
    author, follower, stranger, between = await world.accounts("author", "follower", "stranger", "between")
    await world.follow(follower, author)
    await world.follow(stranger, between)
    private = await world.post(author, visibility="private")
    await world.post(author, visibility="private", reblog_of=private)
    await world.post(between, reblog_of=private)  # cannot be made through the API; must not leak if it is
    window = Window()
    assert len(ids_of(await timelines.home(world.ctx, account_id=follower, window=window))) == 2
    assert ids_of(await timelines.home(world.ctx, account_id=stranger, window=window)) == []


async def test_who_is_blocked_sees_nothing_and_who_is_suspended_is_seen_by_nobody(world: World) -> None:
    author, caller = await world.accounts("author", "caller")
    await world.post(author)
    await world.relate("blocks", author, caller)
    page = await timelines.authored(
        world.ctx, account_id=author, caller_id=caller, window=Window(), wanted=Wanted()
    )
    assert (page.items, page.more) == ([], False)
    assert ids_of(await timelines.public(world.ctx, caller_id=caller, window=Window())) == []
    await world.run("UPDATE accounts SET suspended_at = now() WHERE id = $1", author)
    assert ids_of(await timelines.public(world.fresh, caller_id=None, window=Window())) == []


@pytest.mark.parametrize("limit", [1, 3, 7, 8, 20])
@pytest.mark.parametrize("source", ["head", "ring", "postgres"])
async def test_home_has_no_seam_between_head_ring_and_postgres(world: World, limit: int, source: str) -> None:
    me, friend = await world.accounts("me", "friend")
    await world.follow(me, friend)
    posts = [await world.post(friend) for _ in range(24)]
    newest_first = posts[::-1]
    world.news.available = source == "head"
    world.feeds.available = source != "postgres"

    async def read(window: Window) -> Page[bytes]:
        return await timelines.home(world.ctx, account_id=me, window=window)

    assert await walk_down(read, limit) == newest_first
    assert await walk_up(read, limit) == newest_first
    for cursor in (posts[0], posts[10], posts[17], posts[18], posts[23]):
        place = newest_first.index(cursor)
        assert ids_of(await read(Window(limit=limit, max_id=cursor))) == newest_first[place + 1 :][:limit]
        assert ids_of(await read(Window(limit=limit, since_id=cursor))) == newest_first[:place][:limit]
        assert ids_of(await read(Window(limit=limit, min_id=cursor))) == newest_first[:place][-limit:]


async def test_hidden_entries_are_refilled_and_cursors_count_what_was_hidden(world: World) -> None:
    me, friend, loud = await world.accounts("me", "friend", "loud")
    await world.follow(me, friend)
    await world.follow(me, loud)
    await world.relate("mutes", me, loud)
    wanted = []
    for _ in range(6):
        wanted.append(await world.post(friend))
        for _ in range(3):
            await world.post(loud)

    async def read(window: Window) -> Page[bytes]:
        return await timelines.home(world.ctx, account_id=me, window=window)

    first = await read(Window(limit=3))
    assert ids_of(first) == wanted[:2:-1]
    assert first.newest is not None
    assert first.newest > wanted[-1], "the newest seen is a hidden one"
    assert await walk_down(read, 3) == wanted[::-1]
    assert await walk_up(read, 3) == wanted[::-1]


async def test_a_page_on_which_everything_is_hidden_leads_on(world: World) -> None:
    me, friend, loud = await world.accounts("me", "friend", "loud")
    await world.follow(me, friend)
    await world.follow(me, loud)
    await world.relate("mutes", me, loud)
    old = await world.post(friend)
    for _ in range(12):
        await world.post(loud)

    async def read(window: Window) -> Page[bytes]:
        return await timelines.home(world.ctx, account_id=me, window=window)

    page = await read(Window(limit=2))
    assert page.items == []
    assert page.more
    assert page.oldest is not None
    assert await walk_down(read, 2) == [old]


async def test_posts_that_arrive_while_somebody_pages_down_shift_nothing(world: World) -> None:
    me, friend = await world.accounts("me", "friend")
    await world.follow(me, friend)
    before = [await world.post(friend) for _ in range(10)]

    async def read(window: Window) -> Page[bytes]:
        page = await timelines.home(world.ctx, account_id=me, window=window)
        await world.post(friend)
        return page

    assert await walk_down(read, 4) == before[::-1]


async def test_deleted_statuses_vanish_from_every_page(world: World) -> None:
    me, friend = await world.accounts("me", "friend")
    await world.follow(me, friend)
    posts = [await world.post(friend) for _ in range(5)]
    await timelines.home(world.ctx, account_id=me, window=Window())
    await world.delete(posts[2])
    world.ctx.cards.note(StatusDeleted(posts[2], friend, "public"))
    page = await timelines.home(world.ctx, account_id=me, window=Window(limit=4))
    assert ids_of(page) == [posts[4], posts[3], posts[1], posts[0]]
    head = world.ctx.heads.peek(account_id=me, window=Window())
    assert head is not None
    assert posts[2] not in head, "a reader removes what leads nowhere"


async def test_public_timelines_choose(world: World) -> None:
    (author,) = await world.accounts("author")
    plain = await world.post(author)
    picture = await world.post(author, media=True)
    thread = await world.post(author, reply_to=plain)
    (other,) = await world.accounts("other")
    await world.post(other, reply_to=plain)
    await world.post(other, reblog_of=plain)

    async def read(**options: bool) -> list[int]:
        return ids_of(await timelines.public(world.ctx, caller_id=None, window=Window(), **options))

    assert await read() == [thread, picture, plain]
    assert await read(only_media=True) == [picture]
    assert await read(remote=True) == []

    async def page(window: Window) -> Page[bytes]:
        return await timelines.public(world.ctx, caller_id=None, window=window)

    assert await walk_down(page, 2) == await walk_up(page, 2) == [thread, picture, plain]


async def test_hashtags_combine(world: World) -> None:
    (author,) = await world.accounts("author")
    cats = await world.post(author, tags=["cats"])
    both = await world.post(author, tags=["cats", "dogs"], media=True)
    dogs = await world.post(author, tags=["dogs"])
    await world.post(author, tags=["birds"])

    async def read(window: Window = ALL, only_media: bool = False, **names: Sequence[str]) -> list[int]:
        choice = TagChoice(**{name: tuple(value) for name, value in names.items()})
        page = await timelines.tagged(
            world.ctx, caller_id=None, window=window, choice=choice, only_media=only_media
        )
        return ids_of(page)

    assert await read(any_of=["cats"]) == [both, cats]
    assert await read(any_of=["cats", "dogs"]) == [dogs, both, cats]
    assert await read(any_of=["cats"], all_of=["dogs"]) == [both]
    assert await read(any_of=["cats", "dogs"], none_of=["cats"]) == [dogs]
    assert await read(any_of=["cats"], only_media=True) == [both]
    assert await read(any_of=["unknown"]) == []
    assert await read(Window(limit=1, min_id=0), any_of=["cats", "dogs"]) == [cats]


@pytest.mark.parametrize("policy", ["list", "followed", "none"])
async def test_lists_hold_their_members_and_obey_their_reply_policy(world: World, policy: str) -> None:
    me, member, second, followed, stranger = await world.accounts(
        "me", "member", "second", "followed", "stranger"
    )
    for target in (member, second, followed):
        await world.follow(me, target)
    list_id = await world.run(
        "INSERT INTO lists (account_id, title, replies_policy) VALUES ($1, 'l', $2) RETURNING id", me, policy
    )
    for target in (member, second):
        await world.run("INSERT INTO list_members (list_id, account_id) VALUES ($1, $2)", list_id, target)
    elsewhere = {
        name: await world.post(author) for name, author in [("followed", followed), ("stranger", stranger)]
    }
    post = await world.post(member, visibility="private")
    thread = await world.post(member, reply_to=post)
    to_second = await world.post(member, reply_to=await world.post(second, visibility="unlisted"))
    to_followed = await world.post(member, reply_to=elsewhere["followed"])
    to_stranger = await world.post(member, reply_to=elsewhere["stranger"])
    page = await timelines.listed(world.ctx, account_id=me, list_id=list_id, window=Window())
    shown = set(ids_of(page))
    assert {post, thread} <= shown
    assert (to_second in shown) == (policy != "none")
    assert (to_followed in shown) == (policy == "followed")
    assert to_stranger not in shown
    assert not shown & set(elsewhere.values())
    with pytest.raises(NotFound):
        await timelines.listed(world.ctx, account_id=member, list_id=list_id, window=Window())


async def test_an_account_s_statuses_are_chosen_by_kind(world: World) -> None:
    author, other = await world.accounts("author", "other")
    foreign = await world.post(other)
    post = await world.post(author, tags=["cats"])
    reply = await world.post(author, reply_to=foreign)
    reblog = await world.post(author, reblog_of=foreign)
    picture = await world.post(author, media=True)
    await world.run("INSERT INTO pins (account_id, status_id) VALUES ($1, $2)", author, post)

    async def read(wanted: Wanted, *, pinned: bool = False) -> list[int]:
        page = await timelines.authored(
            world.ctx, account_id=author, caller_id=None, window=Window(), wanted=wanted, pinned=pinned
        )
        return ids_of(page)

    assert await read(Wanted()) == [picture, reblog, reply, post]
    assert await read(Wanted(exclude_replies=True)) == [picture, reblog, post]
    assert await read(Wanted(exclude_reblogs=True)) == [picture, reply, post]
    assert await read(Wanted(only_media=True)) == [picture]
    assert await read(Wanted(tagged="cats")) == [post]
    assert await read(Wanted(), pinned=True) == [post]
    with pytest.raises(NotFound):
        await timelines.authored(world.ctx, account_id=1, caller_id=None, window=Window(), wanted=Wanted())
