"""What XLA makes of our kernels on a CPU."""

import os
import subprocess
import sys

import pytest
import tensorflow as tf

# A softmax as long as attention's, whose reductions XLA would give to YNNPACK.
PROGRAM = """
import electra_pretrain.model.kernels
import tensorflow as tf
softmax = tf.function(lambda x: tf.nn.softmax(x), jit_compile=True, autograph=False)
print(softmax.experimental_get_compiler_ir(tf.ones([64, 4, 32, 32]))(stage="optimized_hlo"))
"""


@pytest.mark.skipif(tf.__version__ < "2.21", reason="XLA has no YNNPACK, and ends over a flag that it does not know")
@pytest.mark.parametrize(("users_own", "found"), [("", False), ("--xla_cpu_experimental_ynn_fusion_type=REDUCE", True)])
def test_no_reduction_is_ynnpacks_unless_the_user_asks_for_it(users_own, found):
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"XLA_FLAGS": users_own},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert ("ynn_fusion" in answer.stdout) == found
