"""Files of this machine that are none, and reading that fails: told by name."""

import glob
import os

import pytest

from electra_pretrain.core import files, local_files
from electra_pretrain.core.errors import UserError


def test_what_is_no_file_is_refused_at_once(tmp_path):
    """A pipe into which nobody writes would be waited for; a device may never end."""
    pipe, device = tmp_path / "pipe.txt", tmp_path / "device.txt"
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    for path in (pipe, device):
        with pytest.raises(UserError, match=rf"{path}: is a device or a pipe"):
            files.read_bytes(str(path))


@pytest.mark.parametrize("read", [lambda file: file.read(), lambda file: file.read(3), lambda file: list(file)])
def test_reading_that_fails_names_the_file(tmp_path, read):
    path = tmp_path / "broken.txt"
    path.symlink_to("/proc/self/mem")  # opens, and holds nothing at its beginning
    with files.open_raw(str(path)) as file, pytest.raises(OSError, match="broken.txt"):
        read(file)


def made(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


@pytest.mark.parametrize(
    "pattern",
    ["**", "**/", "a/**", "a/**/*.txt", "**/*.txt", "**/b/*", "**/b/**", "*/**/*.txt", "**/**/d.txt", "*.txt", "a**"],
)
@pytest.mark.parametrize("where", ["", "{}/", "./"])
def test_globs_name_what_those_of_python_name(tmp_path, monkeypatch, pattern, where):
    monkeypatch.chdir(
        made(tmp_path, ["a/b/c.txt", "a/b/d.txt", "a/[x]/e.txt", "f.txt", ".hidden/g.txt", "a/.h.txt", "b/d.txt"])
    )
    pattern = where.format(tmp_path) + pattern
    assert sorted(local_files.glob(pattern)) == sorted(dict.fromkeys(glob.glob(pattern, recursive=True)))


def test_a_glob_goes_round_in_no_circle(tmp_path):
    """Two links that lead back, and Python's own would not end in a lifetime."""
    made(tmp_path, ["z.txt", "sub/b.txt"])
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "sub/up").symlink_to("..")
    (tmp_path / "sub/self").symlink_to("self")
    assert sorted(local_files.glob(f"{tmp_path}/**/*.txt")) == [f"{tmp_path}/sub/b.txt", f"{tmp_path}/z.txt"]
    assert sorted(local_files.walk(str(tmp_path))) == [f"{tmp_path}/{name}" for name in ("sub/b.txt", "sub/self", "z.txt")]
