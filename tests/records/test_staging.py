"""Records copied to a bucket: byte for byte, side by side, nothing twice, the manifest last; killed and run again.

The bucket is an emulator that speaks HTTP, behind a proxy that may hold requests up.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from electra_pretrain.records import bucket
from tests.conftest import ROOT
from tests.support.staging import BIG, FILES, SHARDS, URL, assert_arrived, assert_fails, error, names, run, write_records
from tests.support.storage_emulator import BUCKET


@pytest.mark.parametrize("root", [f"gs://{BUCKET}", f"gs://{BUCKET}/"])
def test_real_records_arrive_byte_for_byte_at_a_buckets_root(proxy, records, capfd, root):
    code, out, lines = run(capfd, records, root)
    assert code == 0 and lines == []
    files = {path.name: path.read_bytes() for path in Path(records).iterdir()}
    assert {name: proxy.content(name) for name in proxy.objects()} == files
    megabytes = sum(map(len, files.values())) / 1e6
    assert out.startswith(f"{root}: {len(files)} files; {len(files)} uploaded, 0 already there; {megabytes:,.1f} MB in ")


def test_a_big_shard_goes_in_chunks_and_the_manifest_goes_last(proxy, folder, capfd):
    def slow_shard(request, answer):
        if request.is_chunk:
            time.sleep(0.2)
        return answer

    proxy.touch = slow_shard
    assert run(capfd, folder, URL)[0] == 0
    assert_arrived(proxy, folder)
    assert sum(request.is_chunk for request in proxy.seen) == 2
    assert proxy.seen[-1].starts_upload_of == "manifest.json"
    assert sorted(proxy.uploaded) == sorted(FILES)


def test_a_second_run_sends_nothing(proxy, folder, capfd):
    run(capfd, folder, URL)
    before = proxy.objects()
    proxy.reset()
    code, out, _ = run(capfd, folder, f"{URL}/")
    assert code == 0 and f"{len(FILES)} files; 0 uploaded, {len(FILES)} already there; 0.0 MB in " in out
    assert [request.method for request in proxy.seen] == ["GET"]
    assert proxy.objects() == before


def test_files_are_sent_side_by_side(proxy, folder, capfd):
    together = threading.Barrier(3)

    def wait_for_the_others(request):
        if request.starts_upload_of in SHARDS[2:]:
            try:
                together.wait(5)
            except threading.BrokenBarrierError:
                return error(403)
        return None

    proxy.spoil = wait_for_the_others
    assert run(capfd, folder, URL, "--workers", 3)[0] == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_killed_midway_and_run_again(proxy, folder, capfd, how):
    """Amid a shard, with the network stuck, the process ends at once; the next one sends just what is missing."""
    hanging, release = threading.Event(), threading.Event()

    def hang_from_second_chunk(request):
        if hanging.is_set() or request.headers.get("content-range", "").startswith(f"bytes {bucket.CHUNK_BYTES}-"):
            hanging.set()
            release.wait(30)
            return error(503)
        return None

    proxy.spoil = hang_from_second_chunk
    command = [sys.executable, "-m", "electra_pretrain.stage", folder, URL, "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert hanging.wait(30)
        started = time.monotonic()
        process.send_signal(how)
        err = process.communicate(timeout=20)[1]
    finally:
        process.kill()  # or it would upload amid the tests that follow
    assert time.monotonic() - started < 5
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    if how == signal.SIGINT:
        assert err.splitlines()[-1] == "stage: interrupted; run the same command again" and "Traceback" not in err
    release.set()
    arrived = names(proxy)
    assert arrived and not arrived & {BIG, "manifest.json"}
    proxy.reset()
    assert run(capfd, folder, URL)[0] == 0
    assert_arrived(proxy, folder)
    assert set(proxy.uploaded) == FILES - arrived


def test_where_only_the_manifest_is_missing_only_it_is_sent(proxy, folder, capfd):
    run(capfd, folder, URL)
    proxy.delete("ko/data/manifest.json")
    proxy.reset()
    assert run(capfd, folder, URL)[0] == 0
    assert proxy.uploaded == ["manifest.json"]


def test_a_shard_that_differs_in_the_bucket_is_sent_again_alone(proxy, folder, capfd):
    """Without --overwrite: the manifest is the same. It leaves the bucket until the shard is whole again."""
    run(capfd, folder, URL)
    content = (folder / SHARDS[2]).read_bytes()
    proxy.put(f"ko/data/{SHARDS[2]}", content[:-1] + bytes([content[-1] ^ 1]))
    proxy.reset()
    code, out, _ = run(capfd, folder, URL)
    assert code == 0 and "2 uploaded, 5 already there" in out
    assert [request.method for request in proxy.seen] == ["GET", "DELETE", "POST", "POST"]
    assert "manifest.json" in proxy.seen[1].path
    assert proxy.uploaded == [SHARDS[2], "manifest.json"]
    assert_arrived(proxy, folder)


@pytest.mark.parametrize("name", [SHARDS[2], "vocab.txt"])
def test_a_file_that_is_not_the_manifests_is_not_sent(proxy, folder, capfd, name):
    """Of the same size, so that only its hash tells."""
    content = bytearray((folder / name).read_bytes())
    content[5] ^= 1
    (folder / name).write_bytes(content)
    assert_fails(run(capfd, folder, URL), f"{folder / name}: damaged or changed", "rebuild the data")
    assert proxy.objects() == {}


def test_what_no_manifest_tells_of_is_replaced_only_when_told(proxy, folder, tmp_path, capfd):
    run(capfd, write_records(tmp_path / "other", seed=1), URL)
    proxy.delete("ko/data/manifest.json")
    before = proxy.objects()
    assert_fails(run(capfd, folder, URL), f"{URL}: holds another ", "of which no manifest.json tells", "--overwrite")
    assert proxy.objects() == before
    assert run(capfd, folder, URL, "--overwrite")[0] == 0


def test_other_records_are_replaced_only_when_told(proxy, folder, tmp_path, capfd):
    run(capfd, folder, URL)
    other = write_records(tmp_path / "other", seed=1)
    before = proxy.objects()
    proxy.reset()
    assert_fails(run(capfd, other, URL), f"{URL}: holds other records", "--overwrite")
    assert proxy.objects() == before and {request.method for request in proxy.seen} == {"GET"}
    proxy.reset()
    assert run(capfd, other, URL, "--overwrite")[0] == 0
    assert [request.method for request in proxy.seen[:2]] == ["GET", "DELETE"]
    assert proxy.uploaded == [SHARDS[0], "manifest.json"]
    assert_arrived(proxy, other)


def test_what_is_none_of_the_records_is_left_alone(proxy, folder, capfd):
    (folder / "notes.txt").write_text("mine")
    proxy.put("ko/data/old.tfrecord", b"old")
    proxy.put("ko/data/", b"marks a folder")
    proxy.put("ko/data/deeper/file", b"x")
    code, out, lines = run(capfd, folder, URL)
    assert code == 0 and f"{len(FILES)} files; {len(FILES)} uploaded" in out
    assert lines == [f"stage: left alone, none of these records: {folder / 'notes.txt'}, {URL}/old.tfrecord"]
    assert proxy.content("ko/data/old.tfrecord") == b"old" and "ko/data/notes.txt" not in proxy.objects()


def test_a_folder_that_is_not_whole_is_refused_before_anything_is_sent(proxy, folder, capfd, tmp_path):
    shard = folder / SHARDS[0]
    content = shard.read_bytes()
    shard.write_bytes(content[:-1])
    assert_fails(run(capfd, folder, URL), f"{shard}: truncated")
    shard.unlink()
    assert_fails(run(capfd, folder, URL), f"{shard}: missing")
    shard.write_bytes(content)
    shutil.move(folder / "vocab.txt", tmp_path / "vocab.txt")
    assert_fails(run(capfd, folder, URL), f"{folder / 'vocab.txt'}: missing")
    shutil.move(tmp_path / "vocab.txt", folder / "vocab.txt")
    os.remove(folder / "manifest.json")
    assert_fails(run(capfd, folder, URL), f"{folder / 'manifest.json'}: no such file", "run build_data")
    assert_fails(run(capfd, "gs://records/data", URL), "must be a local folder")
    assert proxy.seen == []


def test_bad_numbers(folder, capfd):
    assert_fails(run(capfd, folder, URL, "--workers", 0), "--workers 0: must be at least 1")
