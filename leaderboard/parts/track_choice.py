"""The choice of the entry, and of the run, that a page is about."""

from leaderboard.parts import order
from leaderboard.site import state
from leaderboard.site.track_data import KEY, ResultTable

SEPARATOR = " / "


def entry_keys(
    entries: ResultTable, track: str, *, kinds: tuple[str, ...] = ("entry", "control"), by_rank: bool = False
) -> list[tuple[str, str, str]]:
    """(model, arm, corpus) of the rows of these kinds by gain, or by rank, entries before controls."""
    frame = entries.frame
    if frame.empty:
        return []
    frame = frame[frame["row_kind"].isin(kinds)] if frame["row_kind"].notna().any() else frame
    arm = order.claims_arm(track)
    by = "placing" if by_rank else "standing"
    placed = (order.placing if by_rank else order.standing)(frame, arm).sort_values(by)
    return list(placed[KEY].itertuples(index=False, name=None))


def pick_entry(keys: list[tuple[str, str, str]], **layout: object) -> tuple[str, str, str]:
    """An entry by model, treatment and corpus; each choice offers what is left by the ones before it."""
    models = list(dict.fromkeys(key[0] for key in keys))
    model = state.pick_one("Model", models, "model", explicit=True, **layout)
    arms = list(dict.fromkeys(key[1] for key in keys if key[0] == model))
    arm = state.pick_one("Treatment", arms, "arm", explicit=True, **layout)
    corpora = list(dict.fromkeys(key[2] for key in keys if key[:2] == (model, arm)))
    return model, arm, state.pick_one("Texts from", corpora, "corpus", explicit=True, **layout)


def name_of(key: tuple[str, str, str]) -> str:
    """`model / treatment / corpus`."""
    return SEPARATOR.join(key)


def by_name(keys: list[tuple[str, str, str]]) -> dict[str, tuple[str, str, str]]:
    """Entries by their name; of two with the same name the first."""
    named: dict[str, tuple[str, str, str]] = {}
    for key in keys:
        named.setdefault(name_of(key), key)
    return named
