"""Run as a program: loads files as users would and prints what `datasets` made of them."""

import json
import sys
from pathlib import Path

import datasets

KINDS = {".jsonl": "json", ".json": "json", ".parquet": "parquet"}


def main(cache: str, *files: str) -> None:
    """Print {file: {"columns": {name: type}, "rows": [...]}}."""
    loaded = {}
    for file in files:
        data = datasets.load_dataset(
            KINDS[Path(file).suffix], data_files=file, split="train", cache_dir=cache
        )
        columns = {name: str(feature) for name, feature in data.features.items()}
        loaded[file] = {"columns": columns, "rows": list(data)}
    json.dump(loaded, sys.stdout, default=str)


if __name__ == "__main__":
    main(*sys.argv[1:])
