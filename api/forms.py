"""What a request says: query, JSON, urlencoded and multipart bodies, read into one typed model.

Clients send the same thing in many ways (`types[]=a`, `{"types": ["a"]}`, `source[privacy]=public`, "true",
"1", a GET with a JSON body), so there is one reader for all. Whatever is wrong ends here as a 4xx.
"""

import asyncio
from collections.abc import AsyncGenerator
from types import UnionType
from typing import Annotated, Any, ClassVar, NoReturn, TypeVar, Union, get_args, get_origin

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from api import nesting
from api.refusals import invalid
from cluster.errors import FieldError, MalformedRequest, TooLarge
from cluster.ids import parse_id

FILES_MAX = 4  # avatar and header, or a medium and its thumbnail; nothing sends more in one request
# A body that comes more slowly holds a place in the replica for nothing, and anybody can send many of them.
PATIENCE_S = 15.0  # as HAProxy gives for the headers
SLOWEST_BYTES_PER_S = 4096  # beyond that: a bad mobile connection still sends ten times as much
FIELDS_MAX = 1000  # as Starlette; the longest real form (a filter with its keywords) has a few hundred

_TRUE = frozenset(("true", "t", "1", "on", "yes"))
_FALSE = frozenset(("false", "f", "0", "off", "no"))


def _to_bool(value: object) -> object:
    if isinstance(value, str):
        lowered = value.strip().lower()
        if lowered in _TRUE:
            return True
        if lowered in _FALSE:
            return False
    return value


def _to_id(value: object) -> object:
    parsed = parse_id(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if parsed is None:
        raise ValueError("is not an id")
    return parsed


Bool = Annotated[bool, BeforeValidator(_to_bool)]
"""A boolean in any of the spellings that clients use."""

Id = Annotated[int, BeforeValidator(_to_id)]
"""An id, written as a string or a number. Use `str` and `deps.path_id` where a bad id means 'not found'."""

Upload = UploadFile
"""A file of a multipart body: `await file.read(size)`, `.content_type`, `.size`."""


class Params(BaseModel):
    """Base of every request model. Unknown members are ignored; an empty value of a field that is no
    text counts as absent; a single value stands for a list of one, and `{"0": a, "1": b}` for a list."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        coerce_numbers_to_str=True,
        arbitrary_types_allowed=True,
        populate_by_name=True,
    )

    _lists: ClassVar[frozenset[str]] = frozenset()
    _texts: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __pydantic_init_subclass__(cls, **_kwargs: Any) -> None:
        kinds = {name: _kinds(field.annotation) for name, field in cls.model_fields.items()}
        cls._lists = frozenset(_wire(cls, name) for name, kind in kinds.items() if kind & {list, tuple, set})
        cls._texts = frozenset(_wire(cls, name) for name, kind in kinds.items() if str in kind)

    @model_validator(mode="before")
    @classmethod
    def _shape(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        shaped = {}
        for name, value in data.items():
            if name in cls._lists:
                if isinstance(value, dict):
                    value = list(value.values())
                elif value is not None and not isinstance(value, list | tuple):
                    value = [value] if value != "" else []
            elif value == "" and name not in cls._texts:
                continue
            shaped[name] = value
        return shaped


M = TypeVar("M", bound=Params)


async def read(request: Request, model: type[M]) -> M:
    """The request's query and body as `model`; the body wins. Raises MalformedRequest when it cannot be
    read, TooLarge beyond the settings' limits, InvalidInput with a FieldError per unacceptable member."""
    query = request.scope["query_string"]
    values: dict[str, Any] = nesting.parse_urlencoded(query) if query else {}
    if has_body(request):
        values.update(await _body(request))
    return check(model, values)


def check(model: type[M], values: dict[str, Any]) -> M:
    """`values` as `model`. Raises InvalidInput."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        _refuse(error)


def has_body(request: Request) -> bool:
    """Whether the client announced a body, with whatever method."""
    headers = request.headers
    return headers.get("content-length", "0") not in ("0", "") or "transfer-encoding" in headers


async def _body(request: Request) -> dict[str, Any]:
    web = request.app.state.context.settings.web
    kind = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if kind == "multipart/form-data":
        return await _multipart(request, web.upload_bytes_max, web.body_bytes_max)
    body = b"".join([chunk async for chunk in _limited(request, web.body_bytes_max)])
    if not body.strip():
        return {}
    if kind == "application/x-www-form-urlencoded":
        return nesting.parse_urlencoded(body)
    # A missing type is guessed: several clients forget it on DELETE and PATCH.
    if kind == "application/json" or kind.endswith("+json") or (not kind and body.lstrip()[:1] == b"{"):
        return _json(body)
    if not kind:
        return nesting.parse_urlencoded(body)
    raise MalformedRequest(
        f"The content type {kind[:80]!r} is not understood: send JSON, a urlencoded form or multipart"
    )


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(
            f"The body is not valid JSON: line {error.lineno}, column {error.colno}"
        ) from error
    if not isinstance(value, dict):
        raise MalformedRequest("The body must be a JSON object")
    nesting.forbid_nul(value)
    return value


async def _multipart(request: Request, bytes_max: int, text_bytes_max: int) -> dict[str, Any]:
    # Room for the part headers around a file of exactly the largest size.
    stream = _limited(request, bytes_max + text_bytes_max)
    parser = MultiPartParser(
        request.headers, stream, max_files=FILES_MAX, max_fields=FIELDS_MAX, max_part_size=text_bytes_max
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise MalformedRequest(f"The multipart body cannot be read: {error.message}") from error
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if any((file.size or 0) > bytes_max for file in files):
        await form.close()
        raise TooLarge(f"A file may have at most {bytes_max} bytes")
    return nesting.nest(form.multi_items())


async def _limited(request: Request, bytes_max: int) -> AsyncGenerator[bytes, None]:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:20]) > bytes_max:
        raise TooLarge(f"The request has {announced[:20]} bytes; at most {bytes_max} are accepted")
    received = 0
    chunks = request.stream()
    started = asyncio.get_running_loop().time()
    try:
        while True:
            async with asyncio.timeout_at(started + PATIENCE_S + received / SLOWEST_BYTES_PER_S):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            received += len(chunk)
            if received > bytes_max:
                raise TooLarge(f"The request is larger than {bytes_max} bytes")
            yield chunk
    except ClientDisconnect as error:
        raise MalformedRequest("The connection closed before the request was complete") from error
    except TimeoutError as error:
        raise MalformedRequest("The body of the request came too slowly") from error


_WORDS = {
    "missing": ("ERR_BLANK", "can't be blank"),
    "string_too_long": ("ERR_TOO_LONG", "is too long"),
    "too_long": ("ERR_TOO_LONG", "has too many entries"),
    "string_too_short": ("ERR_TOO_SHORT", "is too short"),
    "too_short": ("ERR_TOO_SHORT", "has too few entries"),
    "literal_error": ("ERR_INCLUSION", "is not included in the list"),
    "enum": ("ERR_INCLUSION", "is not included in the list"),
    "bool_type": ("ERR_INVALID", "is not a boolean"),
    "bool_parsing": ("ERR_INVALID", "is not a boolean"),
    "int_type": ("ERR_INVALID", "is not a number"),
    "int_parsing": ("ERR_INVALID", "is not a number"),
    "float_type": ("ERR_INVALID", "is not a number"),
    "float_parsing": ("ERR_INVALID", "is not a number"),
    "string_type": ("ERR_INVALID", "is not a text"),
    "list_type": ("ERR_INVALID", "is not a list"),
    "model_type": ("ERR_INVALID", "is not an object"),
    "dict_type": ("ERR_INVALID", "is not an object"),
    "is_instance_of": ("ERR_INVALID", "is not a file"),
}


def _refuse(error: ValidationError) -> NoReturn:
    fields = [_field_error(detail) for detail in error.errors(include_url=False, include_input=False)]
    raise invalid(*fields) from None


def _field_error(detail: ErrorDetails) -> FieldError:
    name = ".".join(str(part) for part in detail["loc"]) or "base"
    if detail["type"] == "value_error":
        return FieldError(name, "ERR_INVALID", str(detail.get("ctx", {}).get("error", "is invalid")))
    code, words = _WORDS.get(detail["type"], ("ERR_INVALID", "is invalid"))
    return FieldError(name, code, words)


def _kinds(annotation: Any) -> set[Any]:
    """The plain types inside an annotation: `Annotated[list[int] | None, ...]` -> {list, NoneType}."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kinds(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return set().union(*(_kinds(part) for part in get_args(annotation)))
    return {origin or annotation}


def _wire(model: type[BaseModel], name: str) -> str:
    return model.model_fields[name].alias or name
