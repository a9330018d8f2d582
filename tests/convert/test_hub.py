"""Exports to the Hugging Face hub: refused before any work where they cannot succeed; against a hub of our own otherwise."""

import base64
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from huggingface_hub import constants

from electra_pretrain import export_hf
from electra_pretrain.convert.card_code import Shows, code
from electra_pretrain.convert.hub import Hub
from electra_pretrain.convert.model_card import CardFacts, model_card
from electra_pretrain.core.errors import UserError
from electra_pretrain.records.manifest import load_manifest
from tests.conftest import MICRO

EXAMPLE = {"text": "[MASK] 맑다", "word": "오늘", "swapped": "", "count": 5, "digits": 2}


class FakeHub(BaseHTTPRequestHandler):
    """As much of the hub as an upload of small files asks for."""

    def do_GET(self):
        known = self.headers["authorization"] == "Bearer right"
        self.answer({"name": "owner", "type": "user"} if known else {"error": "Invalid credentials"}, 200 if known else 401)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/api/repos/create":
            self.server.created.append(json.loads(body))
            self.answer({"url": f"{self.server.url}/owner/{json.loads(body)['name']}"})
        elif "/preupload/" in self.path:
            names = [each["path"] for each in json.loads(body)["files"]]
            self.answer({"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]})
        elif "/commit/" in self.path:
            lines = [json.loads(line) for line in body.splitlines()]
            found = {
                line["value"]["path"]: base64.b64decode(line["value"]["content"]) for line in lines if line["key"] == "file"
            }
            self.server.commits[self.path.split("/commit/")[0].removeprefix("/api/models/")] = found
            self.answer({"commitUrl": f"{self.server.url}/owner/name/commit/1", "commitOid": "1", "pullRequestUrl": None})
        else:
            self.answer({"files": []})

    def answer(self, values, status=200):
        body = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def fake_hub(monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), FakeHub)
    server.created, server.commits = [], {}
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "right")
    yield server
    server.shutdown()
    server.server_close()


def test_folders_arrive(fake_hub, tmp_path):
    folders = []
    for kind in ("discriminator", "generator", "masked_lm"):
        folder = tmp_path / kind
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"kind": kind}))
        (folder / "README.md").write_text(f"# {kind}\n\n{code(Shows.FILLING, 'float32', **EXAMPLE)}")
        folders.append(str(folder))
    places = Hub("owner/name", str(tmp_path)).push(folders)
    names = ["owner/name-discriminator", "owner/name-generator", "owner/name"]
    assert places == [f"{fake_hub.url}/{name}" for name in names]
    assert list(fake_hub.commits) == names
    # As releases of the library ask for it, old ones and new ones.
    assert all(("private", True) in each.items() or ("visibility", "private") in each.items() for each in fake_hub.created)
    for name, kind in zip(names, ("discriminator", "generator", "masked_lm"), strict=True):
        assert json.loads(fake_hub.commits[name]["config.json"]) == {"kind": kind}
        card = fake_hub.commits[name]["README.md"].decode("utf-8")
        assert card.startswith(f"# {kind}\n") and f'model_id = "{name}"\n' in card and 'model_id = "."' not in card
        assert 'model_id = "."' in (tmp_path / kind / "README.md").read_text()


def test_what_cannot_succeed_is_refused_first(fake_hub, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="gs://bucket/out: must be a folder of this machine"):
        Hub("owner/name", "gs://bucket/out")
    with pytest.raises(UserError, match="a b/c: no name of a repository; give OWNER/NAME"):
        Hub("a b/c", str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", "wrong")
    with pytest.raises(UserError, match="--push_to_hub: the token: .*; mend this and run the same command again"):
        Hub("owner/name", str(tmp_path))
    assert fake_hub.created == []


def test_without_a_token_nothing_is_done(tmp_path):
    command = [sys.executable, "-m", "electra_pretrain.export_hf", "--model_dir", "no_run", "--output", str(tmp_path / "out")]
    environment = {"HF_HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9", "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    result = subprocess.run(
        [*command, "--push_to_hub", "owner/name"], env=environment, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("export_hf: error: --push_to_hub: no token; run: hf auth login")
    assert "no_run" not in result.stderr and not (tmp_path / "out").exists()


def test_nothing_is_pushed_unless_asked():
    assert export_hf.parse_args(["--model_dir", "run", "--output", "out"]).push_to_hub is None


def test_the_card_tells_how_the_text_was_cleaned(records):
    manifest = load_manifest(records).to_dict()
    facts = CardFacts(5, manifest, {}, None, None)
    steps = [{"command": "clean_corpus", "recipe": {"name": "kcelectra"}}, {"command": "dedup_corpus"}]
    told = model_card("masked_lm", MICRO, facts._replace(manifest={**manifest, "corpus_steps": steps}))
    assert "The text came about by `clean_corpus` (recipe kcelectra), then `dedup_corpus`." in told
    assert manifest["vocabulary"]["sha256"] in told
    untold = model_card("masked_lm", MICRO, facts._replace(manifest={**manifest, "corpus_steps": ()}))
    assert "## Cleaning" not in untold and 'license: "unknown"' in untold
