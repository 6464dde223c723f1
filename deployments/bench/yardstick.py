"""Pages under load beside fixed bytes of the same length through the same ingress, in turns of one run."""

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.errors import SetupError
from deployments.bench.base import Target
from deployments.bench.client import Address, Measured, load, request_bytes

CONNECTIONS = 16
SECONDS = 4.0  # of one turn, when the command line says nothing
TURNS = 3  # of each kind, alternating: what else happens on the machine hits both
WARM_S = 1.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """The middle turn of each kind."""

    pages: Measured
    static: Measured
    page_bytes: int

    def figures(self) -> dict[str, float]:
        """Ours, and the ratio to the static route."""
        return _figures(self.pages) | {
            "ratio": self.pages.per_second / self.static.per_second,
            "page_bytes": float(self.page_bytes),
        }

    def baseline(self) -> dict[str, float]:
        """The static route's."""
        return _figures(self.static)


async def compare(
    target: Target, *, requests: Sequence[tuple[str, str]], seconds: float | None
) -> Comparison:
    """Load `requests` (path, token), then the static route with as many bytes, in turns. Raises SetupError
    when the instance has no static route or answers with anything but 200."""
    address = Address.of(target.base_url)
    pages = [request_bytes(path, address=address, token=token) for path, token in requests]
    probe = await load(address, requests=[pages], seconds=0.5, warm_seconds=0.5)
    _check(probe, "the pages to measure")
    page_bytes = probe.body_bytes // probe.answered
    path = f"/api/flow/v1/bench/static?bytes={page_bytes}"
    static = [request_bytes(path, address=address, token=token) for _, token in requests]
    _check(
        await load(address, requests=[static], seconds=0.2, warm_seconds=0.1),
        "the static route (SOCIALFLOW_BENCH__STATIC_ROUTE=true at the instance's start)",
    )
    seen: dict[str, list[Measured]] = {"pages": [], "static": []}
    for _ in range(TURNS):
        for name, given in (("static", static), ("pages", pages)):
            measured = await load(
                address,
                requests=[_from(given, number) for number in range(CONNECTIONS)],
                seconds=seconds or SECONDS,
                warm_seconds=WARM_S,
            )
            _check(measured, f"the {name}")
            seen[name].append(measured)
    return Comparison(_middle(seen["pages"]), _middle(seen["static"]), page_bytes)


def _from(requests: Sequence[bytes], start: int) -> list[bytes]:
    """The same round, begun elsewhere: connections do not ask for the same page at the same time."""
    start %= len(requests)
    return [*requests[start:], *requests[:start]]


def _middle(turns: Sequence[Measured]) -> Measured:
    return sorted(turns, key=lambda turn: turn.per_second)[len(turns) // 2]


def _check(measured: Measured, what: str) -> None:
    if measured.failed or not measured.answered:
        raise SetupError(f"{what} answered {dict(measured.statuses)}")


def _figures(measured: Measured) -> dict[str, float]:
    return {
        "requests_per_s": measured.per_second,
        "p50_ms": measured.percentile_ms(0.5),
        "p99_ms": measured.percentile_ms(0.99),
    }
