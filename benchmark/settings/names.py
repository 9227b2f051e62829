"""Names in `params.yaml`: the rules, and suggestions for unknown names."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from benchmark.system.patterns import COMMIT, HUB_ID, REVISION

SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
RESERVED = frozenset({"none"})
NUMBER_WORDS = frozenset({"nan", "na", "inf", "infinity"})
"""Names that readers of tables take for a missing value or a number."""
YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})

HubId = Annotated[str, Field(pattern=f"^{HUB_ID}$")]
Commit = Annotated[str, Field(pattern=f"^{COMMIT}$")]
Revision = Annotated[str, Field(pattern=f"^{REVISION}$", max_length=200)]
"""A commit of the Hub, or a branch or tag, which `gapbench track pin` replaces by its commit before anything runs."""


def check_name(name: object) -> str:
    """A name of a corpus, model or arm: it is part of file names and commands, so its characters are restricted."""
    if not isinstance(name, str):
        raise ValueError(
            f"name {name!r} is read by YAML as {type(name).__name__}, and DVC would drop it: "
            f"use a name such as 'corpus-{str(name).lower()}'"
        )
    if name in YAML_WORDS:
        raise ValueError(
            f"name '{name}' is read by YAML 1.1 as a boolean (bool) or null: use a name such as 'my-{name}'"
        )
    if name in NUMBER_WORDS:
        raise ValueError(
            f"name '{name}' is read from tables as a number or as missing: use a name such as 'my-{name}'"
        )
    if not SLUG.fullmatch(name) or len(name) > 60:
        raise ValueError(
            f"name {name!r} is not a valid name: use lower-case letters, digits and single hyphens, a letter first, "
            "60 at most"
        )
    if name in RESERVED:
        raise ValueError(f"name {name!r} is reserved: choose another")
    return name


def nearest(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    """The words `, did you mean 'x'?` for the nearest known name, or the known names."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f", did you mean '{close[0]}'?" if close else f"; known: {', '.join(sorted(known))}"
