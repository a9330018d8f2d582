"""Reading from the Hugging Face Hub, against a stand-in of it: what is read, how often it is asked, each refusal's line."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import time

import huggingface_hub
import pytest
from huggingface_hub import constants

from electra_pretrain.core import files, hub, hub_requests, optional
from electra_pretrain.core.errors import Unavailable, UserError
from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus.finding import find_corpus
from electra_pretrain.corpus.reader import Corpus
from tests.conftest import ROOT
from tests.support import hub_stand_in
from tests.support.hub_stand_in import STRANGER, TOKEN, Answer

LINES = "".join(
    json.dumps({"text": f"{number}번째 문장이다.\n둘째 줄이다."}, ensure_ascii=False) + "\n" for number in range(500)
).encode()
SMALL = '{"text": "작은 파일"}\n'.encode()
CONTENT = {
    "README.md": "# n",
    ".gitattributes": "x",
    "data/.hidden.jsonl": SMALL,
    "data/corpus.json": "{}",
    **{f"data/part-{number}.jsonl": LINES + SMALL * number for number in range(4)},
    "data/small.jsonl": SMALL,
    "data/deep/a[1].txt": "글",
    "data/deep/er/part.jsonl.gz": gzip.compress(LINES),
}


@pytest.fixture
def server(monkeypatch, tmp_path):
    with hub_stand_in.running() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setattr(time, "sleep", lambda seconds: None)
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield server
    hub._system_at.cache_clear()  # the next one may come to listen on the same port
    hub._commit.cache_clear()


@pytest.fixture
def commit(server):
    """The newest commit of a repository with CONTENT, which lies at datasets/o/n."""
    return server.repository("datasets/o/n").commit(CONTENT)


def read(path):
    with files.open_raw(path) as file:
        return file.read()


@pytest.mark.parametrize(
    "pattern, names",
    [
        ("data/small.jsonl", ["data/small.jsonl"]),
        ("data/*.jsonl", [*(f"data/part-{number}.jsonl" for number in range(4)), "data/small.jsonl"]),
        ("data/part-[12].jsonl", ["data/part-1.jsonl", "data/part-2.jsonl"]),
        ("data/*", [*(f"data/part-{number}.jsonl" for number in range(4)), "data/small.jsonl"]),
        ("data/**/part*.gz", ["data/deep/er/part.jsonl.gz"]),
        ("data/deep/a[1].txt", ["data/deep/a[1].txt"]),
        ("data/**/er/*", ["data/deep/er/part.jsonl.gz"]),
        ("data/.h*", ["data/.hidden.jsonl"]),
        ("data/corpus.json", ["data/corpus.json"]),
    ],
)
def test_globs_name_what_they_name_on_a_disk(commit, tmp_path, monkeypatch, pattern, names):
    assert find_corpus(f"hf://datasets/o/n/{pattern}") == [f"hf://datasets/o/n@{commit}/{name}" for name in names]
    for name, content in CONTENT.items():
        os.makedirs((tmp_path / name).parent, exist_ok=True)
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.chdir(tmp_path)
    assert find_corpus(pattern) == names


def test_a_folder_means_the_files_in_it_that_are_text(commit, tmp_path, monkeypatch):
    found = find_corpus("hf://datasets/o/n/data")
    for name, content in CONTENT.items():
        os.makedirs((tmp_path / name).parent, exist_ok=True)
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.chdir(tmp_path)
    assert [path.removeprefix(f"hf://datasets/o/n@{commit}/") for path in found] == find_corpus("data")
    assert len(found) > 5


def test_local_files_and_several_repositories_are_mixed(server, commit, tmp_path):
    other = server.repository("models/o/m").commit({"vocab.txt": "[PAD]"})
    local = tmp_path / "a.txt"
    local.write_text("글")
    found = find_corpus(f"hf://o/m/vocab.txt, {local},hf://datasets/o/n/data/s*")
    assert found == [f"hf://o/m@{other}/vocab.txt", str(local), f"hf://datasets/o/n@{commit}/data/small.jsonl"]


def test_a_file_is_what_it_is_on_a_disk(commit):
    folder = "hf://datasets/o/n"
    path = f"{folder}/data/part-1.jsonl"
    content = CONTENT["data/part-1.jsonl"]
    assert files.exists(path) and not files.is_dir(path) and files.is_dir(f"{folder}/data") and files.is_dir(folder)
    assert not files.exists(f"{folder}/data/none") and not files.is_dir(f"{folder}/data/none")
    assert not files.exists(f"{folder}/none/none")
    assert files.sizes([path, f"{folder}/data/none"]) == [len(content), None]
    assert files.list_dir(f"{folder}/data") == sorted({name.split("/")[1] for name in CONTENT if name.startswith("data/")})
    assert read(path) == content
    assert read(f"{folder}/data/small.jsonl") == SMALL


def test_a_file_may_be_sought_in(commit, monkeypatch):
    monkeypatch.setattr(hub, "_BLOCK_BYTES", 1000)  # many requests, each for a part
    content = io.BytesIO(LINES)
    with files.open_raw("hf://datasets/o/n/data/part-0.jsonl") as file:
        assert file.readable() and file.seekable() and not file.writable()
        for offset, whence, length in [(0, 0, 10), (5000, 0, 3000), (-7, 2, 100), (-50, 1, 20), (300, 1, 5), (0, 0, 2500)]:
            assert file.seek(offset, whence) == content.seek(offset, whence)
            assert file.read(length) == content.read(length)
            assert file.tell() == content.tell()
        assert file.seek(10, 2) == len(LINES) + 10 and file.read(1) == b""
        file.seek(0)
        assert list(file) == LINES.splitlines(keepends=True)


def test_a_whole_file_takes_one_request_a_block(server, commit, monkeypatch):
    monkeypatch.setattr(hub, "_BLOCK_BYTES", 10_000)
    for whole in (lambda file: file.read(), lambda file: b"".join(iter(lambda: file.read(64), b""))):
        server.seen.clear()
        with files.open_raw("hf://datasets/o/n/data/part-0.jsonl") as file:
            assert whole(file) == LINES
        assert sum("/resolve/" in request.path for request in server.seen) == -(-len(LINES) // 10_000) > 2


def test_tables_and_compressed_files_are_read_to_the_same_documents(server, commit, tmp_path):
    table = pytest.importorskip("pyarrow").table({"text": [json.loads(line)["text"] for line in LINES.splitlines()]})
    path = tmp_path / "t.parquet"
    pytest.importorskip("pyarrow.parquet").write_table(table, path, row_group_size=100)
    server.repository("datasets/o/t").commit({"t.parquet": path.read_bytes()})
    (tmp_path / "lines.jsonl").write_bytes(LINES)
    wanted = list(Corpus([str(tmp_path / "lines.jsonl")]).documents())
    assert len(wanted) == 500
    for remote in ("hf://datasets/o/t/*.parquet", "hf://datasets/o/n/data/deep/er/*.gz"):
        assert list(Corpus(find_corpus(remote)).documents()) == wanted


def test_the_hub_tells_the_checksum_of_what_it_keeps_apart_from_git(server, commit, monkeypatch):
    paths = find_corpus("hf://datasets/o/n/data/*.jsonl")
    with Progress("check", 1e6, "MB") as progress:
        counted = []
        monkeypatch.setattr(progress, "update", counted.append)
        for path in paths:
            name = path.partition(f"{commit}/")[2]
            assert files.sha256(path, progress) == hashlib.sha256(CONTENT[name]).hexdigest()
    assert sum(counted) == pytest.approx(sum(map(files.size, paths)) / 1e6)
    assert [request.path.rpartition("/")[2] for request in server.downloads] == ["small.jsonl"]


def test_what_is_uploaded_later_is_not_read(server, commit):
    (path,) = find_corpus("hf://datasets/o/n/data/part-0.jsonl")
    newer = server.repository("datasets/o/n").commit({"data/part-0.jsonl": "other"})
    server.repository("datasets/o/n").commit({"data/x.jsonl": "side"}, branch="side/way")
    server.repository("datasets/o/n").commit({"x.parquet": "made"}, branch="refs/convert/parquet")
    assert newer != commit and read(path) == LINES
    assert find_corpus("hf://datasets/o/n/data/part-0.jsonl") == [path]  # the command began before
    assert files.pinned(path) == path and files.pinned("here.txt") == "here.txt"
    assert files.pinned("hf://datasets/o/n@main/README.md") == f"hf://datasets/o/n@{commit}/README.md"
    side, made = (server.repository("datasets/o/n").names[name] for name in ("side/way", "refs/convert/parquet"))
    assert files.pinned("hf://datasets/o/n@side%2Fway/data/x.jsonl") == f"hf://datasets/o/n@{side}/data/x.jsonl"
    assert find_corpus("hf://datasets/o/n@refs/convert/parquet/*") == [f"hf://datasets/o/n@{made}/x.parquet"]


def test_a_repository_is_asked_once_which_commit_it_is_at(server, commit):
    for name in ("small", "part-0", "part-1"):
        find_corpus(f"hf://datasets/o/n/data/{name}.jsonl")
    asked = [request.path for request in server.seen if "/tree/" not in request.path and "/datasets/" in request.path]
    assert len(asked) == len(set(asked)) == 3
    listed = [request.path for request in server.seen if "/tree/" in request.path]
    assert len(listed) == len(set(listed)) == 3  # pages of the one folder


def spoil(server, *answers, where):
    """Give these answers, one after the other, to requests whose path has `where` in it; the right ones after them."""
    left = list(answers)
    server.spoil = lambda request: left.pop(0) if left and where in request.path else None
    return left


BUSY = [Answer(503), Answer(500), Answer(429, headers={"Retry-After": "1"})]


@pytest.mark.parametrize("where", ["/api/datasets/o/n", "/tree/", "/resolve/", "/blob-store/"])
@pytest.mark.parametrize("answer", [*BUSY, "cut"], ids=["503", "500", "429", "cut"])
def test_a_busy_hub_and_a_broken_connection_are_borne(server, commit, monkeypatch, where, answer):
    monkeypatch.setattr(hub, "_BLOCK_BYTES", 10_000)
    left = spoil(server, answer, answer, where=where)
    (path,) = find_corpus("hf://datasets/o/n/data/part-3.jsonl")
    assert read(path) == CONTENT["data/part-3.jsonl"]
    assert left == []


def test_a_connection_that_breaks_in_the_middle_goes_on_from_there(server, commit, monkeypatch):
    monkeypatch.setattr(hub, "_BLOCK_BYTES", 10_000)
    with files.open_raw("hf://datasets/o/n/data/part-0.jsonl") as file:
        first = file.read(15_000)
        left = spoil(server, "cut", Answer(502), "cut", where="/blob-store/")
        server.seen.clear()
        assert first + file.read() == LINES
    assert left == []
    assert {int(request.headers["range"][6:].partition("-")[0]) for request in server.downloads} == {
        *range(20_000, len(LINES), 10_000)
    }


def test_a_mirror_that_takes_no_ranges_is_never_misread(server, commit, monkeypatch):
    monkeypatch.setattr(hub, "_BLOCK_BYTES", 10_000)
    server.spoil = lambda request: Answer(200, LINES) if "/resolve/" in request.path else None
    with pytest.raises(Unavailable, match=rf"o/n/data/part-0.jsonl: no answer .*10000 bytes .*, {len(LINES)} came"):
        read("hf://datasets/o/n/data/part-0.jsonl")


def test_a_hub_that_is_silent_or_away_is_no_mistake_of_the_users(server, commit, monkeypatch):
    (path,) = find_corpus("hf://datasets/o/n/data/deep/er/part.jsonl.gz")
    server.spoil = lambda request: Answer(503)
    documents = Corpus([path]).documents()
    with pytest.raises(Unavailable, match="er/part.jsonl.gz: no answer from the Hub .*503.*; check the network, then run the"):
        list(documents)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="^hf://datasets/o/n/x: no answer from the Hub .*refused.*; check the network"):
        find_corpus("hf://datasets/o/n/x")


def test_waiting_grows_and_ends(monkeypatch):
    waited = []
    monkeypatch.setattr(time, "sleep", waited.append)

    def request():
        raise ConnectionError("cut")

    with pytest.raises(Unavailable):
        hub_requests.asked("hf://x", request)
    assert waited == [1, 2, 4]


LOG_IN = "log in (hf auth login) or set HF_TOKEN"


@pytest.mark.parametrize(
    "path, line",
    [
        ("hf://datasets/o/none/x", f"no such repository on the Hub, or a private one; .*{LOG_IN}"),
        ("hf://o/n/x", "no such repository on the Hub, or a private one; .*a data set's begins with hf://datasets/"),
        ("hf://datasets/o/n@none/x", "the repository has no such revision; name a branch, a tag or a commit behind the @"),
        ("hf://datasets/o/n/none.txt", "no such file; check the path or the glob"),
        ("hf://datasets/o/n/none/*.txt", "no such file; check the path or the glob"),
        ("hf://datasets/o", "no path on the Hub; give hf://datasets/OWNER/NAME/PATH"),
        ("hf://", "no path on the Hub; give hf://datasets/OWNER/NAME/PATH"),
        ("hf://datasets/o o/n/x", "no path on the Hub; give hf://datasets/OWNER/NAME/PATH"),
    ],
)
def test_each_wrong_path_has_its_line(commit, path, line):
    with pytest.raises(UserError) as error:
        find_corpus(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)
    assert all(part in str(error.value) for part in line.split(".*"))


@pytest.mark.parametrize(
    "access, token, line",
    [
        ("private", "", "no such repository on the Hub, or a private one"),
        ("private", STRANGER, "no such repository on the Hub, or a private one"),
        ("private", TOKEN, None),
        ("gated", "", f"gated; agree to the terms on the repository's page, then {LOG_IN} for the account that agreed"),
        ("gated", STRANGER, f"gated; agree to the terms on the repository's page, then {LOG_IN} for the account that agreed"),
        ("gated", TOKEN, None),
        ("open", "hf_stale", f"the Hub does not know this token; {LOG_IN} anew"),
        ("open", TOKEN, None),
    ],
)
def test_the_token_decides(server, monkeypatch, access, token, line):
    commit = server.repository("datasets/o/n", access).commit(CONTENT)
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    if line is None:
        (path,) = find_corpus("hf://datasets/o/n/data/part-0.jsonl")
        assert path.startswith(f"hf://datasets/o/n@{commit}") and read(path) == LINES
        return
    with pytest.raises(UserError) as error:
        find_corpus("hf://datasets/o/n/data/*.jsonl")
    assert str(error.value).startswith("hf://datasets/o/n") and line in str(error.value) and "\n" not in str(error.value)
    assert server.downloads == [] and not isinstance(error.value, Unavailable)


def test_a_right_that_is_lost_half_way_has_its_line_too(server, commit):
    (path,) = find_corpus("hf://datasets/o/n/data/part-0.jsonl")
    for answer, line in [
        (Answer(403, b"", {"X-Error-Message": "Access denied"}), "this token may not read it (403 Forbidden: Access denied.)"),
        (Answer(404, b"", {"X-Error-Code": "EntryNotFound"}), "no such file in the repository"),
        (Answer(451, b"no"), "the Hub refuses (Client error '451"),
    ]:
        spoil(server, answer, where="/resolve/")
        with pytest.raises(UserError) as error:
            read(path)
        assert f"{path}: {line}" in str(error.value) and "\n" not in str(error.value)


def test_what_is_not_the_hub_and_a_forbidden_network_have_theirs(server, commit, monkeypatch):
    server.spoil = lambda request: Answer(200, b"<html>log in to the hotel's network</html>")
    with pytest.raises(UserError, match="n/x: what answers is not the Hub; check HF_ENDPOINT and the network's proxy"):
        find_corpus("hf://datasets/o/n/x")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="n/y: HF_HUB_OFFLINE forbids requests; unset it, or name files of this machine"):
        find_corpus("hf://datasets/o/n/y")


def test_files_that_are_not_there_are_not_opened(commit):
    for name, line in [("none", "no such file in the repository"), ("data", "is a folder; name its files")]:
        with pytest.raises(UserError, match=f"^hf://datasets/o/n/{name}: {line}"):
            files.open_raw(f"hf://datasets/o/n/{name}")
    with pytest.raises(UserError, match="no such file in the repository"):
        files.list_dir("hf://datasets/o/n/none")
    with pytest.raises(UserError, match="^hf://datasets/o/none/x: no such repository on the Hub"):
        files.exists("hf://datasets/o/none/x")  # to which "no" would be half the answer


@pytest.mark.parametrize(
    "write",
    [
        lambda path: files.open_raw(path, "wb"),
        lambda path: files.write_text(path, "글"),
        files.make_dirs,
        files.remove,
        lambda path: files.replace("here.txt", path),
    ],
)
def test_nothing_is_written(server, write):
    with pytest.raises(UserError, match="^hf://datasets/o/n/x.*: nothing is written to the Hub; .*hf upload OWNER/NAME FOLDER"):
        write("hf://datasets/o/n/x")
    assert server.seen == []


def test_without_the_library_a_line_says_what_to_install(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(optional.importlib, "import_module", absent)
    with pytest.raises(UserError) as error:
        find_corpus("hf://datasets/o/n/x")
    needs = "needs huggingface_hub, which is not installed; run: pip install 'electra_pretrain[hub]'"
    assert str(error.value) == f"hf://datasets/o/n/x: {needs}"


def command(server, *words, **environment):
    """Run a command as a user does, the stand-in in the Hub's place."""
    given = {"HF_ENDPOINT": server.url, "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}
    whole = [sys.executable, "-m", *words]
    return subprocess.run(whole, env=given, capture_output=True, text=True, timeout=120)


def test_a_command_reads_the_same_from_the_hub_as_from_a_disk(tmp_path):
    local = tmp_path / "local"
    local.mkdir()
    for number in range(3):
        (local / f"part-{number}.jsonl").write_bytes(LINES + str(number).encode().join([b'{"text": "', b'"}\n']))
    with hub_stand_in.running() as server:
        commit = server.repository("datasets/o/n", "private").commit(
            {f"d/{path.name}": path.read_bytes() for path in local.iterdir()}
        )
        written = {}
        for name, corpus in (("disk", f"{local}/*.jsonl"), ("hub", "hf://datasets/o/n/d/*.jsonl")):
            output = tmp_path / name
            words = ["electra_pretrain.dedup_corpus", "--corpus", corpus, "--output", str(output), "--by", "line"]
            done = command(server, *words, HF_TOKEN=TOKEN, HF_HOME=str(tmp_path))
            assert done.returncode == 0, done.stderr
            written[name] = {path.name: path.read_bytes() for path in output.glob("part-*")}
        refused = command(server, *words[:3], "--by", "line", "--output", str(tmp_path / "refused"), HF_HOME=str(tmp_path))
    assert written["hub"] == written["disk"] != {}
    sources = json.loads((tmp_path / "hub" / "corpus.json").read_text())["steps"][-1]["sources"]
    assert [source["path"] for source in sources] == [
        f"hf://datasets/o/n@{commit}/d/part-{number}.jsonl" for number in range(3)
    ]
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert line.startswith("dedup_corpus: error: hf://datasets/o/n/d/*.jsonl: no such repository on the Hub, or a private one")


def test_tensorflow_is_not_needed(tmp_path):
    with hub_stand_in.running() as server:
        server.repository("datasets/o/n").commit(CONTENT)
        code = (
            "import sys; from electra_pretrain.core import files; from electra_pretrain.corpus.finding import find_corpus; "
            "paths = find_corpus('hf://datasets/o/n/data/*.jsonl'); files.sizes(paths); files.read_bytes(paths[0]); "
            "print(len(paths), 'tensorflow' in sys.modules)"
        )
        given = {"HF_ENDPOINT": server.url, "PYTHONPATH": str(ROOT), "HF_HOME": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, timeout=120)
    assert done.stdout == "5 False\n", done.stderr
    assert huggingface_hub.__version__ >= "1"
