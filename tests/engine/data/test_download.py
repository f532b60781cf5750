"""Downloads from a real server on this machine, which cuts them off, resumes them and lies about them."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from app.engine.data import download as module
from app.engine.data.download import download
from app.engine.data.source import Place
from app.engine.datasets import load_dataset
from app.engine.ending import TrainingError
from app.engine.samples import Samples

CONTENT = bytes(np.random.default_rng(0).integers(256, size=300_000, dtype=np.uint8))
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """What the server has, how it behaves, and what it was asked for."""

    url: str = ""
    content: bytes = CONTENT
    tag: str | None = '"one"'
    #: The connection ends after so many bytes of the next answers, one each.
    cuts: list[int] = field(default_factory=list)
    #: What it says first, one each.
    says: list[int] = field(default_factory=list)
    ranges: bool = True
    length: int | None = None
    wrong_part: bool = False
    redirect: str | None = None
    #: The Range of every request.
    asked: list[str | None] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    server_version = "test"
    state: Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        state = self.state
        self.asked_for = self.headers.get("Range")
        state.asked.append(self.asked_for)
        if state.redirect:
            self.send_response(302)
            self.send_header("Location", state.redirect)
            self.end_headers()
            return
        if state.says:
            self.send_error(state.says.pop(0))
            return
        begin = 0
        if self.asked_for and state.ranges and self.headers.get("If-Range") in (None, state.tag):
            begin = int(self.asked_for.removeprefix("bytes=").rstrip("-"))
            if begin >= len(state.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(state.content)}")
                self.end_headers()
                return
        body = state.content[begin:]
        self.send_response(206 if begin else 200)
        if begin:
            first = begin + 1 if state.wrong_part else begin
            self.send_header("Content-Range", f"bytes {first}-{len(state.content) - 1}/{len(state.content)}")
        if state.tag:
            self.send_header("ETag", state.tag)
        self.send_header("Content-Length", str(len(body) if state.length is None else state.length))
        self.end_headers()
        self.wfile.write(body[: state.cuts.pop(0)] if state.cuts else body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    state = Server()
    running = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"state": state}))
    state.url = f"http://127.0.0.1:{running.server_port}/data/a%20file.bin"
    monkeypatch.setattr(module, "SCHEMES", ("http", "https"))
    monkeypatch.setattr(module, "WAITS", (0, 0, 0))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield state
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def left(path: Path) -> list[str]:
    """Return the names of what is beside a download, but its lock."""
    return sorted(each.name for each in path.parent.iterdir() if each != path and each.suffix != ".lock")


@pytest.mark.parametrize("sha256", [None, SHA256, SHA256.upper()])
def test_a_file_is_downloaded_once(
    server: Server, place: Place, sha256: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="trackside")
    path = place.folder / "sub" / "file.bin"
    for _ in range(2):
        assert download(server.url, path, place, sha256=sha256) == path
        assert path.read_bytes() == CONTENT
    assert len(server.asked) == 1
    assert left(path) == []
    assert "100 % of 0.3 MB" in caplog.text


def test_a_download_that_was_cut_off_goes_on_where_it_was(server: Server, place: Place) -> None:
    server.cuts = [100_000, 50_000]
    path = download(server.url, place.folder / "file.bin", place, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_it_goes_on_in_another_run_too(server: Server, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITS", ())
    server.cuts = [100_000]
    path = place.folder / "file.bin"
    with pytest.raises(TrainingError, match=r"the connection ended after 0\.1 MB of 0\.3 MB"):
        download(server.url, path, place)
    assert not path.exists()
    assert download(server.url, path, place).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-"]
    assert left(path) == []


def test_a_file_that_changed_on_the_server_meanwhile_begins_anew(server: Server, place: Place) -> None:
    server.cuts = [100_000]
    path = place.folder / "file.bin"

    def change() -> None:
        if len(server.asked) == 1:
            server.content, server.tag = b"new" * 1000, '"two"'

    download(server.url, path, Place(place.folder, change))
    assert path.read_bytes() == b"new" * 1000
    assert server.asked == [None, "bytes=100000-"]


def test_no_part_of_an_older_version_is_taken_for_the_new_one(
    server: Server, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITS", ())
    path = place.folder / "file.bin"
    server.cuts = [100_000]
    with pytest.raises(TrainingError, match="the connection ended"):
        download(server.url, path, place)
    server.content, server.tag, server.length = b"new" * 100_000, '"two"', 1 << 60
    with pytest.raises(TrainingError, match="are free in"):
        download(server.url, path, place)
    server.length = None
    assert download(server.url, path, place).read_bytes() == server.content


@pytest.mark.parametrize("tag", [None, 'W/"weak"'])
def test_without_a_strong_mark_or_a_checksum_nothing_is_continued(
    server: Server, place: Place, tag: str | None
) -> None:
    server.tag, server.cuts = tag, [100_000]
    assert download(server.url, place.folder / "file.bin", place).read_bytes() == CONTENT
    assert server.asked == [None, None]


def test_a_server_without_ranges_sends_it_all_again(server: Server, place: Place) -> None:
    server.ranges, server.cuts = False, [100_000]
    assert download(server.url, place.folder / "file.bin", place, sha256=SHA256).read_bytes() == CONTENT


def test_another_part_than_was_asked_for_is_not_put_behind_the_first(server: Server, place: Place) -> None:
    server.wrong_part, server.cuts = True, [100_000]
    assert download(server.url, place.folder / "file.bin", place, sha256=SHA256).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", None]


@pytest.mark.parametrize("sha256", [None, SHA256])
def test_a_part_that_is_all_of_it_or_too_much(server: Server, place: Place, sha256: str | None) -> None:
    path = place.folder / "file.bin"
    for there in (CONTENT, CONTENT + b"more"):
        (place.folder / "file.bin.partial").write_bytes(there)
        (place.folder / "file.bin.partial.json").write_text('{"validator": "\\"one\\""}')
        assert download(server.url, path, place, sha256=sha256).read_bytes() == CONTENT
        path.unlink()


def test_a_wrong_checksum_leaves_nothing_that_would_be_trusted(server: Server, place: Place) -> None:
    server.content = CONTENT[:-1] + b"x"
    path = place.folder / "file.bin"
    with pytest.raises(TrainingError, match=f"its sha256 is [0-9a-f]{{64}}, not {SHA256}; nothing of it was kept"):
        download(server.url, path, place, sha256=SHA256)
    assert left(path) == []
    assert not path.exists()


def test_a_first_part_of_another_file_is_thrown_away(server: Server, place: Place) -> None:
    (place.folder / "file.bin.partial").write_bytes(b"y" * 1000)
    assert download(server.url, place.folder / "file.bin", place, sha256=SHA256).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-", None]


def test_a_server_that_promises_more_than_it_sends_is_given_up(server: Server, place: Place) -> None:
    server.length, server.ranges = len(CONTENT) + 1000, False
    with pytest.raises(TrainingError, match=r"the connection ended after 0\.3 MB of 0\.3 MB"):
        download(server.url, place.folder / "file.bin", place)
    assert len(server.asked) == 4
    assert not (place.folder / "file.bin").exists()


def test_a_server_that_sends_more_than_it_promises_fails_the_checksum(server: Server, place: Place) -> None:
    server.length = 1000
    with pytest.raises(TrainingError, match="its sha256 is"):
        download(server.url, place.folder / "file.bin", place, sha256=SHA256)


def test_a_file_that_does_not_fit_on_the_disk_is_not_begun(server: Server, place: Place) -> None:
    server.length = 1 << 60
    with pytest.raises(TrainingError, match=r"but only .* MB are free in"):
        download(server.url, place.folder / "file.bin", place)
    assert not (place.folder / "file.bin").exists()


def test_what_may_pass_is_tried_again_and_what_will_not_is_not(server: Server, place: Place) -> None:
    server.says = [503, 429]
    assert download(server.url, place.folder / "file.bin", place).read_bytes() == CONTENT
    server.says = [404]
    with pytest.raises(TrainingError, match="the server says 404 Not Found"):
        download(server.url, place.folder / "other.bin", place)
    assert len(server.asked) == 4


@pytest.mark.parametrize("url", ["http://127.0.0.1/a", "ftp://host/a", "file:///etc/passwd", "https://", "a.csv"])
def test_only_encrypted_addresses_are_downloaded_from(url: str, place: Place) -> None:
    with pytest.raises(TrainingError, match="begins with https://"):
        download(url, place.folder / "file.bin", place)


def test_a_server_cannot_lead_to_an_address_that_is_not_encrypted(server: Server, place: Place) -> None:
    server.redirect = "ftp://127.0.0.1/file.bin"
    with pytest.raises(TrainingError, match=r"leads to ftp://127\.0\.0\.1/file\.bin, which is not https"):
        download(server.url, place.folder / "file.bin", place)


def test_without_a_network_the_file_can_be_put_there_by_hand(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    parameters = {"url": "https://no-such-host.invalid/data.csv", "target": "y"}
    with pytest.raises(TrainingError) as caught:
        load_dataset("csv", parameters, place.folder)
    assert "Connect to the network and run again, or download it elsewhere and put it here: " in str(caught.value)
    path = Path(re.findall(r"put it here: (\S+)", str(caught.value))[0])
    path.write_text("a,y\n1,2\n")
    assert load_dataset("csv", parameters, place.folder).X.tolist() == [[1]]


def test_the_end_can_be_asked_for_while_a_file_is_downloaded_and_its_part_is_kept(server: Server, place: Place) -> None:
    class EndError(BaseException):
        pass

    def check() -> None:
        if path.with_name("file.bin.partial").exists() and len(server.asked) > 1:
            raise EndError

    path = place.folder / "file.bin"
    server.cuts = [100_000]
    with pytest.raises(EndError):
        download(server.url, path, Place(place.folder, check), sha256=SHA256)
    assert not path.exists()
    assert download(server.url, path, place, sha256=SHA256).read_bytes() == CONTENT


def test_a_dataset_by_its_address_needs_no_network_once_it_is_cached(server: Server, place: Place) -> None:
    server.content = b"a,y\n1,2\n"
    parameters = {"url": server.url, "sha256": hashlib.sha256(server.content).hexdigest(), "target": "y"}
    first: Samples = load_dataset("csv", parameters, place.folder)
    for path in (place.folder / "downloads").iterdir():
        path.unlink()
    assert load_dataset("csv", parameters, place.folder).X.tolist() == first.X.tolist() == [[1]]
    assert len(server.asked) == 1


def test_a_checksum_that_is_none_and_two_places_at_once_are_refused(refusal: Callable[..., str]) -> None:
    said = refusal("csv", url="https://host/a.csv", sha256="12ab", target="y")
    assert said.startswith("dataset.parameters.sha256: '12ab' is none")
    assert refusal("csv", url="https://host/a.csv", path="a.csv", target="y").startswith("dataset.parameters.path: ")
