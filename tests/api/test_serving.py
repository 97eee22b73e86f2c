"""``chancela serve`` and ``worker`` as processes."""

import http.client
import json
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fixtures.installations import Installation

START_SECONDS = 60


@contextmanager
def serving(installation: Installation, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    log = installation.var.parent / "serve.log"
    process = installation.start("serve", *options, log=log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while status(installation, "/readyz") != 200:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def get(installation: Installation, path: str, port: int = 0) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", installation.ports[port], timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def status(installation: Installation, path: str) -> int | None:
    try:
        return get(installation, path)[0]
    except OSError:
        return None


def wait_for_status(installation: Installation, wanted: int, seconds: float) -> float:
    """Seconds until ``/readyz`` answered that."""
    began = time.monotonic()
    while status(installation, "/readyz") != wanted:
        assert time.monotonic() - began < seconds
        time.sleep(0.2)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def served(installation_template, tmp_path_factory):
    """One server for the tests that only look."""
    installation = installation_template.copy(tmp_path_factory.mktemp("served") / "var")
    with serving(installation) as process:
        yield installation, process


def test_http_and_https_answer_and_figures_are_for_this_machine_only(served):
    installation, _ = served
    assert get(installation, "/livez")[0] == 200
    checks = json.loads(get(installation, "/readyz")[1])["checks"]
    assert set(checks.values()) == {"ok"}
    authority = installation.var / "demo" / "tls" / "ca.pem"
    context = ssl.create_default_context(cafile=str(authority))
    for host in ("127.0.0.1", "localhost"):
        connection = http.client.HTTPSConnection(
            host, installation.ports[1], context=context, timeout=10
        )
        connection.request("GET", "/livez")
        assert connection.getresponse().status == 200
        connection.close()
    deadline = time.monotonic() + 20
    while "chancela_job_failures_in_a_row" not in get(installation, "/metrics", port=2)[1]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    figures = get(installation, "/metrics", port=2)[1]
    assert 'chancela_requests_total{endpoint="health.livez",status="200"}' in figures
    listening = (
        subprocess.run(["ss", "-ltnH"], capture_output=True, text=True, check=False).stdout
        if Path("/usr/bin/ss").exists() or Path("/bin/ss").exists()
        else ""
    )
    for port in installation.ports:
        assert f"0.0.0.0:{port}" not in listening


def test_a_second_server_and_a_second_worker_are_refused(served):
    installation, process = served
    assert "already" in installation.run("serve", code=1).stderr
    assert "already" in installation.run("worker", code=1).stderr
    assert process.poll() is None
    assert "running" in installation.run("reset", code=1).stderr


def test_starts_are_audited_for_every_process(served):
    installation, _ = served
    deadline = time.monotonic() + 20
    wanted = {"http", "tls", "worker"}
    while True:
        shown = installation.ask("audit", "show", "--event", "service.started")["records"]
        if {record["facts"]["process"] for record in shown} >= wanted:
            break
        assert time.monotonic() < deadline, shown
    assert {record["facts"]["version"] for record in shown} != {""}


def test_what_the_server_writes_is_for_its_owner_alone(served):
    installation, _ = served
    readable = [
        path
        for name in ("run", "serve.pid", "web.key", "demo/tls/server.key")
        for path in [installation.var / name, *(installation.var / name).glob("**/*")]
        if path.is_file() and path.stat().st_mode & 0o077
    ]
    assert readable == []


def test_readiness_follows_the_tokens_away_and_back(installation):
    tokens = installation.var / "hsm" / "tokens"
    with serving(installation, "--no-worker") as process:
        tokens.rename(tokens.with_name("elsewhere"))
        wait_for_status(installation, 503, 20)
        assert get(installation, "/livez")[0] == 200
        tokens.with_name("elsewhere").rename(tokens)
        assert wait_for_status(installation, 200, 30) < 30
        assert process.poll() is None


class Client(threading.Thread):
    """Asks again and again, on new and on kept connections, until nobody accepts any more."""

    def __init__(self, port: int, *, keep: bool) -> None:
        super().__init__()
        self.port, self.keep = port, keep
        self.answered = 0
        self.lost: list[str] = []

    def run(self) -> None:
        connection = None
        while True:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                try:
                    connection.connect()
                except OSError:
                    return
            try:
                connection.request("GET", "/pki/crl/issuing.crl")
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                return
            self.answered += 1
            if answer.status != 200:
                self.lost.append(str(answer.status))
            if not self.keep or answer.will_close:
                connection.close()
                connection = None


def test_a_stop_loses_no_accepted_request_and_says_not_ready_first(installation):
    with serving(installation, "--no-worker") as process:
        clients = [Client(installation.ports[0], keep=n % 2 == 0) for n in range(6)]
        for client in clients:
            client.start()
        time.sleep(1)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        not_ready = False
        while not not_ready and time.monotonic() - began < 5:
            found = status(installation, "/readyz")
            assert found is not None, "the port closed before readiness said no"
            not_ready = found == 503
        assert not_ready
        assert process.wait(20) == 0
        assert time.monotonic() - began <= 15
        for client in clients:
            client.join(30)
    assert [client.lost for client in clients] == [[]] * len(clients)
    assert min(client.answered for client in clients) > 0
    shown = installation.ask("audit", "show", "--event", "service.stopped")["records"]
    assert [record["facts"]["process"] for record in shown].count("http") == 2


def test_a_server_started_without_tokens_says_so_until_they_come(installation):
    tokens = installation.var / "hsm" / "tokens"
    tokens.rename(tokens.with_name("elsewhere"))
    process = installation.start("serve", "--no-worker", log=installation.var.parent / "log")
    try:
        deadline = time.monotonic() + START_SECONDS
        while status(installation, "/livez") != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert get(installation, "/readyz")[0] == 503
        assert get(installation, "/pki/tl.xml")[0] == 503
        tokens.with_name("elsewhere").rename(tokens)
        assert wait_for_status(installation, 200, 30) < 30
    finally:
        process.terminate()
        process.wait(20)


def test_children_end_with_a_killed_supervisor(installation):
    with serving(installation, "--no-worker") as process:
        process.kill()
        process.wait()
        deadline = time.monotonic() + 20
        while status(installation, "/livez") is not None:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_an_old_database_stops_the_start_and_says_what_to_do(installation):
    installation.run("db", "downgrade", "base", code=1)
    installation.run("db", "downgrade", "base", "--lose-data")
    assert installation.ask("db", "current", code=1)["current"] is None
    for command in ("serve", "worker"):
        refused = installation.run(command, code=3)
        assert "chancela db upgrade" in refused.stderr
    upgraded = installation.ask("db", "upgrade")
    assert upgraded["before"] is None
    assert installation.ask("db", "upgrade")["after"] == upgraded["after"]
    assert installation.ask("db", "current")["current"] == upgraded["after"]


def test_a_worker_stops_in_good_order_and_notices_other_settings(installation):
    for language in ("pt", "en"):
        installation.extra["CHANCELA_LANGUAGE"] = language
        log = installation.var.parent / "worker.log"
        process = installation.start("worker", log=log)
        deadline = time.monotonic() + START_SECONDS
        while not started_workers(installation, language):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
        process.terminate()
        assert process.wait(20) == 0, log.read_text()
    stopped = installation.ask("audit", "show", "--event", "service.stopped")["records"]
    assert [record["facts"]["process"] for record in stopped] == ["worker", "worker"]
    (changed,) = installation.ask("audit", "show", "--event", "configuration.changed")["records"]
    assert changed["facts"]["before_sha256"] != changed["facts"]["after_sha256"]


def started_workers(installation: Installation, language: str) -> bool:
    wanted = {"pt": 1, "en": 2}[language]
    done = subprocess.run(
        installation.command("audit", "show", "--event", "service.started", "--json"),
        env=installation.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return len(json.loads(done.stdout)["records"]) == wanted if done.stdout else False


def test_a_deviating_transcript_stops_a_worker(installation):
    transcript = installation.var / "hsm" / "transcript.json"
    body = json.loads(transcript.read_text())
    body["keys"][0]["id"] = "00"
    transcript.write_text(json.dumps(body))
    refused = installation.run("worker", code=3)
    assert "transcript" in refused.stderr
