"""What the lab refuses, beyond the mistakes that every part of the package knows: each with its status and its kind."""

from __future__ import annotations

from workings.errors import InputError, WorkingsError


class UnknownView(WorkingsError):
    """A view whose number the server does not know (any more): the page opens it again."""


class TooMuch(InputError):
    """A request beyond a limit of the lab."""


class Abandoned(WorkingsError):
    """Whoever asked has gone: what is left of the work is left undone."""


class NotThere(InputError):
    """Something that can be asked for, and that this model does not have."""


def status_of(error: WorkingsError) -> tuple[int, str]:
    """The HTTP status and the kind that an error is told with."""
    if isinstance(error, UnknownView):
        return 410, "unknown view"
    if isinstance(error, TooMuch):
        return 413, "limit"
    return (404 if isinstance(error, NotThere) else 400), "input"
