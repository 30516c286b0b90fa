"""``python -m quarterdeck_runner.child describe MODULE`` or ``… run FD``; the runner starts it, nobody else."""

import json
import os
import sys
from typing import Any


def main() -> None:
    """Do what the arguments say."""
    task, argument = sys.argv[1:]
    if task == "describe":
        # What the module prints when it is imported must not mix with the answer.
        answer = os.dup(1)
        os.dup2(2, 1)
        with os.fdopen(answer, "w") as file:
            json.dump(_described(argument), file)
    else:
        from quarterdeck_runner.child.running import run

        run(int(argument))


def _described(target: str) -> dict[str, Any]:
    from quarterdeck_runner.child.describing import describe

    return describe(target)


if __name__ == "__main__":
    main()
