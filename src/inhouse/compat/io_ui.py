"""What new-style nodes show below themselves (``comfy_api.latest.ui``): text, and pictures saved for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inhouse.compat.call_folders import folders_now
from inhouse.files import write_numbered

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from inhouse.files import Folders


class SavedResult(dict[str, str]):
    """A file that was saved: ``filename``, ``subfolder`` and ``type`` (input, output or temp)."""

    def __init__(self, filename: str, subfolder: str, type: Any) -> None:  # noqa: A002 - packs name it so
        super().__init__(filename=filename, subfolder=subfolder, type=str(getattr(type, "value", type)))


class SavedImages:
    """Pictures that were saved."""

    def __init__(self, results: Iterable[SavedResult], *, is_animated: bool = False) -> None:
        self.results = list(results)
        self.is_animated = is_animated

    def as_dict(self) -> dict[str, Any]:
        """Return what a canvas reads."""
        shown: dict[str, Any] = {"images": self.results}
        return {**shown, "animated": (True,)} if self.is_animated else shown


class PreviewText:
    """A text to show."""

    def __init__(self, value: str, **_more: Any) -> None:
        self.value = value

    def as_dict(self) -> dict[str, Any]:
        """Return what a canvas reads."""
        return {"text": (self.value,)}


def preview_image(folders: Folders) -> type[Any]:
    """Return ``ui.PreviewImage``, whose pictures go to the temporary folder."""

    class PreviewImage:
        """Pictures (batch, height, width, channels), 0 to 1, to show below a node."""

        def __init__(self, image: Any, animated: bool = False, cls: Any = None, **_more: Any) -> None:  # noqa: ARG002, FBT001, FBT002 - packs call it so
            self.values = [_save(picture, folders_now(folders)) for picture in image]

        def as_dict(self) -> dict[str, Any]:
            """Return what a canvas reads."""
            return {"images": self.values}

    return PreviewImage


def _save(picture: Any, folders: Folders) -> SavedResult:
    import numpy as np
    from PIL import Image

    pixels = (np.asarray(picture) * 255).clip(0, 255).astype("uint8")
    image = Image.fromarray(pixels)
    path = write_numbered(folders.temp, "preview", ".png", lambda file: image.save(file, "PNG"))
    return SavedResult(path.name, "", "temp")


def add_ui(module: ModuleType, folders: Folders) -> None:
    """Add what is here to a module."""
    module.__dict__.update(
        SavedResult=SavedResult, SavedImages=SavedImages, PreviewText=PreviewText, PreviewImage=preview_image(folders)
    )
