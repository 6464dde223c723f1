"""What `socialflow up` promises while it runs: logins, closed doors, no belief in what clients say."""

import json
import stat

import httpx
import psutil
import pytest

from deployments.processes import leftovers
from tests.cluster.machine import Machine

pytestmark = pytest.mark.timeout(180)


def sign_in(machine: Machine, login: dict[str, str]) -> str:
    """A token by password, as an app of its own."""
    with machine.client() as client:
        app = client.post(
            "/api/v1/apps",
            json={
                "client_name": "t",
                "redirect_uris": "urn:ietf:wg:oauth:2.0:oob",
                "scopes": "read write",
            },
        ).json()
        answer = client.post(
            "/oauth/token",
            data={
                "grant_type": "password",
                "username": login["email"],
                "password": login["password"],
                "client_id": app["client_id"],
                "client_secret": app["client_secret"],
                "scope": "read write",
            },
        )
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


def test_it_says_what_it_did_and_who_may_sign_in(alpha: Machine) -> None:
    assert {"home", "Postgres", "schema", "Valkey", "Ray", "shards", "Serve", "demo world"} <= set(
        alpha.started["steps"]
    )
    assert [login["username"] for login in alpha.started["logins"]] == ["alice", "bob", "carol"]
    token = sign_in(alpha, alpha.started["logins"][0])
    with alpha.client(headers={"Authorization": f"Bearer {token}"}) as client:
        home = client.get("/api/v1/timelines/home").json()
        own = client.get("/api/v1/accounts/verify_credentials").json()
    assert own["username"] == "alice"
    assert own["followers_count"] == 6
    assert len(home) >= 10


def test_passwords_are_stored_nowhere(alpha: Machine) -> None:
    logs = "".join(path.read_text(errors="replace") for path in alpha.home.logs.iterdir())
    assert not [login for login in alpha.started["logins"] if login["password"] in logs]
    again = json.loads(alpha.run("seed", "--json").stdout)
    assert [sorted(login) for login in again["logins"]] == [["email", "username"]] * 3


def test_status_names_every_part(alpha: Machine) -> None:
    described = json.loads(alpha.run("status", "--json").stdout)
    assert described["well"]
    assert set(described["parts"].values()) == {"ok"}
    assert described["url"] == alpha.url


def test_the_doctor_finds_nothing_wrong(alpha: Machine) -> None:
    findings = json.loads(alpha.run("doctor", "--json").stdout)
    assert not [finding for finding in findings if finding["verdict"] == "wrong"]
    (doors,) = (finding for finding in findings if finding["name"] == "open ports")
    assert doors["verdict"] == "right"


def test_nothing_listens_but_on_loopback(alpha: Machine) -> None:
    supervisor = psutil.Process(alpha.started["pid"])
    listening = [
        (process.name(), connection.laddr)
        for process in [supervisor, *leftovers(alpha.home)]
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) > 5
    assert not [found for found in listening if found[1].ip not in ("127.0.0.1", "::ffff:127.0.0.1", "::1")]


def test_homes_and_sockets_are_for_their_owner(alpha: Machine) -> None:
    for path in (alpha.home.root, alpha.home.run):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in (alpha.home.root / "secret", alpha.home.ray_token, alpha.home.instance):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (admin,) = alpha.home.haproxy.glob("*/admin.sock")
    assert stat.S_IMODE(admin.stat().st_mode) == 0o600


FORGED: list[dict[str, str]] = [
    {"x-forwarded-for": "203.0.113.7"},
    {"x-forwarded-for": "203.0.113.8, 127.0.0.1"},
    {"forwarded": "for=203.0.113.9;proto=https"},
    {"x-real-ip": "203.0.113.10"},
    {"x-socialflow-ingress": "guess 203.0.113.11 https"},
]


def remaining(client: httpx.Client, url: str = "", headers: dict[str, str] | None = None) -> int:
    """What is left of the allowance of whoever the server takes us for. One request a second comes back."""
    answer = client.get(f"{url}/api/v1/timelines/public", headers=headers)
    return int(answer.headers["x-ratelimit-remaining"])


def test_a_forged_address_has_no_allowance_of_its_own(beta: Machine) -> None:
    # Anonymous requests are throttled by address. Whoever could choose one would never be throttled.
    with beta.client() as client:
        first = remaining(client)
        left = [remaining(client, headers=headers) for headers in FORGED * 2]
    assert left[-1] <= first - len(FORGED)


def test_a_forged_header_stretches_no_deadline_and_reaches_no_internal_route(alpha: Machine) -> None:
    with alpha.client() as client:
        answer = client.get("/healthz", headers={"x-request-timeout-seconds": "0.000001"})
    assert answer.status_code == 200
    assert "server" not in answer.headers


def test_a_replicas_own_port_believes_nobody(beta: Machine) -> None:
    ports = json.loads(beta.run("status", "--json").stdout)["ports"]
    replicas = [f"http://127.0.0.1:{ports['replicas_first'] + number}" for number in range(2)]
    with beta.client() as client:
        (api,) = [url for url in replicas if client.get(f"{url}/healthz").status_code == 200]
        first = remaining(client, api)
        left = [remaining(client, api, headers) for headers in FORGED * 2]
    assert left[-1] <= first - len(FORGED)


def test_shards_are_described(alpha: Machine) -> None:
    described = json.loads(alpha.run("shards", "--json").stdout)
    assert described["map_matches_settings"]
    assert (
        sum(shard["slots"] for shard in described["shards"] if shard["kind"] == "feeds") == described["slots"]
    )


def test_people_are_made_and_promoted(alpha: Machine) -> None:
    def create(name: str, email: str, password: str = "long enough 1") -> int:
        command = ["admin", "create-user", name, "--email", email, "--password", password]
        return alpha.run(*command, check=False).returncode

    assert create("zoe", "zoe@example.org") == 0
    assert create("zoe", "other@example.org") == 1
    assert create("y", "y@example.org", password="x") == 1
    granted = json.loads(alpha.run("admin", "grant", "zoe", "--role", "admin", "--json").stdout)
    assert granted["role"] == "admin"
    assert alpha.run("admin", "grant", "nobody_here", "--role", "admin", check=False).returncode == 1


def test_a_second_start_on_the_same_home_or_port_is_refused(alpha: Machine, idle: Machine) -> None:
    same_home = alpha.run("up", "--port", str(idle.port), check=False)
    assert same_home.returncode == 2
    assert "already runs" in same_home.stdout + same_home.stderr
    same_port = idle.run("up", "--port", str(alpha.port), check=False)
    assert same_port.returncode == 2
    assert f"port {alpha.port}" in same_port.stdout
    assert alpha.client().get("/readyz").status_code == 200


def test_two_instances_know_nothing_of_each_other(alpha: Machine, beta: Machine) -> None:
    with alpha.client() as one, beta.client() as other:
        assert one.get("/api/v1/accounts/lookup", params={"acct": "alice"}).status_code == 200
        assert other.get("/api/v1/accounts/lookup", params={"acct": "alice"}).status_code == 404
    mine, yours = ({process.pid for process in leftovers(machine.home)} for machine in (alpha, beta))
    assert mine
    assert yours
    assert not mine & yours
    assert alpha.home.run != beta.home.run
