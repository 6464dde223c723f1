"""HAProxy's configuration: doors closed, forwarding headers believed from configured proxies only."""

import re

import pytest

from deployments.haproxy import Ingress, bind_address, close_doors, ingress_rules, unavailable_answer

TEMPLATE = """global
    log 127.0.0.1:514 local0 info
    stats socket /tmp/admin.sock mode 666 level admin expose-fd listeners
defaults
    mode http
    timeout client 3600s
    retry-on conn-failure
    errorfile 502 /tmp/500.http
    errorfile 503 /tmp/500.http
frontend prometheus
    bind :9101
frontend http_frontend
    bind 127.0.0.1:8000
    # rest
backend default_backend
    http-request return status 404 content-type text/plain lf-string "Path '%[path]' not found."
backend http-streaming
    log global
backend http-api
    log global
listen stats
  bind *:8404
"""


def ingress(host: str = "127.0.0.1", proxies: tuple[str, ...] = ()) -> Ingress:
    return Ingress(host, 8000, "s3cret", proxies, "/run/503.http", "/bin/true")


def test_only_the_frontend_may_be_reached_from_outside() -> None:
    config = close_doors(TEMPLATE, ingress(host="0.0.0.0"))
    binds = [line.strip() for line in config.splitlines() if line.strip().startswith("bind")]
    assert binds == ["bind 127.0.0.1:9101", "bind *:8000", "bind 127.0.0.1:8404"]


def test_the_admin_socket_is_private_and_nothing_is_logged() -> None:
    config = close_doors(TEMPLATE, ingress())
    assert "mode 600 level admin" in config
    assert "666" not in config
    assert "514" not in config


def test_a_silent_connection_is_not_kept_for_an_hour() -> None:
    config = close_doors(TEMPLATE, ingress())
    assert re.findall(r"^ *timeout (client|server) (\S+)", config, re.MULTILINE) == [
        ("server", "60s"),
        ("client", "60s"),
    ]


def test_the_api_answers_in_time_also_while_no_replica_runs_but_uploads_may_take_longer() -> None:
    lines = close_doors(TEMPLATE, ingress()).splitlines()
    rule = "    http-request set-timeout server 8s unless { req.hdr(content-type) -m beg multipart/ }"
    assert lines[lines.index("backend http-api") + 1] == rule
    assert lines.count(rule) == 1


def test_only_a_read_is_sent_again_when_a_replica_dies_over_it() -> None:
    config = close_doors(TEMPLATE, ingress())
    assert "retry-on conn-failure empty-response" in config
    assert "http-request disable-l7-retry unless { method GET HEAD }" in config


def test_before_the_api_has_started_nothing_is_said_to_be_missing() -> None:
    config = close_doors(TEMPLATE, ingress())
    assert "return status 404 content-type" not in config
    assert "deny deny_status 503" in config


def test_errors_are_json_with_a_time_to_retry() -> None:
    assert close_doors(TEMPLATE, ingress()).count("/run/503.http") == 2
    answer = unavailable_answer().decode()
    assert answer.startswith("HTTP/1.1 503")
    assert "retry-after: 1" in answer
    head, body = answer.split("\r\n\r\n")
    assert f"content-length: {len(body)}" in head


def test_another_template_is_an_error_and_not_an_open_door() -> None:
    with pytest.raises(ValueError, match="differs"):
        close_doors(TEMPLATE.replace("mode 666", "mode 777"), ingress())


def test_without_proxies_no_forwarding_header_is_read() -> None:
    rules = "\n".join(ingress_rules(ingress()))
    assert "req.hdr" not in rules
    assert "del-header x-forwarded -m beg" in rules


def test_with_proxies_addresses_are_walked_only_while_they_are_ours() -> None:
    rules = ingress_rules(ingress(proxies=("10.0.0.0/8", "::1")))
    walked = [rule for rule in rules if "x-forwarded-for" in rule]
    assert all("-m ip 10.0.0.0/8 ::1/128" in rule for rule in walked)
    assert rules.index(walked[-1]) < rules.index("http-request del-header x-forwarded -m beg")


def test_a_misspelled_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.300"):
        ingress_rules(ingress(proxies=("10.0.0.300",)))


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("::", "[::]:80 v4v6"), ("0.0.0.0", "*:80")],
)
def test_addresses_are_spelled_as_haproxy_wants_them(host: str, expected: str) -> None:
    assert bind_address(host, 80) == expected
