from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.packs.diffusion.checkpoints import save
from torch import nn

from inhouse.errors import ModelFormatError, ModelUnsupportedError
from inhouse.models.formats import open_model
from inhouse.models.safetensors_file import MappedTensors
from inhouse.packs.diffusion.weights import Origin, fill, read_all, read_origin, read_tensor, weights_of


def meta_linear() -> nn.Linear:
    with torch.device("meta"):
        return nn.Linear(3, 2)


@pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.int64,
     torch.int8, torch.uint8, torch.bool],
)  # fmt: skip
def test_every_type_is_read_as_it_was_written(tmp_path: Path, dtype: torch.dtype) -> None:
    tensor = torch.tensor([[0, 1, 1], [1, 0, 1]]).to(dtype)
    tensors = read_all(open_model(save(tmp_path / "m.safetensors", {"a": tensor, "b": torch.zeros(0, 3)})))
    assert tensors["a"].dtype == dtype
    assert tensors["a"].float().equal(tensor.float())
    assert tensors["b"].shape == (0, 3)


def test_a_type_that_torch_cannot_hold_is_refused(tmp_path: Path) -> None:
    raw = b'{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}'
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + b"\0")
    with open_model(path).reader() as reader, pytest.raises(ModelUnsupportedError, match="type F4"):
        read_tensor(reader, "a")


def test_a_part_of_a_tensor_and_a_turned_tensor_are_read(tmp_path: Path) -> None:
    tensor = torch.arange(12.0).reshape(6, 2)
    file = open_model(save(tmp_path / "m.safetensors", {"a": tensor}))
    with file.reader() as reader:
        parts = Origin(file, "a").split(3)
        assert [part.shape for part in parts] == [(2, 2)] * 3
        assert read_origin(reader, parts[1]).equal(tensor[2:4])
        turned = Origin(file, "a", transposed=True)
        assert turned.shape == (2, 6)
        assert read_origin(reader, turned).equal(tensor.T)


def test_a_network_is_filled_in_the_type_it_computes_in(tmp_path: Path) -> None:
    tensors = {"weight": torch.arange(6.0).reshape(2, 3).half(), "bias": torch.ones(2).half(), "other": torch.ones(1)}
    network = meta_linear()
    fill(network, weights_of([open_model(save(tmp_path / "m.safetensors", tensors))]), dtype=torch.float32)
    assert network.weight.dtype == torch.float32
    assert not network.weight.requires_grad
    assert network.weight.equal(tensors["weight"].float())
    assert network.bias.equal(torch.ones(2))


def test_a_convolution_of_one_pixel_fills_a_linear_layer(tmp_path: Path) -> None:
    tensors = {"weight": torch.arange(6.0).reshape(2, 3, 1, 1), "bias": torch.ones(2)}
    network = meta_linear()
    fill(network, weights_of([open_model(save(tmp_path / "m.safetensors", tensors))]), dtype=torch.float32)
    assert network.weight.equal(tensors["weight"][..., 0, 0])


@pytest.mark.parametrize("shape", [(3, 2), (6, 1), (2, 3, 2), (1, 2, 3)])
def test_another_shape_is_refused_by_name(tmp_path: Path, shape: tuple[int, ...]) -> None:
    tensors = {"weight": torch.zeros(shape), "bias": torch.ones(2)}
    weights = weights_of([open_model(save(tmp_path / "m.safetensors", tensors))])
    with pytest.raises(ModelFormatError, match=r"m\.safetensors: weight 'weight' has the shape"):
        fill(meta_linear(), weights, dtype=torch.float32)


def test_missing_weights_are_counted_and_named(tmp_path: Path) -> None:
    weights = weights_of([open_model(save(tmp_path / "m.safetensors", {"weight": torch.zeros(2, 3)}))])
    with pytest.raises(ModelFormatError, match=r"m\.safetensors: 1 of 2 weights are missing, for one 'bias'"):
        fill(meta_linear(), weights, dtype=torch.float32)


def test_only_the_networks_own_tensors_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = {"weight": torch.zeros(2, 3), "bias": torch.ones(2), "vae": torch.zeros(100)}
    weights = weights_of([open_model(save(tmp_path / "m.safetensors", tensors))])
    read: list[str] = []
    original = MappedTensors.bytes

    def watched(self: MappedTensors, name: str) -> memoryview:
        read.append(name)
        return original(self, name)

    monkeypatch.setattr(MappedTensors, "bytes", watched)
    fill(meta_linear(), weights, dtype=torch.float32)
    assert sorted(read) == ["bias", "weight"]


def in_map(tensor: torch.Tensor, path: Path) -> bool:
    """Whether a tensor's memory is a part of a mapping of that file."""
    maps = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    spans = [entry[0].split("-") for entry in maps if entry[-1] == str(path)]
    return any(int(start, 16) <= tensor.data_ptr() < int(end, 16) for start, end in spans)


mapped = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells what is mapped")


@mapped
def test_weights_in_the_right_type_are_the_file_itself_and_others_are_not(tmp_path: Path) -> None:
    tensors = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2).half()}
    path = save(tmp_path / "m.safetensors", tensors)
    network = meta_linear()
    fill(network, weights_of([open_model(path)]), dtype=torch.float32)
    assert [in_map(network.weight, path), in_map(network.bias, path)] == [True, False]
    assert network.weight.equal(tensors["weight"])
    assert network.bias.equal(torch.ones(2))
    network.weight[0] = 7
    assert network.weight[1].equal(tensors["weight"][1])
    assert read_all(open_model(path))["weight"].equal(tensors["weight"])


@mapped
def test_weights_can_stay_in_the_type_of_the_file(tmp_path: Path) -> None:
    tensors = {"weight": torch.arange(6.0).reshape(2, 3).to(torch.float8_e4m3fn), "bias": torch.ones(2).half()}
    path = save(tmp_path / "m.safetensors", tensors)
    network = meta_linear()
    fill(network, weights_of([open_model(path)]), dtype=None)
    assert (network.weight.dtype, network.bias.dtype) == (torch.float8_e4m3fn, torch.float16)
    assert in_map(network.weight, path)


def test_a_tensor_at_an_odd_place_is_copied(tmp_path: Path) -> None:
    header = (
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"weight":{"dtype":"F32","shape":[2,3],"data_offsets":'
        b'[1,25]},"bias":{"dtype":"F32","shape":[2],"data_offsets":[25,33]}}'
    )
    header += b" " * (-len(header) % 8)
    values = torch.arange(8.0)
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" + values.numpy().tobytes())
    network = meta_linear()
    fill(network, weights_of([open_model(path)]), dtype=torch.float32)
    assert network.weight.data_ptr() % 4 == 0
    assert network.weight.equal(values[:6].reshape(2, 3))
    assert network.bias.equal(values[6:])


def test_rounding_comes_before_the_type_to_compute_in(tmp_path: Path) -> None:
    tensors = {"weight": torch.full((2, 3), 0.3), "bias": torch.ones(2)}
    network = meta_linear()
    file = open_model(save(tmp_path / "m.safetensors", tensors))
    fill(network, weights_of([file]), dtype=torch.float32, rounded=torch.float8_e4m3fn)
    assert network.weight.equal(torch.full((2, 3), 0.3125))


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int64, torch.bool])
def test_weights_of_whole_numbers_are_refused_by_name(tmp_path: Path, dtype: torch.dtype) -> None:
    tensors = {"weight": torch.ones(2, 3).to(dtype), "bias": torch.ones(2)}
    weights = weights_of([open_model(save(tmp_path / "m.safetensors", tensors))])
    with pytest.raises(ModelUnsupportedError, match=r"m\.safetensors: weight 'weight' has the type .*quantised"):
        fill(meta_linear(), weights, dtype=torch.float32)
