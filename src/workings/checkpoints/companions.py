"""What comes with a bundled model in a folder beside it, such as its sparse autoencoder or its tuned lens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workings.checkpoints.load import BUNDLED
from workings.engine.checks import path_like
from workings.errors import CheckpointError


@dataclass(frozen=True)
class Companion:
    """A kind of thing that may come with a model: what it is called, the folder it lies in, and the files in it."""

    said: str
    folder: str
    files: tuple[str, str]
    otherwise: str
    """How to get one, where there is none."""

    def bundled(self, model_name: str) -> Path | None:
        """The folder of the one that comes with a model; None where there is none."""
        if Path(model_name).name != model_name:
            return None
        folder = BUNDLED / model_name / self.folder
        return folder if (folder / self.files[0]).is_file() else None

    def find(self, name: str | Path) -> Path:
        """The folder that is meant by a bundled model's name, or by a path. Raises `CheckpointError` where there is none."""
        path_like(name, f"a {self.said}", CheckpointError)
        if isinstance(name, str) and (bundled := self.bundled(name)):
            return bundled
        folder = Path(name).expanduser()
        if folder.is_dir():
            return folder
        if folder.exists():
            raise CheckpointError(f"{name} is a file; give the folder that holds {' and '.join(self.files)}")
        known = sorted(path.name for path in BUNDLED.iterdir() if self.bundled(path.name))
        with_one = f"models with a bundled one: {', '.join(known)}" if known else "no bundled model has one"
        raise CheckpointError(
            f"there is no {self.said} {str(name)!r}: no folder of this name, and {with_one}; {self.otherwise}"
        )
