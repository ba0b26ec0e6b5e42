"""Runs a script for Brian2 on saltus: ``python -m saltus script.py arguments``."""

import runpy
import sys
from pathlib import Path


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print("usage: python -m saltus SCRIPT [ARGUMENT ...]\n\nRuns a script for Brian2, unchanged, on saltus.")
        sys.exit(0 if len(sys.argv) > 1 else 2)
    from saltus.activation import activate

    activate()
    script = Path(sys.argv[1])
    sys.argv = sys.argv[1:]
    # As Python does for a script that it is given.
    sys.path[0] = str(script.resolve().parent)
    runpy.run_path(str(script), run_name="__main__")


main()
