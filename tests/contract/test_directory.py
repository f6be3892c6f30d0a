"""What storage may rely on, held against the real disk and the simulated one."""

import errno
import os
import random
from contextlib import suppress
from pathlib import Path

import pytest

from groundwork.real.disk import OsDirectory
from groundwork.seams import SPARE_SUFFIX, Directory
from groundwork.simulated.disk import PowerLost, SimulatedDirectory


@pytest.fixture(params=["real", "simulated"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Directory:
    return OsDirectory(tmp_path / "data") if request.param == "real" else SimulatedDirectory()


def test_what_was_appended_is_read_back_where_it_was_put(directory: Directory) -> None:
    file = directory.open_append("a/b.log")
    file.append([b"one", memoryview(b"two")])
    file.append([b"three"])
    assert file.size() == 11
    assert file.read_at(3, 3) == b"two"
    assert file.read_at(6, 100) == b"three"
    file.close()


def test_many_pieces_are_one_append(directory: Directory) -> None:
    file = directory.open_append("a")
    file.append([b"%04d" % n for n in range(2500)])
    assert file.size() == 10_000
    assert file.read_at(4 * 2499, 4) == b"2499"
    file.close()


def test_a_file_that_is_opened_again_goes_on_where_it_ended(directory: Directory) -> None:
    file = directory.open_append("a")
    file.append([b"one"])
    file.close()
    again = directory.open_append("a")
    again.append([b"two"])
    assert again.read_at(0, 10) == b"onetwo"
    again.truncate(4)
    assert again.size() == 4
    again.append([b"!"])
    assert again.read_at(0, 10) == b"onet!"
    again.close()


def test_a_file_is_opened_only_where_it_exists_and_made_only_where_it_does_not(
    directory: Directory,
) -> None:
    with pytest.raises(FileNotFoundError):
        directory.open_existing("t/1.log")
    with pytest.raises(FileNotFoundError):
        directory.open_new("t/1.log")
    assert not directory.exists("t"), "neither makes a folder"
    directory.open_append("t/0.log").close()
    made = directory.open_new("t/1.log")
    made.append([b"one"])
    made.close()
    with pytest.raises(FileExistsError):
        directory.open_new("t/1.log")
    file = directory.open_existing("t/1.log")
    file.append([b"two"])
    assert file.read_at(0, 10) == b"onetwo"
    file.close()
    directory.sync_names("t")


def test_names_are_sorted_and_of_one_folder(directory: Directory) -> None:
    for path in ("t/2.log", "t/1.log", "u/1.log"):
        directory.open_append(path).close()
    assert directory.names() == ["t", "u"]
    assert directory.names("t") == ["1.log", "2.log"]
    assert directory.names("missing") == []


def test_a_replaced_file_is_wholly_the_new_one(directory: Directory) -> None:
    directory.write_atomically("meta/state", b"old and long")
    directory.write_atomically("meta/state", b"new")
    assert directory.read("meta/state") == b"new"
    assert directory.names("meta") == ["state"]


def test_a_private_file_is_replaced_like_any_other(directory: Directory) -> None:
    directory.write_atomically("keys", b"old")
    directory.write_atomically("keys", b"new", private=True)
    assert directory.read("keys") == b"new"
    assert directory.names() == ["keys"]


def test_reading_what_is_not_there_is_an_error_and_removing_it_is_not(directory: Directory) -> None:
    with pytest.raises(FileNotFoundError):
        directory.read("missing")
    with pytest.raises(FileNotFoundError):
        directory.rename("missing", "x")
    directory.remove("missing")


def test_a_folder_moves_and_goes_with_all_that_is_in_it(directory: Directory) -> None:
    directory.write_atomically("t-0/1.log", b"x")
    directory.rename("t-0", "t-0.deleted")
    assert directory.read("t-0.deleted/1.log") == b"x"
    assert not directory.exists("t-0/1.log")
    directory.remove("t-0.deleted")
    assert not directory.exists("t-0.deleted/1.log")


@pytest.mark.parametrize("seed", range(20))
def test_a_crash_keeps_what_was_synced_and_a_beginning_of_the_rest(seed: int) -> None:
    disk = SimulatedDirectory()
    file = disk.open_append("a")
    disk.sync_names("")
    file.append([b"synced"])
    file.fsync()
    file.append([b"perhaps"])
    disk.crash(random.Random(seed))
    left = disk.open_append("a").read_at(0, 100)
    assert left.startswith(b"synced")
    assert b"syncedperhaps".startswith(left)


def test_a_crash_undoes_the_latest_names_in_order_unless_they_were_synced() -> None:
    left = set()
    for seed in range(40):
        disk = SimulatedDirectory()
        for name in ("a", "b"):
            disk.write_atomically(f"t/{name}", name.encode())
        disk.rename("t/a", "t/c")
        disk.sync_names("t")
        disk.remove("t/b")
        disk.rename("t/c", "t/d")
        disk.crash(random.Random(seed))
        left.add(tuple(f"{name}={disk.read(f't/{name}').decode()}" for name in disk.names("t")))
    assert left == {("b=b", "c=a"), ("c=a",), ("d=a",)}


def test_a_crash_may_take_a_new_file_whose_name_was_not_synced() -> None:
    left = set()
    for seed in range(20):
        disk = SimulatedDirectory()
        disk.open_append("t/a").fsync()
        disk.sync_names("t")
        disk.open_append("t/b").fsync()
        disk.crash(random.Random(seed))
        left.add(tuple(disk.names("t")))
    assert left == {("a",), ("a", "b")}


@pytest.mark.parametrize("changes", range(6))
def test_power_lost_while_a_file_is_replaced_leaves_the_old_or_the_new(changes: int) -> None:
    disk = SimulatedDirectory()
    disk.write_atomically("state", b"old")
    disk.changes_left = changes
    with suppress(PowerLost):
        disk.write_atomically("state", b"new")
    disk.crash(random.Random(3))
    assert disk.read("state") in ((b"old", b"new") if changes < 5 else (b"new",))
    assert set(disk.names()) <= {"state", "state" + SPARE_SUFFIX}
    disk.write_atomically("state", b"newer")
    assert disk.names() == ["state"]


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.write_atomically("state", b"old")
    if isinstance(directory, SimulatedDirectory):
        directory.room_bytes = 1
    else:
        monkeypatch.setattr(os, "fsync", _refuse)
    with pytest.raises(OSError, match="No space left"):
        directory.write_atomically("state", b"new")
    assert directory.read("state") == b"old"
    assert directory.names() == ["state"]


def _refuse(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_takes_what_fits_and_says_enospc() -> None:
    disk = SimulatedDirectory(room_bytes=5)
    file = disk.open_append("a")
    with pytest.raises(OSError, match="No space left") as caught:
        file.append([b"abc", b"defg"])
    assert caught.value.errno == errno.ENOSPC
    assert file.read_at(0, 10) == b"abcde"
    file.truncate(3)
    file.append([b"x"])
    assert file.read_at(0, 10) == b"abcx"


def test_space_is_the_volumes_and_the_usable_is_part_of_it(directory: Directory) -> None:
    file = directory.open_append("a")
    file.append([bytes(10_000)])
    space = directory.space()
    assert 0 <= space.usable_bytes <= space.total_bytes - 10_000
    file.close()


def test_what_is_written_on_a_bounded_disk_can_be_used_no_more() -> None:
    disk = SimulatedDirectory(room_bytes=1000)
    disk.open_append("a").append([bytes(300)])
    assert disk.space() == (1000, 700)
    disk.remove("a")
    assert disk.space() == (1000, 1000)
