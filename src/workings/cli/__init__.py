"""The command line: `main` is the command `workings`; `app.py` has its verbs, one thin function each.

Nothing heavy is imported before a verb needs it, so that `workings --help` answers at once.
"""

from __future__ import annotations

import sys

QUIT_BY_CTRL_C = 130


def main() -> None:
    """Run the command `workings` with the arguments of this process."""
    try:
        from workings.cli.app import app
        from workings.cli.streams import close_quietly, prepare_streams

        prepare_streams()
        try:
            app(prog_name="workings")
        finally:
            close_quietly()
    except KeyboardInterrupt:
        sys.exit(QUIT_BY_CTRL_C)
