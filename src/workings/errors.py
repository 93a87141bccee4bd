"""What can go wrong, in one short hierarchy.

Every error that a user can cause says what was expected, what came and what to do. Each class is also the Python
built-in that fits it, so that `except ValueError` and `except KeyError` work as one would guess.
"""


class WorkingsError(Exception):
    """Any error that this package raises on purpose."""

    def __str__(self) -> str:
        # KeyError prints the repr of its message; we want the message itself.
        return str(self.args[0]) if self.args else ""


class InputError(WorkingsError, ValueError):
    """A prompt, an option or a number that cannot be used as given."""


class UnknownTable(InputError, KeyError):
    """A table name that the model does not have."""


class UnknownPart(InputError, KeyError):
    """A part of an attribution that there is none of."""


class OutsideTable(InputError, IndexError):
    """An index that lies outside its table."""


class TooLarge(InputError, OverflowError):
    """A change that would make numbers larger than the trace's numbers can be."""


class NotReached(InputError):
    """A change that no strength brings about."""


class CheckpointError(WorkingsError, ValueError):
    """A model on disk (or on the hub) that is missing, damaged or not supported."""


class MissingExtra(WorkingsError, ImportError):
    """Something that needs an optional dependency which is not installed."""


class WorkbookError(WorkingsError, ValueError):
    """A workbook that spreadsheets could not open, or that cannot be put where it was asked for."""
