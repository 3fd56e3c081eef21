"""Nodes for tensors on their way into and out of a model."""

from typing import Annotated, Any

from inhouse import Image, Range, node
from inhouse.errors import NodeInputError
from inhouse.packs.inference.wires import Labels, Ranking, Tensor, Tensors

_CATEGORY = "inference/tensors"


@node("SelectTensor", category=_CATEGORY, display_name="Select Tensor")
def select_tensor(*, tensors: Tensors, name: str | None = "") -> Tensor:
    """Take one of several tensors, by its name; the first where none is given."""
    if not name:
        return next(iter(tensors.values()))
    if name not in tensors:
        raise NodeInputError(f"There is no {name!r}; there are {', '.join(tensors)}.", input_name="name")
    return tensors[name]


@node("NamedTensor", category=_CATEGORY, display_name="Name Tensor")
def named_tensor(*, tensor: Tensor, name: str, tensors: Tensors | None = None) -> Tensors:
    """Give a tensor the name that a model knows it by, beside others."""
    return {**(tensors or {}), name: tensor}


@node("MeanPool", category=_CATEGORY, display_name="Mean Pooling")
def mean_pool(*, tensor: Tensor, tokens: Tensors) -> Tensor:
    """Average the states of a text's tokens, without those that only fill up."""
    from inhouse.packs.inference import scores

    if "attention_mask" not in tokens:
        raise NodeInputError("There is no attention_mask.", hint="Link Tokenize to it.", input_name="tokens")
    return scores.mean_pool(tensor, tokens["attention_mask"])


@node("NormalizeVectors", category=_CATEGORY, display_name="Normalize Vectors")
def normalize_vectors(*, tensor: Tensor) -> Tensor:
    """Make every vector's length 1."""
    from inhouse.packs.inference.scores import normalize

    return normalize(tensor)


@node("Softmax", category=_CATEGORY)
def softmax(*, tensor: Tensor) -> Tensor:
    """Turn scores into probabilities along the last axis."""
    from inhouse.packs.inference import scores

    return scores.softmax(tensor)


@node("TopK", category=_CATEGORY, display_name="Best Labels")
def top_k(*, scores: Tensor, labels: Labels, k: Annotated[int | None, Range(1, 1000)] = 5) -> Ranking:
    """Name the best-scored labels of each row, the best first."""
    from inhouse.packs.inference.scores import top

    return top(scores, labels, k or 5)


@node("TensorToImage", category=_CATEGORY, display_name="Tensor to Image")
def tensor_to_image(*, tensor: Tensor) -> Image:
    """Show a tensor as pictures: (rows, height, width[, channels]), bytes, or numbers from 0 to 1."""
    from inhouse.packs.inference.canvas import to_image

    return to_image(tensor)


@node("ImageToTensor", category=_CATEGORY, display_name="Image to Tensor")
def image_to_tensor(*, image: Image) -> Tensor:
    """Give pictures to a model: (rows, height, width, channels), float32, 0 to 1."""
    from inhouse.packs.inference.canvas import to_tensor

    return to_tensor(image)


NODES: tuple[Any, ...] = (
    select_tensor,
    named_tensor,
    mean_pool,
    normalize_vectors,
    softmax,
    top_k,
    tensor_to_image,
    image_to_tensor,
)
