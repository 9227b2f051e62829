"""Charts of runs: by step, by text, by learning rate, by loss on the corpus; and the effect of choosing a step."""

from typing import Any

import altair as alt
import pandas as pd

from leaderboard.display.charts import ink, legend, palette, quiet, score_axis, tips, zero_line

GAIN = "Gain over the untreated model"


def _band(base: alt.Chart, x: alt.X, low: alt.Y, high: str = "high:Q", **colour: Any) -> alt.Chart:
    """The area between two columns: a line's interval."""
    return base.mark_area(opacity=0.15, **colour).encode(x, low, y2=high)


def steps(run_curves: pd.DataFrame, mean: pd.DataFrame, marks: pd.DataFrame) -> alt.LayerChart:
    """Score by step: each run a thin line, the mean a thick one with its interval, chosen steps as marks."""
    title = ["Steps applied", "(0 is the untreated model)"]
    x = alt.X("step:Q", title=title, axis=alt.Axis(tickMinStep=1, format="d"))
    layers = []
    if len(run_curves):
        runs = alt.Chart(run_curves).mark_line(strokeWidth=0.8, opacity=0.45, color=quiet())
        layers.append(runs.encode(x, score_axis("score"), detail=["draw:N", "text_id:N", "seed:N"]))
    if len(mean):
        base, colour = alt.Chart(mean), palette()[1]
        line = base.mark_line(strokeWidth=3.2, color=colour, point=alt.OverlayMarkDef(size=28))
        tip = tips(
            ("step:Q", "Step"),
            ("mean:Q", "Mean", ".4f"),
            ("low:Q", "95 % low", ".4f"),
            ("high:Q", "95 % high", ".4f"),
            ("n_texts:Q", "Texts"),
        )
        layers.append(_band(base, x, score_axis("low"), color=colour))
        layers.append(line.encode(x, score_axis("mean"), tooltip=tip))
    if len(marks):
        rules = list(dict.fromkeys(marks["rule"]))
        shapes = alt.Scale(domain=rules, range=["circle", "square", "triangle-up"][: len(rules)])
        colours = alt.Scale(domain=rules, range=palette()[0:5:2][: len(rules)])
        points = alt.Chart(marks).mark_point(size=70, strokeWidth=1.8, filled=False)
        layers.append(
            points.encode(
                x,
                score_axis("score"),
                shape=alt.Shape("rule:N", title=None, scale=shapes, legend=legend(labelLimit=400)),
                color=alt.Color("rule:N", title=None, scale=colours),
                tooltip=tips(
                    ("text_id:N", "Text"),
                    ("rule:N", "Chosen by"),
                    ("step:Q", "Step"),
                    ("score:Q", "Score", ".4f"),
                ),
            )
        )
    return alt.layer(*layers).properties(height=340)


def texts(runs: pd.DataFrame, lines: pd.DataFrame) -> alt.LayerChart:
    """One dot per run, a lane per corpus; lines for the untreated model (dashed) and a larger one (solid)."""
    spread = [(place * 0.618034) % 1 - 0.5 for place in range(len(runs))]
    dots = alt.Chart(runs.assign(spread=spread)).mark_circle(size=46, opacity=0.6, color=palette()[1])
    layers = [
        dots.encode(
            alt.X("corpus:N", title=None, axis=alt.Axis(labelAngle=0, labelLimit=160)),
            score_axis("score", "Test score at the chosen step"),
            alt.XOffset("spread:Q", scale=alt.Scale(domain=[-1.1, 1.1])),
            tooltip=tips(("text_id:N", "Text"), ("score:Q", "Score", ".4f"), ("selected_step:Q", "Step")),
        )
    ]
    if len(lines):
        dash = alt.StrokeDash(
            "what:N",
            title=None,
            legend=legend(labelLimit=300, columns=1, symbolStrokeColor=ink()),
            scale=alt.Scale(
                domain=list(lines["what"]), range=[[6, 4] if d else [1, 0] for d in lines["dashed"]]
            ),
        )
        rule = alt.Chart(lines).mark_rule(strokeWidth=2, color=ink())
        layers.append(rule.encode(alt.Y("score:Q"), strokeDash=dash))
    return alt.layer(*layers).properties(height=340)


def corpus_loss(entries: pd.DataFrame) -> alt.LayerChart:
    """Gain against the loss on the corpus, one point per entry, with the gain's interval."""
    title = ["Loss on the corpus in nats", "(right is less familiar)"]
    x = alt.X("corpus_loss:Q", title=title, scale=alt.Scale(zero=False, padding=18))
    base, colour = alt.Chart(entries), alt.Color("model:N", title="Model")
    tip = tips(
        ("model:N", "Model"),
        ("corpus:N", "Corpus"),
        ("arm:N", "Treatment"),
        ("corpus_loss:Q", "Loss on the corpus", ".3f"),
        ("gain_all:Q", "Gain", "+.4f"),
    )
    bars = base.mark_rule(strokeWidth=1.5).encode(
        x, alt.Y("gain_all_low:Q", title=GAIN), y2="gain_all_high:Q", color=colour
    )
    points = base.mark_point(filled=True, size=90).encode(
        x,
        alt.Y("gain_all:Q", title=GAIN),
        color=colour,
        shape=alt.Shape("model:N", title="Model"),
        tooltip=tip,
    )
    return alt.layer(zero_line("y"), bars, points).properties(height=330)


def sensitivity(frame: pd.DataFrame) -> alt.LayerChart:
    """Gain by step, one line per learning rate, with its interval."""
    shown = frame.assign(rate=[f"{rate:.0e}".replace("e-0", "e-") for rate in frame["learning_rate"]])
    x = alt.X("step:Q", title="Steps applied", axis=alt.Axis(tickMinStep=1, format="d"))
    base = alt.Chart(shown).encode(
        color=alt.Color("rate:N", title="Learning rate", legend=legend(symbolOpacity=1))
    )
    line = base.mark_line(strokeWidth=2.5, point=True).encode(
        x,
        alt.Y("gain:Q", title=GAIN),
        strokeDash=alt.StrokeDash("rate:N", legend=None),
        tooltip=tips(
            ("rate:N", "Learning rate"),
            ("arm:N", "Treatment"),
            ("step:Q", "Step"),
            ("gain:Q", "Gain", "+.4f"),
            ("low:Q", "95 % low", "+.4f"),
            ("high:Q", "95 % high", "+.4f"),
        ),
    )
    return alt.layer(zero_line("y"), _band(base, x, alt.Y("low:Q", title=GAIN)), line).properties(height=300)


def profile(frame: pd.DataFrame) -> alt.LayerChart:
    """Share of each `entry`'s runs that score above each threshold, with its interval."""
    moving = frame.loc[(frame["share"] > 0) & (frame["share"] < 1), "threshold"]
    limits = {"domain": [moving.min(), moving.max()], "padding": 12, "nice": True} if len(moving) > 1 else {}
    x = alt.X("threshold:Q", title="Score", scale=alt.Scale(zero=False, clamp=True, **limits))
    title, above = "Share of runs above it", legend(columns=1, labelLimit=320, symbolOpacity=1)
    base = alt.Chart(frame).encode(color=alt.Color("entry:N", title=None, legend=above))
    line = base.mark_line(strokeWidth=2.2).encode(
        x,
        alt.Y("share:Q", title=title, axis=alt.Axis(format="%")),
        strokeDash=alt.StrokeDash("entry:N", legend=None),
    )
    return alt.layer(_band(base, x, alt.Y("low:Q", title=title)), line).properties(height=300)


def chosen_by_chance(simulated: pd.DataFrame, published: pd.DataFrame) -> alt.LayerChart:
    """Gain that choosing the best step gives when nothing improves, against how much the answers change."""
    said = ["Share of answers drawn again at every step", "(none of them better on average)"]
    x = alt.X("changed:Q", title=said, scale=alt.Scale(type="log"), axis=alt.Axis(format="~%"))
    title = "Gain from the choice alone"
    colour = alt.Color("model:N", title="Model", legend=legend(symbolOpacity=1))
    base = alt.Chart(simulated).encode(color=colour)
    line = base.mark_line(strokeWidth=2.4, point=True).encode(
        x,
        alt.Y("mean_gain:Q", title=title),
        tooltip=tips(
            ("model:N", "Model"),
            ("changed:Q", "Answers that change", ".2%"),
            ("mean_gain:Q", "Mean gain", "+.4f"),
        ),
    )
    given = alt.Chart(published).mark_rule(strokeDash=[6, 4], strokeWidth=1.8)
    dashed = given.encode(
        alt.Y("published_gain:Q", title=title),
        color=colour,
        tooltip=tips(("model:N", "Model"), ("published_gain:Q", "Published gain", "+.4f")),
    )
    band = _band(base, x, alt.Y("gain_low:Q", title=title), "gain_high:Q")
    return alt.layer(band, line, dashed).properties(height=330)
