"""DICOM (ISO 12052): slices in, de-identified, windowed, with what a model found laid over them."""
