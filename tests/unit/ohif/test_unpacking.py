"""Invariant: whatever a package says, nothing is written outside of the folder, nothing but plain
files, never more than the limits; and every fault is a PackageError."""

import tarfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs_gateway.ohif.errors import PackageError
from pacs_gateway.ohif.unpacking import Limits, unpack
from tests.ohif import package_of, plain, special, tar, viewer_files

LIMITS = Limits(unpacked_bytes=100_000, files=100)


def unpacked(folder: Path, package: bytes, limits: Limits = LIMITS) -> set[str]:
    folder.mkdir(exist_ok=True)
    source, target = folder / "package.tgz", folder / "inside" / "target"
    source.write_bytes(package)
    target.parent.mkdir(exist_ok=True)
    unpack(source, target, limits=limits, place=lambda path: None if "skip" in path else path)
    return {str(p.relative_to(target)) for p in target.rglob("*") if p.is_file()}


def everything(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


def test_wanted_files_come_out_and_others_do_not(tmp_path: Path) -> None:
    members = [
        plain("package/a.js", b"1"),
        plain("package/b/c.js", b"22"),
        plain("package/skip", b""),
    ]
    assert unpacked(tmp_path, tar([special("package", tarfile.DIRTYPE), *members])) == {
        "a.js",
        "b/c.js",
    }
    assert (tmp_path / "inside/target/b/c.js").read_bytes() == b"22"


def test_the_mode_and_owner_in_the_package_mean_nothing(tmp_path: Path) -> None:
    member, content = plain("package/a.js", b"1")
    member.mode, member.uid = 0o6777, 12345
    unpacked(tmp_path, tar([(member, content)]))
    found = (tmp_path / "inside/target/a.js").stat()
    assert found.st_mode & 0o7111 == 0
    assert found.st_uid != 12345


@pytest.mark.parametrize(
    "member",
    [
        plain("package/../../escaped", b"1"),
        plain("package/a/../../../escaped", b"1"),
        plain("package//escaped", b"1"),
        plain("/escaped", b"1"),
        plain("escaped", b"1"),
        plain("packages/escaped", b"1"),
        plain("package/.hidden", b"1"),
        plain("package/a\\b", b"1"),
        plain("package/" + "n" * 300, b"1"),
        plain("package/a\nb", b"1"),
        plain("package/", b"1"),
        plain("package/" + "a/" * 9 + "deep", b"1"),
        special("package/link", tarfile.SYMTYPE, "../../escaped"),
        special("package/link", tarfile.LNKTYPE, "/etc/passwd"),
        special("package/null", tarfile.CHRTYPE),
        special("package/disk", tarfile.BLKTYPE),
        special("package/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda member: repr(member[0].name[:24]),
)
def test_hostile_members_are_refused(tmp_path: Path, member: tuple[tarfile.TarInfo, bytes]) -> None:
    with pytest.raises(PackageError, match="no plain file"):
        unpacked(tmp_path, tar([plain("package/a.js", b"1"), member, plain("package/z.js", b"1")]))
    allowed = {tmp_path / "package.tgz", tmp_path / "inside/target/a.js"}
    assert everything(tmp_path) == allowed


def test_a_file_through_a_link_of_the_same_package_is_refused(tmp_path: Path) -> None:
    link = special("package/a", tarfile.SYMTYPE, str(tmp_path))
    with pytest.raises(PackageError):
        unpacked(tmp_path / "place", tar([link, plain("package/a/escaped", b"1")]))
    assert not (tmp_path / "escaped").exists()


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    for n, second in enumerate(("package/a", "package/a/b", "package/a/b/c")):
        with pytest.raises(PackageError, match="twice"):
            unpacked(tmp_path / str(n), tar([plain("package/a", b"1"), plain(second, b"2")]))


@pytest.mark.parametrize(
    "limits", [Limits(unpacked_bytes=100_000, files=3), Limits(unpacked_bytes=39, files=100)]
)
def test_more_than_the_limits_is_refused(tmp_path: Path, limits: Limits) -> None:
    with pytest.raises(PackageError, match="holds more than"):
        unpacked(tmp_path, tar(plain(f"package/{n}", bytes(10)) for n in range(4)), limits)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = tar([plain("package/skip", bytes(50_000_000))])
    assert len(bomb) < 100_000
    with pytest.raises(PackageError, match="holds more than"):
        unpacked(tmp_path, bomb)


@pytest.mark.parametrize("package", [b"", b"PK\x03\x04 a zip", b"\x1f\x8b", bytes(1000)])
def test_what_is_no_package_is_refused(tmp_path: Path, package: bytes) -> None:
    with pytest.raises(PackageError):
        unpacked(tmp_path, package)


WHOLE = package_of(viewer_files())


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(0, len(WHOLE)))
def test_a_package_cut_short_gives_no_half_file(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    try:
        names = unpacked(folder, WHOLE[:cut])
    except PackageError:
        return
    for name in names - {"LICENSE"}:
        content = (folder / "inside/target" / name).read_bytes()
        assert content == viewer_files()[name.removeprefix("dist/")]


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, len(WHOLE) - 1), value=st.integers(0, 255))
def test_a_damaged_package_raises_nothing_else(
    place: int, value: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    damaged = bytearray(WHOLE)
    damaged[place] = value
    folder = tmp_path_factory.mktemp("damaged")
    with suppress(PackageError):
        unpacked(folder, bytes(damaged))
    outside = everything(folder) - everything(folder / "inside")
    assert outside == {folder / "package.tgz"}
