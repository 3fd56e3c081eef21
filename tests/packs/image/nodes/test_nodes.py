"""Each node hands its inputs to the right function of the library."""

from typing import Any

import pytest
import torch

from inhouse.packs.image import register_nodes

NODES = {spec.id: spec for spec in register_nodes()}
IMAGE = torch.linspace(0, 1, 48).view(1, 4, 4, 3)
MASK = torch.linspace(0, 1, 16).view(1, 4, 4)


@pytest.mark.parametrize(
    ("node_id", "inputs", "shape"),
    [
        (
            "ImageScale",
            {"image": IMAGE, "upscale_method": "area", "width": 8, "height": 2, "crop": "center"},
            (1, 2, 8, 3),
        ),
        ("ImageScaleBy", {"image": IMAGE, "upscale_method": "bilinear", "scale_by": 2.0}, (1, 8, 8, 3)),
        (
            "ImageScaleToTotalPixels",
            {"image": IMAGE, "upscale_method": "bicubic", "megapixels": 64 / 1024**2},
            (1, 8, 8, 3),
        ),
        ("ImageScaleToMaxDimension", {"image": IMAGE, "upscale_method": "area", "largest_size": 2}, (1, 2, 2, 3)),
        ("ImageScaleToMaxDimension", {"image": IMAGE, "upscale_method": "area", "largest_size": 0}, (1, 4, 4, 3)),
        (
            "ResizeAndPadImage",
            {
                "image": IMAGE,
                "target_width": 8,
                "target_height": 6,
                "padding_color": "white",
                "interpolation": "area",
            },
            (1, 6, 8, 3),
        ),
        ("ImageCrop", {"image": IMAGE, "width": 2, "height": 3, "x": 1, "y": 1}, (1, 3, 2, 3)),
        ("ImageFlip", {"image": IMAGE, "flip_method": "x-axis: vertically"}, (1, 4, 4, 3)),
        ("ImageRotate", {"image": IMAGE, "rotation": "90 degrees"}, (1, 4, 4, 3)),
        ("ImageStitch", {"image1": IMAGE}, (1, 4, 4, 3)),
        ("ImageStitch", {"image1": IMAGE, "image2": IMAGE, "direction": "down"}, (1, 8, 4, 3)),
        ("EmptyImage", {"width": 2, "height": 3, "batch_size": 4, "color": 0}, (4, 3, 2, 3)),
        ("ImageBatch", {"image1": IMAGE, "image2": IMAGE}, (2, 4, 4, 3)),
        ("ImageFromBatch", {"image": IMAGE, "batch_index": 0, "length": 2}, (1, 4, 4, 3)),
        ("RepeatImageBatch", {"image": IMAGE, "amount": 3}, (3, 4, 4, 3)),
        ("ImageInvert", {"image": IMAGE}, (1, 4, 4, 3)),
        ("ImageBlend", {"image1": IMAGE, "image2": IMAGE, "blend_factor": 0.5, "blend_mode": "screen"}, (1, 4, 4, 3)),
        ("ImageQuantize", {"image": IMAGE, "colors": 4, "dither": "bayer-2"}, (1, 4, 4, 3)),
        ("ImageYUVToRGB", {"Y": IMAGE, "U": IMAGE, "V": IMAGE}, (1, 4, 4, 3)),
        ("ImageBlur", {"image": IMAGE, "blur_radius": 1, "sigma": 1.0}, (1, 4, 4, 3)),
        ("ImageSharpen", {"image": IMAGE, "sharpen_radius": 1, "sigma": 1.0, "alpha": 1.0}, (1, 4, 4, 3)),
        ("Morphology", {"image": IMAGE, "operation": "open", "kernel_size": 3}, (1, 4, 4, 3)),
        ("Canny", {"image": IMAGE, "low_threshold": 0.1, "high_threshold": 0.2}, (1, 4, 4, 3)),
        ("ImageAddNoise", {"image": IMAGE, "seed": 1, "strength": 0.1}, (1, 4, 4, 3)),
        ("ImageCompositeMasked", {"destination": IMAGE, "source": IMAGE, "x": 1, "y": 1, "mask": MASK}, (1, 4, 4, 3)),
        ("JoinImageWithAlpha", {"image": IMAGE, "alpha": MASK}, (1, 4, 4, 4)),
        ("MaskToImage", {"mask": MASK}, (1, 4, 4, 3)),
        ("ImageToMask", {"image": IMAGE, "channel": "red"}, (1, 4, 4)),
        ("ImageColorToMask", {"image": IMAGE, "color": 0}, (1, 4, 4)),
        ("SolidMask", {"value": 0.5, "width": 2, "height": 3}, (1, 3, 2)),
        ("InvertMask", {"mask": MASK}, (1, 4, 4)),
        ("CropMask", {"mask": MASK, "x": 1, "y": 1, "width": 2, "height": 9}, (1, 3, 2)),
        ("MaskComposite", {"destination": MASK, "source": MASK, "x": 1, "y": 0, "operation": "xor"}, (1, 4, 4)),
        ("FeatherMask", {"mask": MASK, "left": 1}, (1, 4, 4)),
        ("GrowMask", {"mask": MASK, "expand": 1, "tapered_corners": False}, (1, 4, 4)),
        ("ThresholdMask", {"mask": MASK, "value": 0.5}, (1, 4, 4)),
    ],
)
def test_a_node_returns_a_picture_or_mask(node_id: str, inputs: dict[str, Any], shape: tuple[int, ...]) -> None:
    before = {name: value.clone() for name, value in inputs.items() if isinstance(value, torch.Tensor)}

    result = NODES[node_id](**inputs)

    assert result.shape == shape
    assert result.dtype == torch.float32
    assert all(inputs[name].equal(value) for name, value in before.items()), "inputs are shared with other nodes"


def test_nodes_with_several_outputs_name_them() -> None:
    assert NODES["GetImageSize"](image=torch.zeros(5, 2, 3, 3)) == (3, 2, 5)
    padded = NODES["ImagePadForOutpaint"](image=IMAGE, left=8, top=0, right=0, bottom=0, feathering=0)
    assert (padded.IMAGE.shape, padded.MASK.shape) == ((1, 4, 12, 3), (1, 4, 12))
    split = NODES["SplitImageWithAlpha"](image=IMAGE)
    assert (split.IMAGE.shape, split.MASK.shape) == ((1, 4, 4, 3), (1, 4, 4))
    planes = NODES["ImageRGBToYUV"](image=IMAGE)
    assert (planes.Y.shape, planes.U.shape, planes.V.shape) == (IMAGE.shape, IMAGE.shape, IMAGE.shape)
    composed = NODES["PorterDuffImageComposite"](
        source=IMAGE, source_alpha=MASK, destination=IMAGE, destination_alpha=MASK, mode="XOR"
    )
    assert (composed.IMAGE.shape, composed.MASK.shape) == ((1, 4, 4, 3), (1, 4, 4))


def test_batches_are_regrouped_over_a_list() -> None:
    groups = NODES["RebatchImages"](images=[IMAGE, IMAGE, IMAGE], batch_size=[2])

    assert [len(group) for group in groups] == [2, 1]


def test_flips_and_turns_go_the_way_their_names_say() -> None:
    assert NODES["ImageFlip"](image=IMAGE, flip_method="x-axis: vertically").equal(IMAGE.flip(1))
    assert NODES["ImageFlip"](image=IMAGE, flip_method="y-axis: horizontally").equal(IMAGE.flip(2))
    assert NODES["ImageRotate"](image=IMAGE, rotation="none").equal(IMAGE)
    assert NODES["ImageRotate"](image=IMAGE, rotation="270 degrees").equal(IMAGE.rot90(1, (1, 2)))


def test_a_colour_is_read_as_rrggbb() -> None:
    image = NODES["EmptyImage"](width=1, height=1, batch_size=1, color=0xFF8000)

    assert torch.allclose(image, torch.tensor([1.0, 128 / 255, 0.0]))
    assert NODES["ImageColorToMask"](image=image, color=0xFF8000).item() == 1
