"""De-identifying: a copy of a slice's header that names nobody; the pixels stay as they are."""

from __future__ import annotations

import copy
import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inhouse.errors import NodeInputError
from inhouse.packs.inference.dicom.profile import NEEDED, PROFILE, SUSPECT, Fate
from inhouse.packs.inference.dicom.reading import Slice

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

METHOD = "Inhouse: DICOM PS3.15 Basic Application Level Confidentiality Profile"
_CODE = ("113100", "DCM", "Basic Application Confidentiality Profile")
_OVERLAYS = frozenset({0x5000, 0x6000})
"""Groups of curves and overlay planes, which often have text drawn in them (the last two digits count)."""


@dataclass(frozen=True, slots=True)
class Deidentifier:
    """Takes out of slices who they are of.

    Attributes:
        secret: from which new UIDs are made: the same UID always becomes the same within one deidentifier, so that a
            study stays together; nobody without the secret can tell which it was.

    """

    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def apply(self, slice_: Slice, *, burned_in: bool = False) -> tuple[Slice, dict[str, int]]:
        """Return a slice without identity, and how many attributes met which fate.

        Args:
            slice_: the slice; it stays as it is.
            burned_in: accept a picture that says that text is drawn into its pixels.

        Raises:
            NodeInputError: text is drawn into the pixels, which no change of a header takes out.

        """
        if not burned_in and str(slice_.dataset.get("BurnedInAnnotation", "NO")).upper() == "YES":
            raise NodeInputError(
                "The slice says that text is burned into its pixels, which may name the patient.",
                hint="Black it out first, or allow burned-in annotations if you know what it is.",
            )
        dataset = copy.deepcopy(slice_.dataset)
        counts: dict[str, int] = {}
        self._clean(dataset, counts)
        if getattr(dataset, "file_meta", None) is not None:
            self._clean(dataset.file_meta, counts)
        if dataset.preamble is not None:
            dataset.preamble = b"\0" * 128
        _declare(dataset)
        return Slice(dataset, slice_.pixels), counts

    def _clean(self, dataset: Dataset, counts: dict[str, int]) -> None:
        for element in list(dataset):
            decided = fate(element)
            if decided == "remove":
                del dataset[element.tag]
            elif decided == "empty":
                element.value = None
            elif decided == "new uid":
                element.value = self._renamed(element.value)
            elif element.VR == "SQ":
                for item in element.value:
                    self._clean(item, counts)
            if decided != "keep":
                counts[decided] = counts.get(decided, 0) + 1

    def _renamed(self, value: Any) -> Any:
        from pydicom.multival import MultiValue

        if isinstance(value, MultiValue | list):
            return [self._renamed(one) for one in value]
        if not value:
            return value
        # PS3.5, B.2: a UUID as a decimal number under the root 2.25 is a UID.
        digest = hmac.new(self.secret, str(value).encode(), hashlib.sha256).digest()[:16]
        return f"2.25.{uuid.UUID(bytes=digest, version=4).int}"


def fate(element: DataElement) -> Fate:
    """Return what becomes of an attribute."""
    group = element.tag.group
    if element.tag.is_private or group & 0xFF00 in _OVERLAYS:
        return "remove"
    if element.keyword in PROFILE:
        return PROFILE[element.keyword]
    if element.keyword in NEEDED:
        return "keep"
    return "remove" if not element.keyword or element.VR in SUSPECT else "keep"


def _declare(dataset: Dataset) -> None:
    """Say in the header that it names nobody any more, and by which profile (PS3.15, E.1.1)."""
    from pydicom.dataset import Dataset as Item
    from pydicom.sequence import Sequence

    code = Item()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = _CODE
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = METHOD[:64]
    dataset.DeidentificationMethodCodeSequence = Sequence([code])
    dataset.LongitudinalTemporalInformationModified = "REMOVED"


def to_file(slice_: Slice) -> bytes:
    """Return a slice as a DICOM file."""
    import io
    import warnings

    place = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that bent the standard before they came here
        slice_.dataset.save_as(place, enforce_file_format=True)
    return place.getvalue()
