"""The demo's key of cookies and forms: drawn once, whole, for all processes that start together."""

import threading

from api.wiring.services import secret_key_of


def test_the_configured_key_is_taken(tmp_path):
    assert secret_key_of("configured", tmp_path) == "configured"
    assert list(tmp_path.iterdir()) == []


def test_it_is_drawn_once_and_nobody_else_can_read_it(tmp_path):
    first = secret_key_of(None, tmp_path / "var")
    assert len(first) >= 64
    assert secret_key_of(None, tmp_path / "var") == first
    (file,) = (tmp_path / "var").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_processes_that_start_together_agree(tmp_path):
    for attempt in range(20):
        directory, found, gate = tmp_path / str(attempt), [], threading.Barrier(8)

        def start(directory=directory, found=found, gate=gate):
            gate.wait()
            found.append(secret_key_of(None, directory))

        threads = [threading.Thread(target=start) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(found)) == 1
        assert found[0]
        assert [file.name for file in directory.iterdir()] == ["web.key"]
