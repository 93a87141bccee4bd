"""`workings.load`: a bundled model, a folder, or a name on the Hugging Face hub."""

from __future__ import annotations

import os
import re
from pathlib import Path

from workings.checkpoints.folder import read_folder
from workings.checkpoints.model import Model
from workings.checkpoints.tokenizer import Tokenizer
from workings.checkpoints.tokenizer_files import TOKENIZER_FILES
from workings.engine.checks import path_like
from workings.errors import CheckpointError

BUNDLED = Path(__file__).parent / "bundled"

_MODEL_FILES = ["config.json", "model*.safetensors", "model.safetensors.index.json"]
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.\-]*(/[A-Za-z0-9][\w.\-]*)?")


def load(name: str | Path = "storybook") -> Model:
    """Open a model: a bundled one ("storybook"), a folder in Hugging Face layout, or a hub name such as "gpt2".

    Weights are memory-mapped: they are read when they are needed, and shared by all traces. Hub models are downloaded
    once, with a progress bar, into huggingface_hub's cache.

    Raises `CheckpointError`, which says which file or tensor is wrong and what to do.
    """
    folder = _find(path_like(name, "a model", CheckpointError))
    config, weights = read_folder(folder)
    return Model(str(name), config, weights, Tokenizer.from_folder(folder))


def bundled_names() -> list[str]:
    """The models that come with the package."""
    return sorted(path.name for path in BUNDLED.iterdir() if (path / "config.json").is_file())


def _find(name: str | os.PathLike[str]) -> Path:
    if isinstance(name, str) and name in bundled_names():
        return BUNDLED / name
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise CheckpointError(f"{name} is a file; give the folder that holds config.json and model.safetensors")
    if not isinstance(name, str) or not _HUB_NAME.fullmatch(name):
        raise CheckpointError(
            f"there is no folder {name}; give a folder, a hub name such as 'gpt2', or one of {bundled_names()}"
        )
    return _download(name)


def _download(name: str) -> Path:
    """The local copy of a hub model, fetched if it is not in the cache."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    advice = f"there is no folder {name!r} here; bundled models: {', '.join(bundled_names())}"
    try:
        folder = Path(snapshot_download(name, allow_patterns=[*_MODEL_FILES, *TOKENIZER_FILES]))
    except RepositoryNotFoundError:
        raise CheckpointError(
            f"the hub has no model {name!r} that you may read; check the name or log in. ({advice})"
        ) from None
    except HFValidationError as error:
        raise CheckpointError(f"{name!r} cannot be a hub name: {error}. ({advice})") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{name!r} is not in the local cache and the hub cannot be reached ({reason}); "
            f"connect to the network, or give a folder. ({advice})"
        ) from None
    if (folder / "config.json").is_file() and not any(folder.glob("model*.safetensors")):
        raise CheckpointError(
            f"the hub model {name!r} has no safetensors weights (pickled ones can run any code when opened, and are "
            f"refused); convert it once with transformers: AutoModelForCausalLM.from_pretrained({name!r})"
            f".save_pretrained(FOLDER), and open FOLDER"
        )
    return folder
