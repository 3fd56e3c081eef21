# mypy: ignore-errors
# ruff: noqa: ANN001, ANN204, SLOT000 - written as packs of third parties are
class AnyType(str):
    """The usual trick for a type that fits every other."""

    def __ne__(self, other):
        return False
