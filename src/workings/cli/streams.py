"""Standard output and error: every character comes out somehow, and a reader who leaves early is no error."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from typing import Any, TextIO

# One letter for one letter, so that columns stay in line.
_PLAIN = str.maketrans("█▉▊▋▌▍▎▏×·…→␣↵–—−“”‘’│─", "######::x..>_/---\"\"''|-")
_HANDLER = "workings.plain"


def _spell_out(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAIN)
    return text.encode("ascii", errors="backslashreplace").decode(), error.end


def prepare_streams() -> None:
    """Let characters that the terminal cannot write come out as their nearest ASCII, or as their number."""
    codecs.register_error(_HANDLER, _spell_out)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_HANDLER)


def close_quietly() -> None:
    """Write out what is left; where nobody reads any more (`workings ... | head`), leave it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at exit and would complain.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_json(document: Any) -> None:
    """One JSON document, UTF-8, with every digit of every number, and nothing else."""
    import orjson

    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    if sys.stdout.isatty():
        options |= orjson.OPT_INDENT_2
    sys.stdout.flush()
    sys.stdout.buffer.write(orjson.dumps(document, option=options))
    sys.stdout.buffer.flush()


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream goes to a terminal that knows escape codes."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def complain(message: str) -> None:
    """One message on standard error."""
    head = "\x1b[1;31mworkings:\x1b[0m" if is_terminal(sys.stderr) and not os.environ.get("NO_COLOR") else "workings:"
    print(head, message, file=sys.stderr)
