"""What `gapbench submit` prints: plain lines, with everything of a stranger's escaped."""

from dataclasses import dataclass

from benchmark.untrusted.manifest import AnyManifest, CorpusManifest, HubOrigin, ModelManifest


@dataclass(frozen=True)
class Report:
    """Outcome of a submission or a check.

    Attributes:
        lines: the facts, one per line.
        next_command: what to type next; empty if nothing is left to do.
        files: paths that were written, relative to the repository's root.
    """

    lines: tuple[str, ...]
    next_command: str = ""
    files: tuple[str, ...] = ()
    manifest: AnyManifest | None = None

    def __str__(self) -> str:
        lines = [*self.lines, *(f"wrote {file}" for file in self.files)]
        return "\n".join([*lines, *([f"next: {self.next_command}"] if self.next_command else [])])


def describe(manifest: AnyManifest) -> tuple[str, ...]:
    """The facts of a manifest for a person."""
    facts = _corpus(manifest) if isinstance(manifest, CorpusManifest) else _model(manifest)
    source = manifest.source
    if isinstance(source, HubOrigin):
        return (facts[0], f"pinned: {source.id} at commit {source.revision}", *facts[1:])
    return facts


def _corpus(manifest: CorpusManifest) -> tuple[str, ...]:
    found = manifest.found
    lines = [
        f"corpus {manifest.name} (track {manifest.track}): {found.texts} texts, "
        f"{found.characters} characters, {found.duplicates} duplicates left out",
    ]
    if found.tokens:
        tokens = found.tokens
        lines.append(
            f"tokens: {tokens.tokens} by the tokenizer of {tokens.model}, "
            f"{tokens.shortest} to {tokens.longest} per text"
        )
    if found.familiarity:
        loss = found.familiarity
        lines.append(f"familiarity: {loss.loss:.3f} nats per token under {loss.model} ({loss.texts} texts)")
    if found.overlap:
        shared = found.overlap
        touched = sum(hit for hit, _ in shared.documents.values())
        lines.append(
            f"overlap with {shared.suite}: {100 * shared.share:.2f} % of {shared.n}-grams, "
            f"{shared.texts} texts, {touched} task documents"
        )
    return (*lines, *(f"note: {note}" for note in found.notes))


def _model(manifest: ModelManifest) -> tuple[str, ...]:
    found = manifest.found
    ratios = ", ".join(f"{name} ({ratio:.2f} x)" for name, ratio in found.baselines.items())
    return (
        f"model {manifest.name} (track {manifest.track}): {found.architecture}",
        f"size: {found.parameters} parameters in {'/'.join(found.dtypes)}",
        f"shape: {found.layers} layers of {found.hidden}, {found.positions} positions",
        f"tokenizer: {found.vocabulary} tokens, sha256 {found.tokenizer[:16]}",
        f"baselines: {ratios or 'none in range'}",
        *(f"note: {note}" for note in found.notes),
    )
