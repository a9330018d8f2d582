"""Copy a folder of records to Google Cloud Storage, for a TPU to read; run again, it sends only what is missing.

    python -m electra_pretrain.stage data gs://bucket/data
"""  # fmt: skip

import argparse
import logging
import os
import signal
import sys
from types import FrameType

from electra_pretrain.cli.arguments import command_parser
from electra_pretrain.cli.endings import EXIT_INTERRUPTED
from electra_pretrain.cli.run import run_command
from electra_pretrain.core.errors import first_of

NAMED_LEFT_ALONE = 5
_log = logging.getLogger(__name__)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("stage", __doc__)
    parser.add_argument("folder", metavar="DIR", help="local folder of records, made by build_data")
    parser.add_argument("url", metavar="gs://bucket/folder", help="where they go")
    parser.add_argument("--workers", type=int, default=8, help="files sent at once (default %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace other records that lie there")
    return parser.parse_args(argv)


def stage(args: argparse.Namespace) -> None:
    from electra_pretrain.records import staging

    staged = staging.stage(args.folder, args.url, args.workers, args.overwrite)
    if staged.left_alone:
        _log.info("left alone, none of these records: %s", first_of(staged.left_alone, NAMED_LEFT_ALONE))
    megabytes = staged.uploaded_bytes / 1e6
    print(
        f"{args.url}: {staged.files} files; {staged.uploaded} uploaded, {staged.files - staged.uploaded} already there; "
        f"{megabytes:,.1f} MB in {staged.seconds:.1f} s, {megabytes / max(staged.seconds, 1e-9):.1f} MB/s"
    )


def leave(number: int, frame: FrameType | None) -> None:
    """End at once on Ctrl-C, whatever the main thread is in: uploads that hang cannot be woken, and lose nothing."""
    os.write(sys.stderr.fileno(), b"\nstage: interrupted; run the same command again\n")
    os._exit(EXIT_INTERRUPTED)


def main() -> None:
    signal.signal(signal.SIGINT, leave)
    run_command("stage", parse_args, stage)


if __name__ == "__main__":
    main()
