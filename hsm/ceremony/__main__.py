"""``python -m hsm.ceremony DESCRIPTION.toml --transcript OUT``: exit 0 only when all is right."""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from hsm.ceremony.description import read_description
from hsm.ceremony.steps import Ceremony
from signer.domain.errors import SigningServiceError


def main(arguments: list[str]) -> int:
    """Run the ceremony; progress and errors go to standard error."""
    parser = argparse.ArgumentParser(prog="python -m hsm.ceremony", description=__doc__)
    parser.add_argument("description", type=Path)
    parser.add_argument("--transcript", type=Path, required=True, help="must not exist yet")
    options = parser.parse_args(arguments)
    transcript: Path = options.transcript
    now = datetime.now(UTC)  # noqa: TID251 - this process has no composition root to give a Clock
    try:
        description = read_description(options.description)
        # Opened first: a ceremony whose transcript cannot be written must not begin.
        file = transcript.open("xb")
    except (SigningServiceError, OSError) as failure:
        _report(f"ceremony refused: {failure}")
        return 1
    try:
        with file:
            file.write(Ceremony(description, _report).run(now))
            file.flush()
            os.fsync(file.fileno())
    except SigningServiceError as failure:
        transcript.unlink()
        _report(f"ceremony refused: {failure}")
        return 1
    _report(f"transcript written to {transcript}")
    return 0


def _report(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
