"""Plain text -> safe HTML, as Mastodon writes it, and how long the text counts as.

Everything that a person typed is escaped here, once; the HTML holds only tags that this module wrote. No
lookups: `scan` says which local people a text names, `render` links those that the caller found.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import idna
import regex
from linkify_it import LinkifyIt

URL_CHARACTERS = 23  # what a link counts for, as Mastodon
TAG_CHARACTERS_MAX = 255  # 1 KB of UTF-8 at most: an index entry of Postgres holds 2.7 KB
USERNAME_CHARACTERS_MAX = 30
SHOWN_URL_CHARACTERS = 30  # of a link's text; the rest is there but invisible
REL = "nofollow noopener noreferrer"

_SEPARATORS = "_\u00b7\u30fb\u200c"  # inside a hashtag, not at its ends (Mastodon's Tag model)
_WORD, _ALPHA = r"\w\p{M}", r"\p{Alphabetic}\p{M}"
_TAG = regex.compile(
    rf"(?<![=/)\p{{L}}\p{{M}}\p{{N}}])[#＃]"
    rf"([{_WORD}][{_WORD}{_SEPARATORS}]*[{_ALPHA}{_SEPARATORS}][{_WORD}{_SEPARATORS}]*[{_WORD}]"
    rf"|[{_WORD}]*[{_ALPHA}][{_WORD}]*)"
)
_NOT_IN_TAG = regex.compile(rf"[^\p{{L}}\p{{M}}\p{{N}}{_SEPARATORS}]")
_MENTION = re.compile(
    r"(?<![=/\w])@([a-z0-9_]+(?:[.-]+[a-z0-9_]+)*)(?:@(\w+(?:[.-]+\w+)*)(:\d{1,5})?)?", re.IGNORECASE
)
_GRAPHEME = regex.compile(r"\X")
_UNWELCOME = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_PARAGRAPHS = re.compile(r"\n\n+")
_URL_PREFIX = re.compile(r"https?://(?:www\.)?", re.IGNORECASE)
_LINKS = LinkifyIt(
    {"ftp:": None, "//": None, "mailto:": None},
    {"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False},
)


@dataclass(frozen=True, slots=True)
class Site:
    """Where links of this server lead."""

    public_url: str
    domain: str


class Hashtag(NamedTuple):
    """A hashtag's key (`name`) and how it was typed."""

    name: str
    display: str


class Entity(NamedTuple):
    """A part of a text that becomes a link. `value`: the URL, the tag as typed, or the local username in
    lower case; a person of another server has the value ''. `weight`: what it counts for, in characters."""

    start: int
    end: int
    kind: str
    value: str
    weight: int


@dataclass(frozen=True, slots=True)
class Scan:
    """A text and what was found in it."""

    text: str
    entities: tuple[Entity, ...] = ()

    def usernames(self) -> set[str]:
        """Local people who are named, in lower case; they may not exist."""
        return {entity.value for entity in self.entities if entity.kind == "mention" and entity.value}

    def hashtags(self) -> tuple[Hashtag, ...]:
        """Hashtags in order, each once."""
        found: dict[str, Hashtag] = {}
        for entity in self.entities:
            if entity.kind == "tag" and (name := tag_name(entity.value)):
                found.setdefault(name, Hashtag(name, entity.value))
        return tuple(found.values())

    def longer_than(self, limit: int) -> bool:
        """Whether the text counts for more than `limit` characters.

        A character is what a reader takes for one (an extended grapheme cluster, as Mastodon); a link
        counts 23, a mention counts without its domain."""
        saved = sum(entity.end - entity.start - entity.weight for entity in self.entities)
        if len(self.text) - saved <= limit:  # never fewer code points than graphemes
            return False
        return self.text.isascii() or self.length() > limit

    def length(self) -> int:
        """What the text counts for."""
        total = at = 0
        for entity in self.entities:
            total += graphemes(self.text[at : entity.start]) + entity.weight
            at = entity.end
        return total + graphemes(self.text[at:])


@dataclass(frozen=True, slots=True)
class Composed:
    """A finished text: its HTML, whom it mentions (usernames in lower case), its hashtags."""

    html: str
    usernames: tuple[str, ...] = ()
    hashtags: tuple[Hashtag, ...] = ()


def clean(text: str) -> str:
    """The text as it is kept: one kind of line end, no control characters, no space around it."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _UNWELCOME.search(text):
        text = _UNWELCOME.sub("", text)
    return text.strip()


def graphemes(text: str) -> int:
    """How many characters a reader sees."""
    return len(text) if text.isascii() else sum(1 for _ in _GRAPHEME.finditer(text))


def tag_name(typed: str) -> str:
    """The key of a hashtag: lower case, full-width forms folded, Latin letters without accents."""
    if typed.isascii():
        return typed.lower()
    folded = unicodedata.normalize("NFKC", typed).lower()
    folded = "".join(map(_without_accent, unicodedata.normalize("NFC", folded)))
    return str(_NOT_IN_TAG.sub("", folded))


def _without_accent(character: str) -> str:
    base = unicodedata.normalize("NFD", character)[0]
    return base if base.isascii() and base.isalpha() else character


def scan(text: str, *, site: Site) -> Scan:
    """Find links, mentions and hashtags in a cleaned text. Where two overlap, the first one stands."""
    found: list[Entity] = []
    if "://" in text:
        found.extend(_links(text))
    if "@" in text:
        found.extend(_mentions(text, site))
    if "#" in text or "＃" in text:
        found.extend(_tags(text))
    if not found:
        return Scan(text)
    found.sort()
    kept: list[Entity] = []
    for entity in found:
        if not kept or entity.start >= kept[-1].end:
            kept.append(entity)
    return Scan(text, tuple(kept))


def _links(text: str) -> Iterator[Entity]:
    for match in _LINKS.match(text) or ():
        if _has_real_host(match.raw):
            yield Entity(match.index, match.last_index, "link", match.raw, URL_CHARACTERS)


def _has_real_host(url: str) -> bool:
    """Whether a browser could open it: IDNA with the mapping of UTS 46, as the WHATWG URL standard asks."""
    try:
        host = urlsplit(url).hostname or ""
        return host.isascii() or bool(idna.encode(host, uts46=True))
    except ValueError:  # what idna raises is one, and so is a malformed port
        return False


def _mentions(text: str, site: Site) -> Iterator[Entity]:
    for match in _MENTION.finditer(text):
        name, domain, port = match.groups()
        local = domain is None or f"{domain}{port or ''}".lower() == site.domain
        end = match.end() if local or port is None else match.start(3)
        value = name.lower() if local and len(name) <= USERNAME_CHARACTERS_MAX else ""
        yield Entity(match.start(), end, "mention", value, len(name) + 1)


def _tags(text: str) -> Iterator[Entity]:
    for match in _TAG.finditer(text):
        if len(match[1]) <= TAG_CHARACTERS_MAX:
            yield Entity(match.start(), match.end(), "tag", match[1], graphemes(match[0]))


def render(found: Scan, *, site: Site, people: Mapping[str, str]) -> Composed:
    """The text as paragraphs. `people`: lower-case usernames that exist -> their spelling."""
    if not found.entities:
        return Composed(_paragraphs(escape(found.text)))
    html = _paragraphs("".join(_parts(found, site, people, REL)))
    mentioned = dict.fromkeys(
        entity.value for entity in found.entities if entity.kind == "mention" and entity.value in people
    )
    return Composed(html, tuple(mentioned), found.hashtags())


def profile_html(
    text: str, *, site: Site, people: Mapping[str, str] | None = None, field: bool = False
) -> str:
    """The HTML of a profile note, or of a profile field's value (one line; its links say rel="me")."""
    found = scan(clean(text), site=site)
    html = "".join(_parts(found, site, people or {}, f"{REL} me" if field else REL))
    return html.replace("\n", " ") if field else _paragraphs(html)


def _parts(found: Scan, site: Site, people: Mapping[str, str], rel: str) -> Iterator[str]:
    at = 0
    for start, end, kind, value, _ in found.entities:
        yield escape(found.text[at:start])
        at = end
        if kind == "link":
            yield _link_html(value, rel)
        elif kind == "tag":
            yield (
                f'<a href="{site.public_url}/tags/{quote(value, safe="")}" class="mention hashtag" rel="tag">'
                f"#<span>{escape(value)}</span></a>"
            )
        elif value in people:
            name = people[value]
            yield (
                f'<span class="h-card" translate="no"><a href="{site.public_url}/@{name}"'
                f' class="u-url mention">@<span>{name}</span></a></span>'
            )
        else:
            yield escape(found.text[start:end])
    yield escape(found.text[at:])


def _link_html(url: str, rel: str) -> str:
    match = _URL_PREFIX.match(url)
    cut = match.end() if match else 0
    prefix, rest = url[:cut], url[cut:]
    shown, hidden = rest[:SHOWN_URL_CHARACTERS], rest[SHOWN_URL_CHARACTERS:]
    return (
        f'<a href="{escape(url)}" target="_blank" rel="{rel}" translate="no">'
        f'<span class="invisible">{escape(prefix)}</span>'
        f'<span class="{"ellipsis" if hidden else ""}">{escape(shown)}</span>'
        f'<span class="invisible">{escape(hidden)}</span></a>'
    )


def escape(text: str) -> str:
    """Text as it stands in HTML, also inside a quoted attribute."""
    return (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("'", "&#39;")
    )


def _paragraphs(html: str) -> str:
    if not html:
        return ""
    if "\n" not in html:
        return f"<p>{html}</p>"
    blocks = _PARAGRAPHS.split(html)
    return "".join(f"<p>{block}</p>" for block in blocks).replace("\n", "<br />")
