"""Archives: what is in them comes into the folder, and nothing can get out of it."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from app.engine.data import archives
from app.engine.data.archives import unpack
from app.engine.data.source import Place
from app.engine.ending import TrainingError

FORMS = ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz"]
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return what writes an archive of members by name and content, as its ending says."""

    def made(file: str, members: dict[str, bytes]) -> Path:
        path = tmp_path / file
        if file.endswith(".zip"):
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, content in members.items():
                    archive.writestr(name, content)
            return path
        compression = {"tgz": "gz"}.get(path.suffix[1:], path.suffix[1:].replace("tar", ""))
        with tarfile.open(path, f"w:{compression}") as archive:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path

    return made


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "unpacked" / "here"


def unpacked(archive: Path, target: Path) -> dict[str, bytes]:
    unpack(archive, target, Place(target.parent))
    return {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}


@pytest.mark.parametrize("file", FORMS)
def test_what_is_in_an_archive_comes_into_the_folder(make: Make, target: Path, file: str) -> None:
    members = {"a/one.txt": b"1", "a/b/two.txt": b"2" * 100_000, "three": b""}
    archive = make(file, members)
    assert unpacked(archive, target) == members
    archive.unlink()
    assert unpacked(archive, target) == members  # it is there already
    assert os.listdir(target.parent) == ["here"]


@pytest.mark.parametrize("file", FORMS)
@pytest.mark.parametrize(
    "name",
    ["../out.txt", "a/../../out.txt", "/out.txt", "C:/out.txt", "C:out.txt", "\\\\host\\share\\out.txt", "..\\out"],
)
def test_a_name_that_leads_out_is_refused_and_nothing_is_kept(
    make: Make, target: Path, tmp_path: Path, file: str, name: str
) -> None:
    archive = make(file, {"fine.txt": b"1", name: b"2"})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(TrainingError, match="leads out of the folder"):
        unpack(archive, target, Place(target.parent))
    assert sorted(tmp_path.rglob("*")) == sorted([*before, target.parent])


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(target: Path, tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        member = tarfile.TarInfo("strange")
        member.type, member.linkname = kind, "../.."
        archive.addfile(member)
    with pytest.raises(TrainingError, match="'strange' is a link or a device"):
        unpack(tmp_path / "a.tar", target, Place(target.parent))
    assert not target.exists()


def test_a_link_in_a_zip_is_refused(target: Path, tmp_path: Path) -> None:
    member = zipfile.ZipInfo("strange")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(TrainingError, match="'strange' is a link or a device"):
        unpack(tmp_path / "a.zip", target, Place(target.parent))


@pytest.mark.parametrize("file", FORMS)
def test_an_archive_that_unpacks_to_far_more_than_it_is_is_refused(
    make: Make, target: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LEAST_LIMIT", 1 << 20)
    monkeypatch.setattr(archives, "MOST_RATIO", 0)
    archive = make(file, {"zeros": bytes(2 << 20)})
    with pytest.raises(TrainingError, match="unpacks to more than there is room for"):
        unpack(archive, target, Place(target.parent))
    assert os.listdir(target.parent) == []


@pytest.mark.parametrize("file", FORMS)
@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.97])
def test_an_archive_that_was_cut_off_is_refused_wherever_it_was(
    make: Make, target: Path, file: str, part: float
) -> None:
    archive = make(file, {f"{number}.bin": os.urandom(5_000) for number in range(200)})
    os.truncate(archive, int(archive.stat().st_size * part))
    with pytest.raises(TrainingError, match="cannot be unpacked"):
        unpack(archive, target, Place(target.parent))
    assert os.listdir(target.parent) == []


def test_a_tar_that_was_cut_off_between_two_members_is_refused(make: Make, target: Path) -> None:
    archive = make("a.tar", {"one": b"1" * 512, "two": b"2" * 512})
    os.truncate(archive, 1024)
    with pytest.raises(TrainingError, match="it has no end"):
        unpack(archive, target, Place(target.parent))


def test_a_file_with_a_flipped_bit_is_refused(make: Make, target: Path) -> None:
    archive = make("a.zip", {"one": os.urandom(5_000)})
    data = bytearray(archive.read_bytes())
    data[2_000] ^= 1
    archive.write_bytes(data)
    with pytest.raises(TrainingError, match="cannot be unpacked"):
        unpack(archive, target, Place(target.parent))
    assert os.listdir(target.parent) == []


def test_the_checksum_of_a_compressed_tar_is_compared(target: Path, tmp_path: Path) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        member = tarfile.TarInfo("one")
        member.size = 5_000
        archive.addfile(member, io.BytesIO(os.urandom(5_000)))
    packed = bytearray(gzip.compress(plain.getvalue(), 0))  # stored as it is: nothing but the checksum tells
    packed[2_000] ^= 1
    path = tmp_path / "a.tar.gz"
    path.write_bytes(packed)
    with pytest.raises(TrainingError, match="cannot be unpacked"):
        unpack(path, target, Place(target.parent))
    assert os.listdir(target.parent) == []


def test_the_end_can_be_asked_for_while_an_archive_is_unpacked(make: Make, target: Path) -> None:
    class EndError(BaseException):
        pass

    def check() -> None:
        raise EndError

    with pytest.raises(EndError):
        unpack(make("a.zip", {"one": b"1"}), target, Place(target.parent, check))
    assert os.listdir(target.parent) == []
