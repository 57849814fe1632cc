"""A version as a whole model, for whoever knows no adapters. Knows no database.

python -m training.merge VERSION --out PATH

PATH becomes a folder of Hugging Face's form, with the merged GGUF besides where the base has one; it
can be the HITL_MODEL of another installation. It is there whole or not at all.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers.utils import logging as transformers_logging

from storage.home import Home
from training.adapters import verify
from training.base import Base, load_base
from training.gguf import read as read_gguf
from training.gguf import wanted
from training.manifest import AdapterError
from training.merged import MERGED, check

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def merge(base: Base, folder: Path, out: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write the model that `base` with the version in `folder` is; it is added up in base's type.

    Raises:
        AdapterError, GgufError: the version isn't whole, or not this base's.
        ValueError: something is at `out` already.
    """
    if out.exists():
        raise ValueError(f"{out} exists already. Name a folder that doesn't.")
    verify(folder, base)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as staging:
        whole = Path(staging) / out.name
        policy: Any = PeftModel.from_pretrained(base.model, str(folder))
        policy.merge_and_unload().to(dtype).save_pretrained(whole)
        base.tokenizer.save_pretrained(whole)
        if base.gguf is not None:
            _copy_gguf(base.gguf, folder, whole / f"{base.gguf.stem}-{folder.name}.gguf")
        whole.rename(out)


def _copy_gguf(gguf: Path, folder: Path, target: Path) -> None:
    """Copy the merged GGUF that the version was published with."""
    published = folder / MERGED
    if not published.exists():
        raise AdapterError(f"Adapter {folder.name} was published without a GGUF, its base has one.")
    check(published, read_gguf(gguf))
    shutil.copyfile(published, target)


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Merge one version; returns the exit status."""
    options = _options().parse_args(argv)
    transformers_logging.disable_progress_bar()
    try:
        home = Home.from_env(env)
        folder, out = _folder(home, options.version), options.out.expanduser().absolute()
        base = load_base(wanted(env), home, torch.float32)
        merge(base, folder, out, DTYPES[options.dtype])
    except (ValueError, OSError) as error:  # what the host can mend
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"Version {options.version} merged into {out}\n")
    return 0


def _folder(home: Home, version: str) -> Path:
    folder = home.adapters / version
    if folder.parent != home.adapters or not folder.is_dir():
        raise ValueError(
            f"No version '{version}' in {home.adapters}. "
            "`python -m storage.adapters --list` names them."
        )
    return folder


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.merge", description="Write a version as a whole model."
    )
    parser.add_argument("version", help="as `python -m storage.adapters --list` names it")
    parser.add_argument("--out", type=Path, required=True, help="the folder to make")
    parser.add_argument("--dtype", choices=DTYPES, default="float32", help="type of the numbers")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
