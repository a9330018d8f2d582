"""Files that belong together: all of the new, or all of the old; what lies between says that it is not whole."""

import errno
import os

import pytest

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.together import check_folder, staged, write_all

OLD = {"a/weights": b"old weights", "a/config.json": b"old config", "notes.txt": b"mine"}
NEW = {"a/config.json": b"new config", "a/weights": b"new weights", "b/config.json": b"b"}
LAST = [r"[^/]*/config\.json"]


class Killed(BaseException):
    """As `kill -9`: nothing is cleaned up after it."""


def fail_at(monkeypatch, names, number, error):
    """Let the n-th call of these functions of `files` raise `error` instead; of a killed process all later ones, too."""
    calls = 0

    def failing(name, function):
        def call(*arguments, **named):
            nonlocal calls
            if name == "open_raw" and "w" not in "".join(arguments[1:]):
                return function(*arguments, **named)
            calls += 1
            if calls == number or (calls > number and isinstance(error, Killed)):
                raise error
            return function(*arguments, **named)

        return call

    for name in names:
        monkeypatch.setattr(files, name, failing(name, getattr(files, name)))
    return lambda: calls


def contents(folder):
    found = {path[len(str(folder)) + 1 :]: files.read_bytes(path) for path in files.walk(str(folder))}
    return {name: content for name, content in found.items() if ".tmp-" not in name and not name.startswith(".")}


def export(folder, new, overwrite=False):
    with staged(str(folder), "export", LAST, overwrite) as staging:
        for name, content in new.items():
            files.make_parent(f"{staging}/{name}")
            files.write_bytes(f"{staging}/{name}", content)


def exported(folder):
    (folder / "notes.txt").write_bytes(OLD["notes.txt"])
    export(folder, {name: content for name, content in OLD.items() if "/" in name})
    return folder


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), Killed()], ids=["full", "killed"])
def test_several_files_are_new_or_old_wherever_it_ends(tmp_path, monkeypatch, error):
    paths = [str(tmp_path / name) for name in ("tokenizer.json", "vocab.txt.json", "vocab.txt")]
    number, ended = 0, True
    while ended:
        number += 1
        write_all(dict.fromkeys(paths, b"old"))
        with monkeypatch.context() as patch:
            fail_at(patch, ["open_raw", "replace", "remove"], number, error)
            try:
                write_all(dict.fromkeys(paths, b"new"))
                ended = False
            except (UserError, Killed):
                pass
        there = {os.path.basename(path): files.read_bytes(path) for path in paths if os.path.exists(path)}
        if "vocab.txt" in there:  # the commit
            assert len(set(there.values())) == 1 and len(there) == 3, (number, there)
        if isinstance(error, OSError) and number <= 3:  # the disk was full while they were written
            assert set(there.values()) == {b"old"} and len(os.listdir(tmp_path)) == 3
        write_all(dict.fromkeys(paths, b"new"))
        for name in os.listdir(tmp_path):
            if ".tmp-" in name:
                os.remove(tmp_path / name)
    assert number > 6


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), Killed()], ids=["full", "killed"])
def test_an_export_is_new_or_old_or_has_no_config(tmp_path, monkeypatch, error):
    """And the same command, run again, ends it; what is the user's stays."""
    number, ended = 0, True
    while ended:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        exported(folder)
        with monkeypatch.context() as patch:
            fail_at(patch, ["open_raw", "replace", "remove"], number, error)
            try:
                export(folder, NEW)
                ended = False
            except (OSError, UserError, Killed):
                pass
        found = contents(folder)
        assert found["notes.txt"] == b"mine"
        if "a/config.json" in found:
            weights = b"old weights" if found["a/config.json"] == b"old config" else b"new weights"
            assert found["a/weights"] == weights, number
        check_folder("--output", str(folder), "export", r"[ab]/.*")
        export(folder, NEW)
        assert contents(folder) == {**NEW, "notes.txt": b"mine"}
        assert not [name for name in os.listdir(folder) if ".tmp-" in name]
    assert number > 8


def test_what_the_command_did_not_make_is_not_replaced(tmp_path):
    exported(tmp_path)
    export(tmp_path, NEW)  # again, and other weights: no need to ask
    (tmp_path / "a" / "weights").write_bytes(b"fine-tuned since")
    for attempt in (lambda: check_folder("--output", str(tmp_path), "export", "a/.*"), lambda: export(tmp_path, NEW)):
        with pytest.raises(UserError, match=r"a/weights: a file of 16 bytes lies there .* --overwrite$"):
            attempt()
    assert (tmp_path / "a" / "weights").read_bytes() == b"fine-tuned since"
    check_folder("--output", str(tmp_path), "export", "b/.*")
    check_folder("--output", str(tmp_path), "export", "a/.*", overwrite=True)
    export(tmp_path, NEW, overwrite=True)
    assert contents(tmp_path)["a/weights"] == b"new weights"


def test_a_folder_of_others_is_not_ours_by_its_names(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.json").write_text("{}")
    (tmp_path / ".export.json").write_text('{"a/config.json": 3, "b": ["x"]}')  # nothing that we wrote
    with pytest.raises(UserError, match="--output .*a/config.json: a file of 2 bytes"):
        check_folder("--output", str(tmp_path), "export", "a/.*")
    with pytest.raises(UserError, match="a/config.json"):
        export(tmp_path, NEW)
    assert contents(tmp_path) == {"a/config.json": b"{}"}


def test_a_failure_leaves_nothing_behind(tmp_path):
    with pytest.raises(UserError), staged(str(tmp_path / "new"), "export", LAST) as staging:
        files.write_bytes(f"{staging}/a", b"half")
        raise UserError("a weight is not a number")
    assert os.listdir(tmp_path) == []
