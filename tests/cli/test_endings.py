"""What a command says where it ends before it is done: a line for what is the user's or the machine's affair, and its code."""

import errno

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.cli.endings import ending_of
from electra_pretrain.cli.parser import Misuse
from electra_pretrain.core.errors import UserError, reason_of

FUNCTION = "{{function_node __wrapped__IteratorGetNext_output_types_1_device_/job:localhost/replica:0/task:0/device:CPU:0}}"
GRAPH = '\n\t [[{{node RemoteCall}}]]\nHint: "in one line", they say\n [Op:IteratorGetNext] name: '


def tensorflows(kind, text):
    return getattr(tf.errors, kind)(None, None, text)


@pytest.mark.parametrize(
    ("kind", "text", "line"),
    [
        (
            "NotFoundError",
            f"{FUNCTION} data/a b-00000.tfrecord; No such file or directory{GRAPH}",
            "data/a b-00000.tfrecord: No such file or directory; what was finished is kept",
        ),
        (
            "NotFoundError",
            "Graph execution error:\n\nDetected at node Next defined at (most recent call last):\n<stack traces unavailable>\n"
            "data/a.tfrecord; No such file or directory\n\t [[{{node Next}}]]\n\t [[RemoteCall]] [Op:__inference__steps_1]",
            "data/a.tfrecord: No such file or directory; what was finished is kept",
        ),
        (
            "NotFoundError",
            "Graph execution error:\n\n2 root error(s) found.\n  (0) NOT_FOUND:  a.tfrecord; No such file or directory\n"
            "\t [[{{node Next}}]]\n  (1) NOT_FOUND:  b; No such file or directory\n\t [[{{node Other}}]]\n0 successful",
            "a.tfrecord: No such file or directory; what was finished is kept",
        ),
        ("FailedPreconditionError", "/tmp/run; Is a directory", "/tmp/run: Is a directory; what was finished is kept"),
        ("ResourceExhaustedError", "/dev/full; No space left on device", "/dev/full: No space left on device; what was"),
        ("PermissionDeniedError", "run/x; Permission denied", "run/x: Permission denied; what was"),
        (
            "ResourceExhaustedError",
            f"{FUNCTION} OOM when allocating tensor with shape[9,9] [Op:Fill] name: ",
            "out of memory (OOM when allocating tensor with shape[9,9]); give the machine more",
        ),
        ("DataLossError", f"{FUNCTION} corrupted record at 12{GRAPH}", "a file is damaged (corrupted record at 12); copy"),
        (
            "AbortedError",
            "All 10 retry attempts failed. The last failure: libcurl code 7\n\t when reading metadata of gs://b/a.txt",
            "remote path: All 10 retry attempts failed. The last failure: libcurl code 7 (gs://b/a.txt); check",
        ),
    ],
)
def test_what_tensorflow_says_of_files_and_memory_is_a_line(kind, text, line):
    ending = ending_of(tensorflows(kind, text))
    assert ending is not None and ending.line.startswith(f"error: {line}")
    assert ending.code == (69 if kind == "AbortedError" else 1)
    assert "{{" not in ending.line and "\n" not in ending.line and "[Op:" not in ending.line


@pytest.mark.parametrize(
    "error",
    [
        tensorflows("InvalidArgumentError", f"{FUNCTION} indices[0] = 5 is not in [0, 3) [Op:GatherV2]"),
        tensorflows("NotFoundError", "Op type not registered 'X'; unknown"),
        tensorflows("InternalError", "a; bug"),
        tensorflows("NotFoundError", ""),
        ValueError("a bug"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    ],
)
def test_what_is_our_affair_keeps_its_traceback(error):
    assert ending_of(error) is None


def test_memory_that_the_machine_lacks_is_told():
    with pytest.raises(MemoryError) as lacking:
        np.zeros(2**57, np.uint8)
    for error in (lacking.value, MemoryError(), OSError(errno.ENOMEM, "Cannot allocate memory")):
        ending = ending_of(error)
        assert ending is not None and ending.line.startswith("error: out of memory (") and ending.code == 1


def test_a_name_that_is_no_utf8_is_told_where_it_cannot_be_used():
    with pytest.raises(UnicodeEncodeError) as refused:
        b"run/\xff".decode("utf-8", "surrogateescape").encode()
    ending = ending_of(refused.value)
    assert ending is not None and "run/\udcff: a name that is not UTF-8" in ending.line and ending.code == 1


def test_arguments_that_do_not_parse_have_a_code_of_their_own():
    assert [ending.code for error in (Misuse("x"), UserError("x")) if (ending := ending_of(error))] == [2, 1]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError(""), "ValueError"),
        (ValueError("\n \n"), "ValueError"),
        (ValueError("\nfirst\nsecond"), "first"),
        (RuntimeError(f"{FUNCTION}\n"), "RuntimeError"),
        ("", "no reason given"),
        ("Graph execution error:\n\nlost", "Graph execution error:"),
        (f"{FUNCTION} ends {{early}} [Op:Read]", "ends {early}"),
    ],
)
def test_the_reason_of_an_error_is_a_line_that_says_something(error, reason):
    assert reason_of(error) == reason
