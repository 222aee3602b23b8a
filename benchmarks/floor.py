"""The least that turning CSV files into lines of JSON costs: nothing is converted or checked.

    python floor.py export.csv ... > rows.jsonl

Python's csv module reads, each row becomes a dictionary of texts, orjson writes it.
"""

import csv
import sys

import orjson


def main() -> None:
    """Write every row of the files that are named."""
    write = sys.stdout.buffer.write
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            names = next(rows)
            for row in rows:
                # Not strict=...: that takes longer, and the files are known to be whole.
                write(orjson.dumps(dict(zip(names, row)), option=orjson.OPT_APPEND_NEWLINE))  # noqa: B905
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
