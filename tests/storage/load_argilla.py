"""Run as a program: reads exported records with Argilla's own reader and writes what it understood."""

import json
import sys

from argilla.records._io import JsonIO


def main(file: str) -> None:
    """Print [[fields, {question: [value, user]}, [status]], ...]."""
    read = [
        (
            dict(record.fields),
            {r.question_name: (r.value, str(r.user_id)) for r in record.responses},
            [r.status.value for r in record.responses],
        )
        for record in JsonIO._records_from_json(file)
    ]
    json.dump(read, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
