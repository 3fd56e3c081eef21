"""Nodes for text."""

import json
from typing import Annotated, Any

from inhouse import Choices, Output, Range, Result, Widget, node

Multiline = Annotated[str, Widget({"multiline": True})]
Line = Annotated[str, Widget({"multiline": False})]
_CATEGORY = "utils/string"


@node("StringConcatenate", category=_CATEGORY, display_name="Concatenate")
def string_concatenate(*, string_a: Multiline, string_b: Multiline, delimiter: Line = "") -> str:
    """Join two texts."""
    return f"{string_a}{delimiter}{string_b}"


@node("StringSubstring", category=_CATEGORY, display_name="Substring")
def string_substring(*, string: Multiline, start: int, end: int) -> str:
    """Cut a piece out of a text, counted from 0; negative numbers count from the end."""
    return string[start:end]


@node("StringLength", category=_CATEGORY, display_name="Length")
def string_length(*, string: Multiline) -> Annotated[int, Output("length")]:
    """Count the characters of a text."""
    return len(string)


@node("CaseConverter", category=_CATEGORY, display_name="Case Converter")
def case_converter(
    *, string: Multiline, mode: Annotated[str, Choices(("UPPERCASE", "lowercase", "Capitalize", "Title Case"))]
) -> str:
    """Change the case of a text."""
    match mode:
        case "UPPERCASE":
            return string.upper()
        case "lowercase":
            return string.lower()
        case "Capitalize":
            return string.capitalize()
        case _:
            return string.title()


@node("StringTrim", category=_CATEGORY, display_name="Trim")
def string_trim(*, string: Multiline, mode: Annotated[str, Choices(("Both", "Left", "Right"))]) -> str:
    """Remove white space from the ends of a text."""
    match mode:
        case "Left":
            return string.lstrip()
        case "Right":
            return string.rstrip()
        case _:
            return string.strip()


@node("StringReplace", category=_CATEGORY, display_name="Replace")
def string_replace(*, string: Multiline, find: Multiline, replace: Multiline) -> str:
    """Replace every occurrence of a text in another one."""
    return string.replace(find, replace)


@node("StringContains", category=_CATEGORY, display_name="Contains")
def string_contains(
    *, string: Multiline, substring: Multiline, case_sensitive: bool = True
) -> Annotated[bool, Output("contains")]:
    """Tell whether a text contains another one."""
    return _cased(substring, case_sensitive) in _cased(string, case_sensitive)


@node("StringCompare", category=_CATEGORY, display_name="Compare")
def string_compare(
    *,
    string_a: Multiline,
    string_b: Multiline,
    mode: Annotated[str, Choices(("Starts With", "Ends With", "Equal"))],
    case_sensitive: bool = True,
) -> bool:
    """Compare a text with another one."""
    first, second = _cased(string_a, case_sensitive), _cased(string_b, case_sensitive)
    match mode:
        case "Starts With":
            return first.startswith(second)
        case "Ends With":
            return first.endswith(second)
        case _:
            return first == second


@node("RegexMatch", category=_CATEGORY, display_name="Regex Match")
def regex_match(
    *,
    string: Multiline,
    regex_pattern: Multiline,
    case_insensitive: bool = True,
    multiline: bool = False,
    dotall: bool = False,
) -> Annotated[bool, Output("matches")]:
    """Tell whether a pattern occurs in a text."""
    from inhouse.packs.text.patterns import Pattern

    return Pattern(regex_pattern, case_insensitive, multiline, dotall).matches(string)


@node("RegexExtract", category=_CATEGORY, display_name="Regex Extract")
def regex_extract(
    *,
    string: Multiline,
    regex_pattern: Multiline,
    mode: Annotated[str, Choices(("First Match", "All Matches", "First Group", "All Groups"))],
    case_insensitive: bool = True,
    multiline: bool = False,
    dotall: bool = False,
    group_index: Annotated[int, Range(0, 100)] = 1,
) -> str:
    """Take what a pattern finds in a text; several finds become lines."""
    from inhouse.packs.text.patterns import Pattern

    pattern = Pattern(regex_pattern, case_insensitive, multiline, dotall)
    group = group_index if mode.endswith(("Group", "Groups")) else 0
    return pattern.first(string, group) if mode.startswith("First") else "\n".join(pattern.all(string, group))


@node("RegexReplace", category=_CATEGORY, display_name="Regex Replace")
def regex_replace(
    *,
    string: Multiline,
    regex_pattern: Multiline,
    replace: Multiline,
    case_insensitive: bool | None = True,
    multiline: bool | None = False,
    dotall: bool | None = False,
    count: Annotated[int, Range(0, 100)] | None = 0,
) -> str:
    r"""Replace what a pattern finds in a text; ``\1`` stands for group 1, a count of 0 for all."""
    from inhouse.packs.text.patterns import Pattern

    pattern = Pattern(regex_pattern, bool(case_insensitive), bool(multiline), bool(dotall))
    return pattern.replace(string, replace, count or 0)


@node("PreviewAny", category="utils", display_name="Preview Any", output_node=True)
def preview_any(*, source: Any) -> Result:
    """Show a value as text."""
    return Result(ui={"text": (_shown(source),)})


def _cased(string: str, case_sensitive: bool) -> str:  # noqa: FBT001 - handed on from a widget
    return string if case_sensitive else string.lower()


def _shown(value: Any) -> str:
    if isinstance(value, dict | list | tuple):
        try:
            return json.dumps(value, indent=4)
        except (TypeError, ValueError):
            return str(value)
    return str(value)


NODES = (
    string_concatenate,
    string_substring,
    string_length,
    case_converter,
    string_trim,
    string_replace,
    string_contains,
    string_compare,
    regex_match,
    regex_extract,
    regex_replace,
    preview_any,
)
