from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.data import get_testdata_file

from inhouse.errors import NodeInputError
from inhouse.packs.inference.dicom.deidentifying import Deidentifier, to_file
from inhouse.packs.inference.dicom.nodes import (
    decode_dicom,
    deidentify_dicom,
    describe_dicom,
    encode_dicom,
    new_study_key,
    overlay_maps,
    stack_pixels,
    window_dicom,
)
from inhouse.packs.inference.dicom.overlay import overlaid
from inhouse.packs.inference.dicom.reading import read_slices
from inhouse.packs.inference.dicom.windowing import window


def file(name: str) -> bytes:
    found = get_testdata_file(name)
    assert isinstance(found, str)
    return Path(found).read_bytes()


@pytest.fixture(scope="module")
def ct() -> bytes:
    return file("CT_small.dcm")


def changed(data: bytes, **values: object) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(data))
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    place = io.BytesIO()
    dataset.save_as(place)
    return place.getvalue()


def test_a_ct_is_read_in_hounsfield_units(ct: bytes) -> None:
    (found,) = read_slices([ct])
    assert found.pixels.shape == (128, 128)
    assert found.pixels.dtype == np.float32
    assert found.pixels.min() == -896
    assert 0 < found.pixels.max() < 3000


@pytest.mark.parametrize("name", ["MR_small.dcm", "CT_small.dcm", "MR_small_RLE.dcm"])
def test_slices_of_several_kinds_become_pictures(name: str) -> None:
    (found,) = read_slices([file(name)])
    grey = window(found)
    assert grey.min() >= 0
    assert grey.max() <= 1
    assert grey.std() > 0.01


def test_a_window_is_the_standards_formula(ct: bytes) -> None:
    (found,) = read_slices([ct])
    grey = window(found, 40, 400)
    low, high = 40 - 0.5 - 399 / 2, 40 - 0.5 + 399 / 2
    assert np.array_equal(grey == 0, found.pixels <= low)
    assert np.array_equal(grey == 1, found.pixels >= high)
    inside = (found.pixels > low) & (found.pixels < high)
    assert np.allclose(grey[inside], (found.pixels[inside] - 39.5) / 399 + 0.5, atol=1e-6)


def test_what_is_white_in_monochrome1_is_the_least_value(ct: bytes) -> None:
    plain, inverted = read_slices([ct, changed(ct, PhotometricInterpretation="MONOCHROME1")])
    assert np.allclose(window(plain) + window(inverted), 1)


def test_a_files_own_window_is_taken_and_a_senseless_one_is_not(ct: bytes) -> None:
    own, wrong, plain = read_slices(
        [
            changed(ct, WindowCenter=["40", "0"], WindowWidth=["400", "1"]),
            changed(ct, WindowCenter=5, WindowWidth=0),
            ct,
        ]
    )
    assert np.array_equal(window(own), window(plain, 40, 400))
    assert np.array_equal(window(wrong), window(plain))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"NumberOfFrames": 3}, "3 frames"),
        ({"PhotometricInterpretation": "RGB"}, "not a grey picture"),
        ({"Rows": 60000, "Columns": 60000}, "60000 x 60000"),
        ({"Rows": 0}, "no picture"),
        ({"Rows": 300}, "cannot be read"),
    ],
)
def test_what_is_no_single_grey_picture_is_refused(ct: bytes, values: dict[str, object], said: str) -> None:
    with pytest.raises(NodeInputError, match=said) as told:
        read_slices([ct, changed(ct, **values)])
    assert "File 2" in str(told.value)


def test_pixels_in_a_format_that_nothing_reads_are_told_by_its_name() -> None:
    with pytest.raises(NodeInputError, match="JPEG"):
        read_slices([file("JPEG-lossy.dcm")])


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_whatever_bytes_come_they_are_refused_in_our_words(data: bytes) -> None:
    with pytest.raises(NodeInputError):
        read_slices([data])


@pytest.mark.filterwarnings("ignore")  # pydicom's, of spoilt values
@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_spoilt_file_is_read_or_refused(data: st.DataObject) -> None:
    spoilt = bytearray(file("CT_small.dcm"))
    for _ in range(data.draw(st.integers(1, 20))):
        spoilt[data.draw(st.integers(0, 6000))] = data.draw(st.integers(0, 255))
    try:
        (found,) = read_slices([bytes(spoilt)])
    except NodeInputError:
        return
    assert found.pixels.ndim == 2


def test_nobody_is_named_any_more(ct: bytes) -> None:
    marked = changed(
        ct,
        PatientName="Mustermann^Erika",
        PatientID="4711-SECRET",
        PatientBirthDate="19640812",
        InstitutionName="Charity Hospital",
        OperatorsName="Nurse^Jane",
        StudyDescription="of Mrs Mustermann",
        ReferringPhysicianName="House^Gregory",
        ImageComments="call 030 123456",
    )
    (found,) = read_slices([marked])
    original = str(found.dataset.SOPInstanceUID)
    cleaned, counts = Deidentifier().apply(found)
    written = to_file(cleaned)
    for secret in ("Mustermann", "4711", "19640812", "Charity", "Nurse", "House^", "030 123", original):
        assert secret.encode() not in written
    assert counts["remove"] > 10
    assert counts["new uid"] >= 3
    assert all(isinstance(count, int) for count in counts.values())


def test_the_picture_stays_and_the_header_says_what_was_done(ct: bytes) -> None:
    (found,) = read_slices([ct])
    cleaned, _ = Deidentifier().apply(found)
    (again,) = read_slices([to_file(cleaned)])
    assert np.array_equal(again.pixels, found.pixels)
    assert np.array_equal(window(again, 40, 400), window(found, 40, 400))
    assert again.dataset.PatientIdentityRemoved == "YES"
    assert again.dataset.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert not [element for element in again.dataset if element.tag.is_private]
    assert found.dataset.PatientName == "CompressedSamples^CT1"  # what came in is as it was


def test_a_study_stays_together_and_nobody_else_can_tell_which(ct: bytes) -> None:
    (found,) = read_slices([ct])
    one, other = Deidentifier(), Deidentifier()
    uids = [who.apply(found)[0].dataset.StudyInstanceUID for who in (one, one, other)]
    assert uids[0] == uids[1] != uids[2]
    assert str(uids[0]).startswith("2.25.")
    assert len(str(uids[0])) <= 64


def test_text_in_the_pixels_is_not_passed_over(ct: bytes) -> None:
    (found,) = read_slices([changed(ct, BurnedInAnnotation="YES")])
    with pytest.raises(NodeInputError, match="burned into"):
        Deidentifier().apply(found)
    assert Deidentifier().apply(found, burned_in=True)[0].dataset.PatientIdentityRemoved == "YES"


def test_names_inside_of_sequences_go_as_well(ct: bytes) -> None:
    dataset = pydicom.dcmread(io.BytesIO(ct))
    item = pydicom.Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3.4.5"
    item.PersonName = "Hidden^Name"
    dataset.ReferencedImageSequence = pydicom.Sequence([item])
    place = io.BytesIO()
    dataset.save_as(place)
    written = to_file(Deidentifier().apply(read_slices([place.getvalue()])[0])[0])
    assert b"Hidden" not in written
    assert b"1.2.3.4.5" not in written


def test_the_map_is_drawn_where_it_is_and_nowhere_else() -> None:
    grey = np.full((8, 8), 0.5, np.float32)
    found = np.zeros((8, 8), np.float32)
    found[:4] = 1
    picture = np.asarray(Image.open(io.BytesIO(overlaid(grey, found, 1.0))))
    assert (picture[:4, :, 0] > picture[:4, :, 2]).all()
    assert (picture[4:] == 128).all()


def test_the_nodes_go_from_files_to_an_overlay(ct: bytes) -> None:
    slices = decode_dicom(files=[ct, file("MR_small.dcm")])
    cleaned = deidentify_dicom(slices=slices, key=new_study_key())
    pixels = window_dicom(slices=cleaned.slices, center=40, width=400)
    tensor = stack_pixels(pixels=pixels, height=32, width=48, channels=3, mean=0.5, std=0.5)
    assert tensor.shape == (2, 3, 32, 48)
    assert tensor.min() >= -1
    assert tensor.max() <= 1
    drawn = overlay_maps(pixels=pixels, maps=np.ones((2, 1, 4, 4), np.float32))
    assert [Image.open(io.BytesIO(png)).size for png in drawn] == [(128, 128), (64, 64)]
    assert [row["modality"] for row in describe_dicom(slices=cleaned.slices)] == ["CT", "MR"]
    assert len(read_slices(encode_dicom(slices=cleaned.slices))) == 2
