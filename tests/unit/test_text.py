"""Plain text becomes the HTML that Mastodon would write, and nothing that was typed becomes markup."""

import time
from html.parser import HTMLParser

import lxml.html
import nh3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.text import Site, clean, graphemes, profile_html, render, scan, tag_name

SITE = Site(public_url="https://flow.test", domain="flow.test")
PEOPLE = {"alice": "Alice", "bob_2": "bob_2"}


def html_of(text: str) -> str:
    return render(scan(clean(text), site=SITE), site=SITE, people=PEOPLE).html


def names_of(text: str) -> list[str]:
    return [tag.name for tag in scan(clean(text), site=SITE).hashtags()]


def length_of(text: str) -> int:
    return scan(clean(text), site=SITE).length()


class Visible(HTMLParser):
    """The text of a document, with line breaks where it has them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.feed(html)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.text += "\n"

    def handle_endtag(self, tag: str) -> None:
        self.text += "\n\n" if tag == "p" else ""


@pytest.mark.parametrize(
    ("typed", "html"),
    [
        ("", ""),
        ("  \n ", ""),
        ("text", "<p>text</p>"),
        ("a\nb", "<p>a<br />b</p>"),
        ("a\r\nb\rc", "<p>a<br />b<br />c</p>"),
        ("a\n\n\nb\n\nc", "<p>a</p><p>b</p><p>c</p>"),
        ("<b>\"x\" & 'y'</b>", "<p>&lt;b&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/b&gt;</p>"),
        ("a\x00b\x1bc\ud800", "<p>abc</p>"),
    ],
)
def test_lines_become_paragraphs_and_markup_is_escaped(typed: str, html: str) -> None:
    assert html_of(typed) == html


def test_a_local_mention_links_with_the_name_as_it_is_spelled() -> None:
    card = (
        '<span class="h-card" translate="no"><a href="https://flow.test/@Alice" class="u-url mention">'
        "@<span>Alice</span></a></span>"
    )
    assert html_of("hi @ALICE!") == f"<p>hi {card}!</p>"
    assert html_of("hi @alice@flow.test.") == f"<p>hi {card}.</p>"


@pytest.mark.parametrize(
    "typed",
    [
        "@nobody",
        "me@alice",
        "/@alice",
        "@alice@elsewhere.test",
        "@alice.b",
        "https://x.test/@alice",
        f"@{'a' * 31}",
    ],
)
def test_what_is_no_mention_of_a_local_person_stays_text(typed: str) -> None:
    composed = render(scan(typed, site=SITE), site=SITE, people={**PEOPLE, "a" * 31: "a" * 31})
    assert composed.usernames == ()
    assert "u-url" not in composed.html


def test_each_person_is_mentioned_once_and_in_order() -> None:
    found = scan("@bob_2 @alice @Bob_2 @carol", site=SITE)
    assert found.usernames() == {"alice", "bob_2", "carol"}
    assert render(found, site=SITE, people=PEOPLE).usernames == ("bob_2", "alice")


def test_a_site_with_a_port_knows_its_own_people() -> None:
    site = Site(public_url="http://127.0.0.1:8000", domain="127.0.0.1:8000")
    assert scan("@alice@127.0.0.1:8000", site=site).usernames() == {"alice"}
    assert scan("@alice@127.0.0.1:8001", site=site).usernames() == set()


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("#Python and #python", ["python"]),
        ("#été #ＡＢＣ #日本 #नमस्ते", ["ete", "abc", "日本", "नमस्ते"]),
        ("#1 #123 #2024年", ["2024年"]),
        ("#a·b #a_b_ #snake_case", ["a·b", "a_b_", "snake_case"]),
        ("x#no /#no )#no &#39; =#no", []),
        ("＃full https://x.test/#frag #ok.", ["full", "ok"]),
        ("#" + "a" * 256, []),
    ],
)
def test_hashtags(typed: str, names: list[str]) -> None:
    assert names_of(typed) == names


def test_a_hashtag_links_as_typed() -> None:
    assert html_of("#Tagタグ") == (
        '<p><a href="https://flow.test/tags/Tag%E3%82%BF%E3%82%B0" class="mention hashtag" rel="tag">'
        "#<span>Tagタグ</span></a></p>"
    )
    assert tag_name("ＡbÇ") == "abc"


def test_a_link_shows_30_characters_and_hides_the_rest() -> None:
    assert html_of("https://www.flow.test/a/very/long/path/that/goes?on=1&on=2.") == (
        '<p><a href="https://www.flow.test/a/very/long/path/that/goes?on=1&amp;on=2" target="_blank"'
        ' rel="nofollow noopener noreferrer" translate="no"><span class="invisible">https://www.</span>'
        '<span class="ellipsis">flow.test/a/very/long/path/tha</span>'
        '<span class="invisible">t/goes?on=1&amp;on=2</span></a>.</p>'
    )
    assert '<span class="">x.test/</span>' in html_of("(http://x.test/)")


@pytest.mark.parametrize(
    "typed", ["javascript://x.test/%0aalert(1)", "data://x", "ftp://x.test", "//x.test", "x.test", "a@x.test"]
)
def test_only_http_links_are_links(typed: str) -> None:
    assert "<a" not in html_of(typed)


def test_length_counts_what_a_reader_sees() -> None:
    assert length_of("12345") == 5
    assert length_of("👨‍👩‍👧‍👦é\u0301") == 2
    assert length_of("see https://x.test/" + "a" * 400) == 4 + 23
    assert length_of("@bob@a.very.long.domain.test hi") == len("@bob hi")
    assert length_of("a\r\nb") == 3


@given(st.text(alphabet="ab1 #@.é👩‍👧\u0301/:\n", max_size=60), st.integers(0, 60))
def test_longer_than_agrees_with_length(typed: str, limit: int) -> None:
    found = scan(clean(typed), site=SITE)
    assert found.longer_than(limit) == (found.length() > limit)
    assert graphemes(typed) <= len(typed)


HOSTILE = st.lists(
    st.sampled_from(
        [
            *"<>\"'&#@/:.()= \n\r\0",
            *("<script>", "</p>", "onload=", "javascript:", "http://x.test/", "https://", "&lt;", "&#60;"),
            *("@alice", "#tag", "@bob_2@flow.test", "＃日本", "\u202e", "\u200d", "é", "`", "\\", "www."),
        ]
    )
    | st.characters(),
    max_size=30,
).map("".join)

ALLOWED = {
    "p": set(),
    "br": set(),
    "span": {"class", "translate"},
    "a": {"href", "class", "rel", "target", "translate"},
}


@settings(max_examples=400)
@given(HOSTILE)
def test_no_text_becomes_markup(typed: str) -> None:
    for html in (html_of(typed), profile_html(typed, site=SITE), profile_html(typed, site=SITE, field=True)):
        washed = nh3.clean(
            html,
            tags=set(ALLOWED),
            attributes={tag: names for tag, names in ALLOWED.items() if names},
            url_schemes={"http", "https"},
            link_rel=None,
        )
        assert canonical(washed) == canonical(html)
        for element in lxml.html.fragment_fromstring(html, create_parent="div").iter("a"):
            assert element.get("href", "").lower().startswith(("http://", "https://"))


def canonical(html: str) -> bytes:
    return lxml.html.tostring(lxml.html.fragment_fromstring(html, create_parent="div"))


@given(st.text(alphabet="ab<>&\"' \n", max_size=40))
def test_the_visible_text_is_what_was_typed(typed: str) -> None:
    shown = Visible(html_of(typed)).text.strip()
    assert shown.split() == clean(typed).split()


def test_fields_are_one_line_and_their_links_say_me() -> None:
    html = profile_html("https://x.test\nnext", site=SITE, field=True)
    assert html.startswith('<a href="https://x.test" target="_blank" rel="nofollow noopener noreferrer me"')
    assert html.endswith("</a> next")
    assert profile_html("a\n\nb", site=SITE) == "<p>a</p><p>b</p>"


@pytest.mark.parametrize(
    "unit", ["http://", "http://a.b/(", "@a.", "@a@", "#a", "#1", "#_·", "a@", "<", "\n", "#a·", "@_.-"]
)
def test_hostile_repetition_stays_linear(unit: str) -> None:
    text = (unit * 10_000)[:10_000]
    start = time.process_time()
    html_of(text)
    assert time.process_time() - start < 0.5
