"""The example of medical pictures: from a DICOM file to an overlay, without identity."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
import pytest
from examples import medical
from examples.steps import ask
from PIL import Image
from pydicom.data import get_testdata_file

pytest.importorskip("openvino")


def test_a_slice_comes_back_with_a_map_over_it_and_without_identity(tmp_path: Path) -> None:
    mr = Path(str(get_testdata_file("MR_small.dcm", download=False))).read_bytes()
    found = medical.run(tmp_path, [medical.sample(), mr])
    pictures = [Image.open(io.BytesIO(content)) for content in found["overlays"]]
    assert [picture.size for picture in pictures] == [(128, 128), (64, 64)]
    before = pydicom.dcmread(io.BytesIO(medical.sample()))
    after = pydicom.dcmread(io.BytesIO(found["slices"][0]))
    assert after.PatientName != before.PatientName
    assert after.SOPInstanceUID != before.SOPInstanceUID
    assert (after.pixel_array == before.pixel_array).all()
    assert "PatientName" not in str(found["reports"])
    assert list(found["steps"]) == [
        "DecodeDicom",
        "DeidentifyDicom",
        "WindowDicom",
        "StackPixels",
        "NamedTensor",
        "RunModel",
        "SelectTensor",
        "OverlayMaps",
        "EncodeDicom",
    ]
    refused = ask(tmp_path / "air-in-tissue-dicom", {"slices": [b"no slice"]}, 1)
    assert refused["error"]["code"] == "node_input_invalid"
    assert "no DICOM file" in refused["error"]["message"]
