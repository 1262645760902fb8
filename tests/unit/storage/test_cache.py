"""Invariant: the cache gives back exactly what was put, or nothing, and stays within its limit."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.cache import DiskCache

MIB = 1024 * 1024


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "cache", max_bytes=256 * MIB, reserve_bytes=0)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in files(folder))


def test_what_was_put_comes_back(cache: DiskCache) -> None:
    cache.put("one", b"first")
    cache.put("two", b"")
    assert cache.get("one") == b"first"
    assert cache.get("two") == b""
    assert cache.get("three") is None


def test_a_second_put_replaces_the_first(cache: DiskCache) -> None:
    cache.put("one", b"first")
    cache.put("one", b"second")
    assert cache.get("one") == b"second"


def test_another_process_sees_it(tmp_path: Path, cache: DiskCache) -> None:
    cache.put("one", b"first")
    other = DiskCache(tmp_path / "cache", max_bytes=256 * MIB, reserve_bytes=0)
    assert other.get("one") == b"first"


@pytest.mark.parametrize("kept", [0, 3, 10, 16, 20])
def test_a_half_written_file_is_not_served(tmp_path: Path, cache: DiskCache, kept: int) -> None:
    cache.put("one", b"0123456789")
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    assert cache.get("one") is None
    cache.put("one", b"again")
    assert cache.get("one") == b"again"


def test_a_flipped_bit_is_not_served(tmp_path: Path, cache: DiskCache) -> None:
    cache.put("one", b"0123456789")
    (path,) = files(tmp_path)
    spoiled = bytearray(path.read_bytes())
    spoiled[-1] ^= 1
    path.write_bytes(bytes(spoiled))
    assert cache.get("one") is None


def test_a_file_moved_to_another_key_is_not_served(tmp_path: Path, cache: DiskCache) -> None:
    cache.put("one", b"first")
    (path,) = files(tmp_path)
    content = path.read_bytes()
    cache.put("two", b"second")
    (other,) = set(files(tmp_path)) - {path}
    other.write_bytes(content)
    assert cache.get("two") is None


def test_it_stays_within_its_limit_and_keeps_the_newest(tmp_path: Path) -> None:
    limit = 4 * MIB
    cache = DiskCache(tmp_path, max_bytes=limit, reserve_bytes=0)
    for number in range(8000):
        cache.put(str(number), bytes(1000))
    assert size(tmp_path) <= limit * 1.1
    newest = [cache.get(str(number)) for number in range(7000, 8000)]
    oldest = [cache.get(str(number)) for number in range(1000)]
    assert sum(each is not None for each in newest) > 900
    assert sum(each is not None for each in oldest) < 100


def test_what_is_far_too_large_is_not_kept(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, max_bytes=MIB, reserve_bytes=0)
    cache.put("one", bytes(MIB))
    assert cache.get("one") is None
    assert not files(tmp_path)


def test_nothing_is_kept_on_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, max_bytes=256 * MIB, reserve_bytes=2**62)
    cache.put("one", b"first")
    assert cache.get("one") is None
    assert not files(tmp_path)


def test_a_disk_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    blocked = tmp_path / "cache"
    blocked.write_bytes(b"a file where the folder should be")
    cache = DiskCache(blocked, max_bytes=MIB, reserve_bytes=0)
    cache.put("one", b"first")
    assert cache.get("one") is None


def test_many_threads_may_put_and_get_the_same_keys(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, max_bytes=MIB, reserve_bytes=0)

    def work(seed: int) -> set[bytes | None]:
        for number in range(200):
            cache.put(str(number % 20), bytes([number % 20]) * 100)
        return {cache.get(str((seed + number) % 20)) for number in range(20)}

    with ThreadPoolExecutor(4) as pool:
        found = set[bytes | None]().union(*pool.map(work, range(4)))
    assert found <= {None, *(bytes([number]) * 100 for number in range(20))}
