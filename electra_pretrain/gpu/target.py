"""A card as XLA's compiler is told of it: `stream_executor.GpuTargetConfigProto`, as text."""

from electra_pretrain.gpu.cards import Card


def target_config(card: Card) -> str:
    """Describe a card that is not there.

    The compiler chooses tiles, launches and fusions by these numbers. Limits that all NVIDIA cards have in common are CUDA's;
    the versions are those that the pinned plug-in was built for.
    """
    architecture = card.architecture
    major, minor = architecture.capability
    return f"""gpu_device_info {{
  cuda_compute_capability {{ major: {major} minor: {minor} }}
  core_count: {card.multiprocessors} fpus_per_core: {architecture.lanes} clock_rate_ghz: {card.clock_ghz}
  memory_bandwidth: {int(card.gb_per_s * 1e9)} device_memory_size: {card.memory} l2_cache_size: {card.l2}
  shared_memory_per_block: 49152 shared_memory_per_block_optin: {architecture.shared_memory_of_block}
  shared_memory_per_core: {architecture.shared_memory}
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
  threads_per_warp: 32 threads_per_block_limit: 1024 threads_per_core_limit: {architecture.threads}
  thread_dim_limit_x: 1024 thread_dim_limit_y: 1024 thread_dim_limit_z: 64
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  device_vendor: "NVIDIA Corporation" name: "{card.name}"
  driver_version: "13.0.0" runtime_version: "12.8.0" compile_time_toolkit_version: "12.8.0" dnn_version: "9.10.0"
}}
platform_name: "CUDA"
dnn_version_info {{ major: 9 minor: 10 }}
device_description_str: "{card.name}"
"""


# A square product, whose rate stands for every product's.
_SIDE = 4096
_SHAPE = (
    f"shape {{ element_type: BF16 dimensions: {_SIDE} dimensions: {_SIDE} is_dynamic_dimension: false "
    "is_dynamic_dimension: false layout { minor_to_major: 1 minor_to_major: 0 } }"
)


def product_table(card: Card) -> str:
    """Give the compiler's cost model the rate of products, without which it stops (`xla.gpu.DeviceHloInstructionProfiles`)."""
    cycles = int(2 * _SIDE**3 / (card.half_tflops * 1e12) * card.clock_ghz * 1e9)
    return f"""entries {{ key: "{_key(card)}" value {{ entries {{
  instruction {{
    name: "product" opcode: "dot" {_SHAPE}
    dot_dimension_numbers {{ lhs_contracting_dimensions: 1 rhs_contracting_dimensions: 0 }}
  }}
  operands {{ name: "left" opcode: "parameter" {_SHAPE} }} operands {{ name: "right" opcode: "parameter" {_SHAPE} }}
  clock_cycles: {cycles}
}} }} }}
"""


def exchange_table(card: Card) -> str:
    """Give it a table of exchanges between cards: empty, as one replica's program has none, but it must be there."""
    return f'entries {{ key: "{_key(card)}" value {{ }} }}\n'


def _key(card: Card) -> str:
    return "sm_{}{}".format(*card.architecture.capability)
