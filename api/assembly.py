"""Builds a replica's Context from its parts: who listens to whom, in which order."""

from dataclasses import fields

from api.cards import Cards
from api.committer import Committer
from api.context import Context, Parts
from api.heads import Heads
from api.inbox import Inbox
from api.limits import Limiter
from api.links import Links
from api.passwords import Passwords
from api.tokens import TokenVerifier
from api.viewers import Viewers


def assemble(parts: Parts) -> Context:
    """The context over `parts`; nothing is connected before `Context.open`."""
    settings, pool, clock = parts.settings, parts.pool, parts.clock
    links = Links(public_url=settings.public_url, blob_url=parts.blobs.url)
    inbox = Inbox(settings=settings, bus=parts.bus, feeds=parts.feeds, clock=clock, replica=parts.replica)
    cards = Cards(pool=pool, links=links, limits=settings.caches, trusted=inbox.fresh)
    viewers = Viewers(pool=pool, clock=clock, limits=settings.caches, news=inbox)
    heads = Heads(news=inbox, clock=clock, settings=settings.feeds)
    for cache in (cards, viewers, heads):  # caches first: streams are judged by caches that already know
        inbox.add_listener(cache)
    return Context(
        **{field.name: getattr(parts, field.name) for field in fields(Parts)},
        links=links,
        inbox=inbox,
        tokens=TokenVerifier(
            settings=settings, pool=pool, bus=parts.bus, clock=clock, sessions=parts.sessions
        ),
        passwords=Passwords(settings.auth.password_profile),
        limiter=Limiter(settings=settings.limits, bus=parts.bus, clock=clock),
        cards=cards,
        viewers=viewers,
        heads=heads,
        committer=Committer(
            pool=pool,
            feeds=parts.feeds,
            limits=settings.statuses,
            listeners=(cards.note, viewers.note, heads.note),
        ),
    )
