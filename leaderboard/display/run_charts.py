"""Charts of runs: by step, by text, by learning rate, by loss on the corpus; and of what the choice of a step does."""

import altair as alt
import pandas as pd

from leaderboard.display.charts import ink, palette, quiet


def steps(run_curves: pd.DataFrame, mean: pd.DataFrame, marks: pd.DataFrame) -> alt.LayerChart:
    """Score by step: each run a thin line, the mean a thick one with its interval, chosen steps as marks."""
    x = alt.X(
        "step:Q",
        title=["Steps applied", "(0 is the untreated model)"],
        axis=alt.Axis(tickMinStep=1, format="d"),
    )
    layers = []
    if len(run_curves):
        runs = alt.Chart(run_curves).mark_line(strokeWidth=0.8, opacity=0.45, color=quiet())
        layers.append(
            runs.encode(
                x,
                alt.Y("score:Q", title="Score", scale=alt.Scale(zero=False)),
                detail=["draw:N", "text_id:N", "seed:N"],
            )
        )
    if len(mean):
        base = alt.Chart(mean)
        layers.append(
            base.mark_area(opacity=0.18, color=palette()[1]).encode(
                x, alt.Y("low:Q", title="Score", scale=alt.Scale(zero=False)), y2="high:Q"
            )
        )
        layers.append(
            base.mark_line(strokeWidth=3.2, color=palette()[1], point=alt.OverlayMarkDef(size=28)).encode(
                x,
                alt.Y("mean:Q", title="Score", scale=alt.Scale(zero=False)),
                tooltip=[
                    alt.Tooltip("step:Q"),
                    alt.Tooltip("mean:Q", title="Mean", format=".4f"),
                    alt.Tooltip("low:Q", title="95 % low", format=".4f"),
                    alt.Tooltip("high:Q", title="95 % high", format=".4f"),
                    alt.Tooltip("n_texts:Q", title="Texts"),
                ],
            )
        )
    if len(marks):
        rules = list(dict.fromkeys(marks["rule"]))
        layers.append(
            alt.Chart(marks)
            .mark_point(size=70, strokeWidth=1.8, filled=False)
            .encode(
                x,
                alt.Y("score:Q", title="Score", scale=alt.Scale(zero=False)),
                shape=alt.Shape(
                    "rule:N",
                    title=None,
                    scale=alt.Scale(domain=rules, range=["circle", "square", "triangle-up"][: len(rules)]),
                    legend=alt.Legend(orient="top", labelLimit=400),
                ),
                color=alt.Color(
                    "rule:N",
                    title=None,
                    scale=alt.Scale(
                        domain=rules, range=[palette()[0], palette()[2], palette()[4]][: len(rules)]
                    ),
                ),
                tooltip=[
                    alt.Tooltip("text_id:N", title="Text"),
                    alt.Tooltip("rule:N", title="Chosen by"),
                    alt.Tooltip("step:Q"),
                    alt.Tooltip("score:Q", format=".4f"),
                ],
            )
        )
    return alt.layer(*layers).properties(height=340)


def texts(runs: pd.DataFrame, score: str, lines: pd.DataFrame, lane: str = "lane") -> alt.LayerChart:
    """One dot a run; horizontal lines for the untreated model (dashed) and a larger rung (solid)."""
    y = alt.Y(f"{score}:Q", title="Test score at the chosen step", scale=alt.Scale(zero=False))
    spread = [(place * 0.618034) % 1 - 0.5 for place in range(len(runs))]
    dots = (
        alt.Chart(runs.assign(spread=spread))
        .mark_circle(size=46, opacity=0.6, color=palette()[1])
        .encode(
            alt.X(f"{lane}:N", title=None, axis=alt.Axis(labelAngle=0, labelLimit=160)),
            y,
            alt.XOffset("spread:Q", scale=alt.Scale(domain=[-1.1, 1.1])),
            tooltip=[
                alt.Tooltip("text_id:N", title="Text"),
                alt.Tooltip(f"{score}:Q", title="Score", format=".4f"),
                alt.Tooltip("selected_step:Q", title="Step"),
            ],
        )
    )
    layers = [dots]
    if len(lines):
        names = list(lines["what"])
        dash = alt.StrokeDash(
            "what:N",
            title=None,
            legend=alt.Legend(orient="top", labelLimit=300, columns=1, symbolStrokeColor=ink()),
            scale=alt.Scale(domain=names, range=[[6, 4] if d else [1, 0] for d in lines["dashed"]]),
        )
        layers.append(
            alt.Chart(lines).mark_rule(strokeWidth=2, color=ink()).encode(alt.Y("score:Q"), strokeDash=dash)
        )
    return alt.layer(*layers).properties(height=340)


def corpus_loss(entries: pd.DataFrame) -> alt.LayerChart:
    """Gain against the loss on the corpus, one point an entry, with the gain's interval."""
    x = alt.X(
        "corpus_loss:Q",
        title=["Loss on the corpus in nats", "(right is less familiar)"],
        scale=alt.Scale(zero=False, padding=18),
    )
    base = alt.Chart(entries)
    colour, shape = alt.Color("model:N", title="Model"), alt.Shape("model:N", title="Model")
    tip = [
        alt.Tooltip("model:N"),
        alt.Tooltip("corpus:N"),
        alt.Tooltip("arm:N", title="Treatment"),
        alt.Tooltip("corpus_loss:Q", title="Loss on the corpus", format=".3f"),
        alt.Tooltip("gain_all:Q", title="Gain", format="+.4f"),
    ]
    zero = (
        alt.Chart(pd.DataFrame({"zero": [0.0]}))
        .mark_rule(color=quiet(), strokeDash=[4, 3])
        .encode(y="zero:Q")
    )
    bars = base.mark_rule(strokeWidth=1.5).encode(
        x, alt.Y("gain_all_low:Q", title="Gain over the untreated model"), y2="gain_all_high:Q", color=colour
    )
    points = base.mark_point(filled=True, size=90).encode(
        x, alt.Y("gain_all:Q", title="Gain over the untreated model"), color=colour, shape=shape, tooltip=tip
    )
    return alt.layer(zero, bars, points).properties(height=330)


def sensitivity(frame: pd.DataFrame) -> alt.LayerChart:
    """Gain by step, one line a learning rate, with its interval."""
    shown = frame.assign(rate=[f"{rate:.0e}".replace("e-0", "e-") for rate in frame["learning_rate"]])
    x = alt.X("step:Q", title="Steps applied", axis=alt.Axis(tickMinStep=1, format="d"))
    colour = alt.Color("rate:N", title="Learning rate", legend=alt.Legend(orient="top", symbolOpacity=1))
    base = alt.Chart(shown)
    zero = (
        alt.Chart(pd.DataFrame({"zero": [0.0]}))
        .mark_rule(color=quiet(), strokeDash=[4, 3])
        .encode(y="zero:Q")
    )
    band = base.mark_area(opacity=0.15).encode(
        x, alt.Y("low:Q", title="Gain over the untreated model"), y2="high:Q", color=colour
    )
    line = base.mark_line(strokeWidth=2.5, point=True).encode(
        x,
        alt.Y("gain:Q", title="Gain over the untreated model"),
        color=colour,
        strokeDash=alt.StrokeDash("rate:N", legend=None),
        tooltip=[
            alt.Tooltip("rate:N", title="Learning rate"),
            alt.Tooltip("arm:N", title="Treatment"),
            alt.Tooltip("step:Q"),
            alt.Tooltip("gain:Q", title="Gain", format="+.4f"),
            alt.Tooltip("low:Q", format="+.4f"),
            alt.Tooltip("high:Q", format="+.4f"),
        ],
    )
    return alt.layer(zero, band, line).properties(height=300)


def profile(frame: pd.DataFrame, name: str) -> alt.LayerChart:
    """Share of an entry's runs that score above each threshold, with its interval."""
    moving = frame.loc[(frame["share"] > 0) & (frame["share"] < 1), "threshold"]
    limits = {"domain": [moving.min(), moving.max()], "padding": 12, "nice": True} if len(moving) > 1 else {}
    x = alt.X("threshold:Q", title="Score", scale=alt.Scale(zero=False, clamp=True, **limits))
    title = "Share of runs above it"
    colour = alt.Color(
        f"{name}:N", title=None, legend=alt.Legend(orient="top", columns=1, labelLimit=320, symbolOpacity=1)
    )
    base = alt.Chart(frame)
    band = base.mark_area(opacity=0.15).encode(x, alt.Y("low:Q", title=title), y2="high:Q", color=colour)
    line = base.mark_line(strokeWidth=2.2).encode(
        x,
        alt.Y("share:Q", title=title, axis=alt.Axis(format="%")),
        color=colour,
        strokeDash=alt.StrokeDash(f"{name}:N", legend=None),
    )
    return alt.layer(band, line).properties(height=300)


def chosen_by_chance(simulated: pd.DataFrame, published: pd.DataFrame) -> alt.LayerChart:
    """Gain that choosing the best step gives when nothing improves, against how much the answers change."""
    x = alt.X(
        "changed:Q",
        title=["Share of answers drawn anew at every step", "(none of them better on average)"],
        scale=alt.Scale(type="log"),
        axis=alt.Axis(format="~%"),
    )
    title = "Gain from the choice alone"
    base = alt.Chart(simulated)
    colour = alt.Color("model:N", title="Model", legend=alt.Legend(orient="top", symbolOpacity=1))
    band = base.mark_area(opacity=0.13).encode(
        x, alt.Y("gain_low:Q", title=title), y2="gain_high:Q", color=colour
    )
    line = base.mark_line(strokeWidth=2.4, point=True).encode(
        x,
        alt.Y("mean_gain:Q", title=title),
        color=colour,
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("changed:Q", format=".2%"),
            alt.Tooltip("mean_gain:Q", title="Mean gain", format="+.4f"),
        ],
    )
    given = (
        alt.Chart(published)
        .mark_rule(strokeDash=[6, 4], strokeWidth=1.8)
        .encode(
            alt.Y("published_gain:Q", title=title),
            color=colour,
            tooltip=["model:N", alt.Tooltip("published_gain:Q", title="Published gain", format="+.4f")],
        )
    )
    return alt.layer(band, line, given).properties(height=330)
