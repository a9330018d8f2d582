"""A slice of several hosts, rehearsed: two processes that serve CPUs as start_grpc_tpu_worker serves chips."""

import os
import re
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain import evaluate_pretraining, run_pretraining
from electra_pretrain.core import tensorflow_startup
from electra_pretrain.core.errors import Unavailable
from electra_pretrain.records.input_pipeline import Worker, heldout_dataset, train_dataset
from electra_pretrain.tpu import hosts
from electra_pretrain.train.input import choose_sources, global_batch, shard_paths, training_records
from tests.conftest import MICRO
from tests.support.ports import free_ports

SERVER = """
import sys
from tensorflow.core.protobuf import tensorflow_server_pb2
from tensorflow.python.training import server_lib
server = tensorflow_server_pb2.ServerDef(protocol="grpc", job_name="tpu_worker", task_index=0)
server.cluster.job.add(name="tpu_worker").tasks[0] = "localhost:" + sys.argv[1]
server_lib.Server(server).join()
"""
# The trainer's part: step 3 of either host's rows, read by that host; then the strategy, which there are no chips for.
CLIENT = """
import sys
import numpy as np
from electra_pretrain.tpu import hosts
tpu, data, out = sys.argv[1:]
hosts.prepare(tpu)
import tensorflow as tf
from electra_pretrain.records.input_pipeline import Worker, heldout_dataset, train_dataset
from electra_pretrain.core.errors import UserError
from electra_pretrain.train.devices import make_strategy
from electra_pretrain.train.input import choose_sources, shard_paths, training_records
from tests.conftest import MICRO
try:
    make_strategy(tpu)
except UserError as error:
    print(error)
(source,) = choose_sources(MICRO, [data])
paths = shard_paths(source, None)
records = training_records(MICRO, source.manifest, paths)
ids, rows = [], []
for task in range(2):
    worker = Worker(task, 2, 2)
    with tf.device(f"/job:worker/replica:0/task:{task}/device:CPU:0"):
        read = iter(train_dataset(records, 8, 3, worker))
        heldout = next(iter(heldout_dataset(records, 8, 1, worker)))
        for part in (next(read), next(read)):
            assert f"task:{task}" in part.input_ids.backing_device, part.input_ids.backing_device
            ids.append(part.input_ids.numpy())
            rows.append(part.rows.numpy())
        assert f"task:{task}" in heldout.input_ids.backing_device
np.savez(out, ids=np.concatenate(ids), rows=np.concatenate(rows))
"""


def run_python(code, *arguments):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "2"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_each_host_reads_its_own_rows_and_a_slice_without_chips_is_told_in_one_line(sharded, tmp_path):
    ports = free_ports(2)
    servers = [run_python(SERVER, str(port)) for port in ports]
    try:
        tpu = ",".join(f"grpc://localhost:{port}" for port in ports)
        client = run_python(CLIENT, tpu, sharded, str(tmp_path / "batch.npz"))
        said, complaints = client.communicate(timeout=240)
    finally:
        for server in servers:
            server.kill()
            server.communicate()
    assert client.returncode == 0, complaints
    (line,) = said.splitlines()
    assert re.match(rf"--tpu {tpu}: cannot be used \(.+\); .*'Slices of several hosts' in docs/tpu.md$", line), line
    (source,) = choose_sources(MICRO, [sharded])
    expected = global_batch(training_records(MICRO, source.manifest, shard_paths(source, None)), 8, 3, 2)
    found = np.load(tmp_path / "batch.npz")
    np.testing.assert_array_equal(found["rows"], expected.rows)
    np.testing.assert_array_equal(found["ids"], expected.input_ids)


def test_no_python_is_in_the_input_pipeline(sharded):
    """A host would call back to the trainer for each element."""
    (source,) = choose_sources(MICRO, [sharded])
    paths, worker = shard_paths(source, None), Worker(1, 2, 2)
    records = training_records(MICRO, source.manifest, paths)
    for dataset in (train_dataset(records, 8, 3, worker), heldout_dataset(records, 8, 1, worker)):
        serialized = tf.raw_ops.DatasetToGraphV2(input_dataset=tf.data.experimental.to_variant(dataset))
        graph = tf.compat.v1.GraphDef.FromString(serialized.numpy())
        operations = {
            node.op for part in (graph, *graph.library.function) for node in (part.node if part is graph else part.node_def)
        }
        assert "TFRecordDatasetV2" in operations or "TFRecordDataset" in operations, operations
        assert not [name for name in operations if "PyFunc" in name]


def test_silent_hosts_are_named():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        alive, silent = f"127.0.0.1:{listening.getsockname()[1]}", f"127.0.0.1:{free_ports(1)[0]}"
        hosts.wait_for([alive], 0)
        began = time.monotonic()
        with pytest.raises(
            Unavailable, match=rf"^--tpu: no answer from {silent} \(1 of the TPU's 2 hosts\) in 0 s; .*docs/tpu.md$"
        ):
            hosts.wait_for([alive, silent], 0)
    assert time.monotonic() - began < 10


def test_a_host_may_take_its_time(monkeypatch):
    answers = iter([False, False, True])
    monkeypatch.setattr(hosts, "_answers", lambda host: next(answers))
    monkeypatch.setattr(hosts, "_BETWEEN_TRIES", 0)
    hosts.wait_for(["host:1"])
    assert next(answers, None) is None


def test_addresses():
    assert hosts.addresses("grpc://10.0.0.1:8471,grpc://10.0.0.2") == ["10.0.0.1:8471", "10.0.0.2:8470"]
    assert [hosts.addresses(tpu) for tpu in (None, "local", "my-tpu")] == [[], [], []]


@pytest.mark.parametrize(("tpu", "expected"), [("local", None), (None, "0"), ("grpc://a:1,grpc://b:1", "0"), ("my-tpu", "0")])
@pytest.mark.parametrize("command", [run_pretraining, evaluate_pretraining])
def test_chips_are_left_to_others_before_tensorflow_is_there(monkeypatch, records, command, tpu, expected):
    monkeypatch.setattr(tensorflow_startup, "_takes_tpu", False)
    monkeypatch.setenv("TPU_LOAD_LIBRARY", "")  # so that it is as before at the end
    monkeypatch.delenv("TPU_LOAD_LIBRARY")
    seen = []

    def imported():
        seen.append(os.environ.get("TPU_LOAD_LIBRARY"))
        raise InterruptedError

    monkeypatch.setattr(command.tensorflow_startup, "import_tensorflow", imported)
    arguments = ["--data", records, "--model_dir", "run", *(["--tpu", tpu] if tpu else [])]
    name = command.__name__.rpartition(".")[2]
    if command is run_pretraining:
        arguments += ["--config", "tiny.json"]
    with pytest.raises(InterruptedError):
        getattr(command, name)(command.parse_args(arguments))
    assert seen == [expected]
