"""Readers and posters over HTTP, as apps behave. Fails when answers are errors or too slow.

    locust -f loadtests/locustfile.py --headless --users 20 --spawn-rate 5 --run-time 30s

The host is this machine's unless --host says otherwise: load only servers that are yours.
"""

from typing import Any

from locust import HttpUser, between, events, task
from people import sentence, sign_up

FAILED_SHARE_MAX = 0.01


@events.init_command_line_parser.add_listener
def add_options(parser: Any) -> None:
    """What is too slow depends on the machine."""
    parser.add_argument("--p95-ms", type=float, default=500, help="fail when the 95th percentile is above")


class Person(HttpUser):
    """Somebody with an account."""

    abstract = True
    host = "http://127.0.0.1:8000"

    def on_start(self) -> None:
        sign_up(self)
        self.newest: str | None = None


class Reader(Person):
    """Looks at what is new, scrolls down, opens threads, likes something now and then."""

    weight = 9
    wait_time = between(1, 5)

    def on_start(self) -> None:
        super().on_start()
        for status in self.get("/api/v1/timelines/public"):
            self.client.post(
                f"/api/v1/accounts/{status['account']['id']}/follow", name="/api/v1/accounts/:id/follow"
            )

    @task(10)
    def look_at_home(self) -> None:
        newer = {"since_id": self.newest} if self.newest else {}
        page = self.get("/api/v1/timelines/home", **newer)
        if page:
            self.newest = page[0]["id"]

    @task(4)
    def scroll_down(self) -> None:
        page = self.get("/api/v1/timelines/home")
        for _ in range(2):
            if page:
                page = self.get("/api/v1/timelines/home", max_id=page[-1]["id"])

    @task(3)
    def look_around(self) -> None:
        page = self.get("/api/v1/timelines/public")
        if page:
            self.get(f"/api/v1/statuses/{page[0]['id']}/context", name="/api/v1/statuses/:id/context")

    @task(2)
    def see_what_others_did(self) -> None:
        self.get("/api/v1/notifications")

    @task(1)
    def like(self) -> None:
        page = self.get("/api/v1/timelines/public")
        if page:
            self.client.post(
                f"/api/v1/statuses/{page[0]['id']}/favourite", name="/api/v1/statuses/:id/favourite"
            )

    def get(self, path: str, name: str | None = None, **params: str) -> Any:
        answer = self.client.get(path, params=params, name=name or path)
        return answer.json() if answer.ok else []


class Poster(Person):
    """Writes something every few seconds."""

    weight = 1
    wait_time = between(2, 6)

    @task
    def post(self) -> None:
        self.client.post("/api/v1/statuses", json={"status": sentence(), "visibility": "public"})


@events.quitting.add_listener
def judge(environment: Any, **_: Any) -> None:
    """The exit code: a load test that cannot fail proves nothing."""
    total = environment.stats.total
    too_slow = total.get_response_time_percentile(0.95) > environment.parsed_options.p95_ms
    if total.num_requests == 0 or total.fail_ratio > FAILED_SHARE_MAX or too_slow:
        environment.process_exit_code = 1
