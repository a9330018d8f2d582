"""Records on their way to a bucket, corrupted, refused or cut off: sent again where that helps, else one clear line.

The bucket is an emulator that speaks HTTP, behind a proxy that spoils requests.
"""

import base64
import json
import sys
import threading
import time

import google_crc32c
import pytest

from electra_pretrain.core import buckets
from electra_pretrain.records import bucket
from tests.support.staging import BIG, SHARDS, URL, assert_arrived, assert_fails, error, names, run, write_records
from tests.support.storage_emulator import BUCKET


def spoil_first(count, answer, applies):
    """Gives `answer` to the first `count` requests for which `applies` is true."""
    left, lock = [count], threading.Lock()

    def spoil(request):
        with lock:
            if left[0] and applies(request):
                left[0] -= 1
                return answer
        return None

    return spoil


def carries(request, name):
    """Whether a request carries content of this file."""
    return request.is_chunk if name == BIG else request.starts_upload_of == name


def flip(request):
    """Change a bit of the content, as broken memory would."""
    place = -100
    request.body = request.body[:place] + bytes([request.body[place] ^ 1]) + request.body[place + 1 :]


def test_after_a_failure_nothing_more_is_sent(proxy, folder, capfd):
    """Not even the rest of a file that another thread was sending."""
    amid, failed = threading.Event(), threading.Event()

    def refuse_one_amid_the_other(request):
        if request.is_chunk:
            amid.set()
            failed.wait(10)
        if request.starts_upload_of == SHARDS[3]:
            amid.wait(10)
            return error(403)
        return None

    proxy.spoil = refuse_one_amid_the_other
    assert_fails(run(capfd, folder, URL), "no permission")
    failed.set()
    time.sleep(0.5)
    assert sum(request.is_chunk for request in proxy.seen) == 1


@pytest.mark.parametrize("name", [SHARDS[3], BIG])
def test_corrupted_once_is_sent_again(proxy, folder, capfd, name):
    spoiled = []

    def corrupt_once(request):
        if not spoiled and carries(request, name):
            spoiled.append(request)
            flip(request)

    proxy.spoil = corrupt_once
    assert run(capfd, folder, URL)[0] == 0
    assert proxy.uploaded.count(name) == 2
    assert_arrived(proxy, folder)


@pytest.mark.parametrize("name", [SHARDS[3], BIG])
def test_corrupted_every_time_is_an_error_and_there_is_no_manifest(proxy, folder, capfd, name):
    def corrupt(request):
        if carries(request, name):
            flip(request)

    proxy.spoil = corrupt
    assert_fails(run(capfd, folder, URL), f"{folder / name}: sent {bucket.ATTEMPTS} times", "CRC32C")
    assert proxy.uploaded.count(name) == bucket.ATTEMPTS
    assert "manifest.json" not in proxy.uploaded


def test_the_crc_that_the_bucket_reports_is_compared(proxy, folder, capfd):
    """Damage behind the service's own check: only its description of the object tells."""

    def report_another(request, answer):
        if request.starts_upload_of == SHARDS[3]:
            answer = answer._replace(body=json.dumps({**json.loads(answer.body), "crc32c": "AAAAAA=="}).encode())
        return answer

    proxy.touch = report_another
    assert_fails(run(capfd, folder, URL), f"{folder / SHARDS[3]}: sent 3 times", "the bucket's CRC32C is AAAAAA==")
    assert "manifest.json" not in names(proxy)


@pytest.mark.parametrize("trouble", [error(429), error(500), error(503), "hang up"])
def test_passing_trouble_is_retried(proxy, folder, capfd, trouble):
    proxy.spoil = spoil_first(4, trouble, lambda request: request.method != "GET")
    code, _, lines = run(capfd, folder, URL)
    assert code == 0 and lines == []
    assert_arrived(proxy, folder)


def test_a_chunk_that_fails_does_not_start_the_file_again(proxy, folder, capfd):
    proxy.spoil = spoil_first(1, error(503), lambda request: request.is_chunk)
    assert run(capfd, folder, URL)[0] == 0
    assert proxy.uploaded.count(BIG) == 1 and sum(request.is_chunk for request in proxy.seen) == 3
    assert_arrived(proxy, folder)


def test_progress_within_a_file_counts_what_has_arrived(proxy, folder):
    """And goes back for a file that is sent again; the caller sees to it."""
    size, spoiled, positions = (folder / BIG).stat().st_size, [], []

    def corrupt_once(request):
        if not spoiled and request.is_chunk:
            spoiled.append(request)
            flip(request)

    proxy.spoil = corrupt_once
    crc32c = base64.b64encode(google_crc32c.Checksum((folder / BIG).read_bytes()).digest()).decode()
    bucket.BucketFolder(URL, 1).upload(str(folder / BIG), BIG, crc32c, positions.append)
    assert positions == [0, bucket.CHUNK_BYTES, 0, bucket.CHUNK_BYTES, size]


def test_a_removal_whose_answer_was_lost(proxy, folder, tmp_path, capfd):
    run(capfd, folder, URL)
    proxy.reset()

    def lose_first_answer(request):
        if request.method == "DELETE" and len(proxy.seen) == 2:
            proxy.pass_on(request)
            return "hang up"
        return None

    proxy.spoil = lose_first_answer
    other = write_records(tmp_path / "other", seed=1)
    assert run(capfd, other, URL, "--overwrite")[0] == 0
    assert [request.method for request in proxy.seen[:3]] == ["GET", "DELETE", "DELETE"]
    assert_arrived(proxy, other)


def test_credentials_need_no_project(monkeypatch):
    import google.auth
    from google.auth.credentials import AnonymousCredentials

    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(google.auth, "default", lambda **arguments: (AnonymousCredentials(), None))
    bucket.BucketFolder(URL, 1)


def test_missing_bucket(proxy, folder, capfd):
    result = run(capfd, folder, "gs://nowhere/data")
    assert_fails(result, "gs://nowhere: no such bucket", "gcloud storage buckets create gs://nowhere")


@pytest.mark.parametrize(
    ("status", "parts"),
    [
        (401, ["no valid Google Cloud credentials (", "gcloud auth application-default login"]),
        (403, ["no permission (said the server)", "roles/storage.objectUser", f"on gs://{BUCKET}"]),
        (412, ["refused (said the server)"]),
    ],
)
def test_refusals(proxy, folder, capfd, status, parts):
    proxy.spoil = spoil_first(1, error(status), lambda request: request.method == "GET")
    assert_fails(run(capfd, folder, URL), f"{URL}: ", *parts)
    assert proxy.objects() == {}


def test_permission_to_read_but_not_to_write(proxy, folder, capfd):
    proxy.spoil = lambda request: error(403) if request.method == "POST" else None
    assert_fails(run(capfd, folder, URL, "--workers", 1), "no permission (said the server)")
    assert len(proxy.uploaded) == len(set(proxy.uploaded)), "what is not permitted is not tried again"


@pytest.mark.parametrize("closed", [True, False])
def test_network_down(proxy, folder, capfd, monkeypatch, closed):
    monkeypatch.setattr(bucket, "RETRY_SECONDS", 0.2)
    monkeypatch.setattr(buckets, "FIRST_RETRY_SECONDS", 0.2)
    if closed:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    proxy.spoil = lambda request: "hang up" if request.method == "POST" else None
    assert_fails(run(capfd, folder, URL), f"{URL}: cannot be reached (", "check the network", exit_code=69)


def test_no_credentials(folder, capfd, monkeypatch, tmp_path):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    result = run(capfd, folder, URL)
    assert_fails(result, "no valid Google Cloud credentials", "absent.json", "gcloud auth application-default login")


@pytest.mark.parametrize("url", ["records/data", "s3://records/data", "gs://", "gs:///data", "gs://records//data"])
def test_urls_that_are_none(proxy, folder, capfd, url):
    assert_fails(run(capfd, folder, url), f"{url}: is not a folder in a bucket", "gs://bucket/folder")


def test_a_missing_package_is_named(folder, capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.cloud.storage", None)
    assert_fails(run(capfd, folder, URL), "pip install google-cloud-storage")
