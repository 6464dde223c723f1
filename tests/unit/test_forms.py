"""One reader for query, JSON, urlencoded and multipart bodies, in all the spellings that clients use."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Literal
from urllib.parse import quote

import orjson
import pytest
from starlette.requests import Request

from api import forms
from api.forms import Bool, Id, Params, Upload
from cluster.errors import InvalidInput, MalformedRequest, TooLarge
from cluster.settings import Settings, Web

FORM = "application/x-www-form-urlencoded"


class Source(Params):
    privacy: str | None = None
    sensitive: Bool | None = None


class Field(Params):
    name: str = ""
    value: str = ""


class Poll(Params):
    options: list[str] = []
    expires_in: int | None = None
    multiple: Bool = False


class Everything(Params):
    text: str | None = None
    number: int | None = None
    flag: Bool | None = None
    kind: Literal["a", "b"] | None = None
    id: Id | None = None
    types: list[str] = []
    ids: list[Id] = []
    source: Source | None = None
    data: dict[str, dict[str, Bool]] | None = None
    fields_attributes: list[Field] | None = None
    poll: Poll | None = None
    avatar: Upload | None = None


def request(
    body: bytes = b"",
    *,
    kind: str = "",
    query: str = "",
    method: str = "POST",
    web: Web = Web(),  # noqa: B008 - frozen
    headers: dict[str, str] | None = None,
    chunked: bool = False,
) -> Request:
    sent = dict(headers or {})
    if kind:
        sent["content-type"] = kind
    if chunked:
        sent["transfer-encoding"] = "chunked"
    elif body:
        sent.setdefault("content-length", str(len(body)))
    chunks: Iterator[bytes] = iter([body[start : start + 1000] for start in range(0, len(body), 1000)])

    async def receive() -> dict[str, Any]:
        chunk = next(chunks, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    context = SimpleNamespace(settings=Settings(web=web))
    scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "app": SimpleNamespace(state=SimpleNamespace(context=context)),
    }
    return Request(scope, receive)


def read(*args: Any, **options: Any) -> Everything:
    return asyncio.run(forms.read(request(*args, **options), Everything))


def multipart(*parts: tuple[str, bytes, str | None]) -> tuple[bytes, str]:
    body = b""
    for name, value, filename in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
        body += f"--limit\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + value + b"\r\n"
    return body + b"--limit--\r\n", "multipart/form-data; boundary=limit"


def refused(*args: Any, **options: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        read(*args, **options)
    return [(field.field, field.code) for field in caught.value.fields]


def test_the_same_request_reads_alike_from_json_form_multipart_and_query() -> None:
    expected = read(
        orjson.dumps({"text": "hi", "flag": True, "types": ["a", "b"], "source": {"privacy": "private"}}),
        kind="application/json",
    )
    pairs = [
        ("text", "hi"),
        ("flag", "1"),
        ("types[]", "a"),
        ("types[]", "b"),
        ("source[privacy]", "private"),
    ]
    form = "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
    parts, kind = multipart(*((name, value.encode(), None) for name, value in pairs))
    assert read(form.encode(), kind=FORM) == expected
    assert read(parts, kind=kind) == expected
    assert read(query=form, method="GET") == expected
    assert expected.types == ["a", "b"]
    assert expected.source == Source(privacy="private")


@pytest.mark.parametrize("text", ["true", "True", "1", "on", "t"])
def test_every_spelling_of_yes(text: str) -> None:
    assert read(orjson.dumps({"flag": text}), kind="application/json").flag is True
    assert read(f"flag={text}".encode(), kind=FORM).flag is True


@pytest.mark.parametrize("text", ["false", "0", "off", "F"])
def test_every_spelling_of_no(text: str) -> None:
    assert read(query=f"flag={text}").flag is False


def test_a_numeric_boolean_in_json() -> None:
    assert read(b'{"flag": 1}', kind="application/json").flag is True


def test_profile_fields_come_as_indexed_form_as_json_object_and_as_json_list() -> None:
    fields = [Field(name="Site", value="x"), Field(name="Cat", value="y")]
    form = "fields_attributes[7][name]=Site&fields_attributes[7][value]=x"
    form += "&fields_attributes[0][name]=Cat&fields_attributes[0][value]=y"
    listed = [{"name": "Site", "value": "x"}, {"name": "Cat", "value": "y"}]
    keyed = {"420": listed[0], "-1": listed[1]}
    assert read(form.encode(), kind=FORM).fields_attributes == fields  # as given, not by number
    assert (
        read(orjson.dumps({"fields_attributes": listed}), kind="application/json").fields_attributes == fields
    )
    assert (
        read(orjson.dumps({"fields_attributes": keyed}), kind="application/json").fields_attributes == fields
    )


def test_a_list_of_objects_without_numbers() -> None:
    form = b"fields_attributes[][name]=a&fields_attributes[][value]=1&fields_attributes[][name]=b"
    assert read(form, kind=FORM).fields_attributes == [Field(name="a", value="1"), Field(name="b")]


def test_polls_and_push_alerts_nest() -> None:
    values = read(
        b"poll[options][]=yes&poll[options][]=no&poll[expires_in]=300&data[alerts][mention]=true", kind=FORM
    )
    assert values.poll == Poll(options=["yes", "no"], expires_in=300)
    assert values.data == {"alerts": {"mention": True}}


def test_a_single_value_stands_for_a_list() -> None:
    assert read(query="types=follow").types == ["follow"]
    assert read(query="ids=12&ids=13").ids == [13]
    assert read(query="ids[]=12&ids[]=13").ids == [12, 13]
    assert read(query="types=").types == []


def test_get_and_delete_may_have_bodies() -> None:
    assert read(b'{"ids": ["5"]}', kind="application/json", method="GET").ids == [5]
    assert read(b"ids[]=5", kind=FORM, method="DELETE").ids == [5]
    assert read(b'{"ids": [5]}', kind="application/json", method="DELETE").ids == [5]


def test_the_body_wins_over_the_query() -> None:
    assert read(b"text=body", kind=FORM, query="text=query&number=3") == Everything(text="body", number=3)


def test_a_forgotten_content_type_is_guessed() -> None:
    assert read(b' {"text": "a"}').text == "a"
    assert read(b"text=a").text == "a"


def test_empty_values_count_as_absent_unless_they_are_text() -> None:
    values = read(b"text=&number=&flag=&kind=&id=", kind=FORM)
    assert values == Everything(text="")


def test_numbers_are_taken_as_text() -> None:
    assert read(b'{"text": 5}', kind="application/json").text == "5"


def test_unicode_survives() -> None:
    assert read(b"text=gr%C3%BC%C3%9Fe+%F0%9F%90%98", kind=FORM).text == "grüße 🐘"


def test_a_file_arrives_with_its_name_and_bytes() -> None:
    body, kind = multipart(("avatar", b"\x89PNG..." * 500, "me.png"), ("text", b"hi", None))

    async def go() -> tuple[str | None, bytes, str | None]:
        values = await forms.read(request(body, kind=kind), Everything)
        assert values.avatar is not None
        return values.avatar.filename, await values.avatar.read(), values.text

    assert asyncio.run(go()) == ("me.png", b"\x89PNG..." * 500, "hi")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"text": ', "application/json"),
        (b"[1, 2]", "application/json"),
        (b'"text"', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b'{"text": "\\ud800"}', "application/json"),
        (b'{"text": "a\\u0000b"}', "application/json"),
        (b'{"poll": {"options": ["a\\u0000b"]}}', "application/json"),
        (b"[" * 5000, "application/json"),
        (b"text=a%00b", FORM),
        (b"text=%ff", FORM),
        (b"a" + b"[b]" * 50 + b"=1", FORM),
        (b"source=1&source[privacy]=2", FORM),
        (b"types[]=1&types[x]=2", FORM),
        (b"&".join(b"a=1" for _ in range(5000)), FORM),
        (b"nonsense", "multipart/form-data; boundary=limit"),
        (b"nonsense", "multipart/form-data"),
        (
            b"--limit\r\nContent-Disposition: form-data\r\n\r\n1\r\n--limit--",
            "multipart/form-data; boundary=limit",
        ),
        (b"<a/>", "text/xml"),
    ],
)
def test_what_cannot_be_read_is_malformed(body: bytes, kind: str) -> None:
    with pytest.raises(MalformedRequest):
        read(body, kind=kind)


def test_a_query_that_is_no_utf8_is_malformed() -> None:
    with pytest.raises(MalformedRequest):
        read(query="text=%ff")


def test_wrong_types_are_refused_field_by_field() -> None:
    body = {
        "text": {},
        "number": "x",
        "flag": "maybe",
        "kind": "z",
        "id": "1e9",
        "source": "x",
        "types": [{}],
    }
    assert refused(orjson.dumps(body), kind="application/json") == [
        ("text", "ERR_INVALID"),
        ("number", "ERR_INVALID"),
        ("flag", "ERR_INVALID"),
        ("kind", "ERR_INCLUSION"),
        ("id", "ERR_INVALID"),
        ("types.0", "ERR_INVALID"),
        ("source", "ERR_INVALID"),
    ]
    assert refused(b"avatar=not-a-file", kind=FORM) == [("avatar", "ERR_INVALID")]
    assert refused(orjson.dumps({"id": 2**63}), kind="application/json") == [("id", "ERR_INVALID")]


def test_a_refusal_says_which_field_in_one_sentence() -> None:
    with pytest.raises(InvalidInput, match=r"^Validation failed: Flag is not a boolean$"):
        read(query="flag=maybe")


def test_a_body_beyond_the_limit_is_refused_announced_or_not() -> None:
    small = Web(body_bytes_max=100)
    with pytest.raises(TooLarge):
        read(b"text=" + b"a" * 200, kind=FORM, web=small)
    with pytest.raises(TooLarge):
        read(b"text=" + b"a" * 2000, kind=FORM, web=small, chunked=True)
    assert read(b"text=" + b"a" * 95, kind=FORM, web=small, chunked=True).text == "a" * 95


def test_a_file_may_be_larger_than_a_form_and_not_larger_than_its_own_limit() -> None:
    web = Web(body_bytes_max=2_000, upload_bytes_max=10_000)
    body, kind = multipart(("avatar", b"x" * 10_000, "a.png"))
    assert read(body, kind=kind, web=web).avatar is not None
    for size in (10_001, 50_000):
        body, kind = multipart(("avatar", b"x" * size, "a.png"))
        with pytest.raises(TooLarge):
            read(body, kind=kind, web=web, chunked=True)
    body, kind = multipart(("text", b"x" * 3_000, None))
    with pytest.raises(MalformedRequest):
        read(body, kind=kind, web=web)


def test_a_body_that_comes_too_slowly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "PATIENCE_S", 0.02)
    slow = request(b"text=abc", kind=FORM)

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    slow._receive = never
    with pytest.raises(MalformedRequest, match="slowly"):
        asyncio.run(forms.read(slow, Everything))
