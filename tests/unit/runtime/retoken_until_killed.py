"""A process that exchanges tokens in a box's directory until it is killed; for test_retoken_kill.py."""

import sys
from importlib import resources
from pathlib import Path

from edge.runtime import notice as notices
from edge.runtime.retoken import Retokening
from tests.unit.runtime.test_retoken import Box


def main(directory: Path) -> None:
    notice = notices.load(Path(str(resources.files("edge"))) / "notice.example.toml")
    box = Box.again(directory, notice)
    sys.stdout.write("open\n")
    sys.stdout.flush()
    run = Retokening(box.office)
    while run.step():
        pass
    box.store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
