"""The micro ladder: its tokenizer, its pretraining tokens, and the training of a model."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tokenizers
import torch
from tokenizers import AddedToken, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor

import benchmark.world
from benchmark.errors import InputError
from benchmark.models.adam import Adam
from benchmark.models.micro_network import MicroNetwork
from benchmark.models.muon import Muon
from benchmark.models.networks.opt_shape import POSITIONS
from benchmark.models.opt import OptConfig, OptModel, save_opt
from benchmark.models.packed import Integers, JoinedPassages, pack, steps_of
from benchmark.models.stacked import Stack
from benchmark.models.tensor_names import EMBEDDING
from benchmark.models.tokenizer import Tokenizer
from benchmark.settings.model_specs import MicroModel
from benchmark.system.files import replacing, write_text
from benchmark.system.progress import Progress
from benchmark.world.pretraining_text import passages

VOCABULARY = 768
POSITIONS_COUNT = 256
TOKENIZER_PASSAGES = 20_000
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
BEGIN = END = SPECIAL.index("</s>")
LONG = 96
"""Passages of at least this many tokens count as pages."""

INITIAL_DEVIATION = 0.02
WARM_UP = 0.02
NO_PASSAGES: Integers = np.zeros(0, dtype=np.int64)
ENCODED_AT_ONCE = 4_000


def rung_config(spec: MicroModel) -> OptConfig:
    """The shape of a model; raises InputError if the heads do not divide the width."""
    if spec.hidden % spec.heads:
        raise InputError(
            f"models: hidden {spec.hidden} is not a multiple of {spec.heads} heads: change either"
        )
    return OptConfig(
        vocab_size=VOCABULARY,
        hidden_size=spec.hidden,
        num_hidden_layers=spec.layers,
        num_attention_heads=spec.heads,
        ffn_dim=spec.ffn,
        max_position_embeddings=POSITIONS_COUNT,
        word_embed_proj_dim=spec.hidden,
    )


def micro_tokenizer(cache: Path) -> Tokenizer:
    """The ladder's byte-level BPE, trained on the first passages; cached in ``cache`` under its content key."""
    folder = cache / f"micro-tokenizer-{_world_key()}"
    if not (folder / "tokenizer.json").is_file():
        _write_tokenizer(_train_tokenizer(), folder)
    return Tokenizer.from_folder(folder)


def train_rung(spec: MicroModel, folders: Mapping[int, Path], *, name: str, cache: Path) -> None:
    """Train draws of a model together and write each to its folder in the Hub's layout, tokenizer included.

    A draw's number is added to the seed, which decides its first weights and the order of its passages. With the same
    settings a draw has the same bytes on every machine of the same arithmetic, whatever draws are trained with it.

    Args:
        folders: where to write, by the number of the draw.
    """
    config = rung_config(spec)
    tokenizer = micro_tokenizer(cache)
    text = JoinedPassages.of(pretraining_tokens(tokenizer, spec.tokens, cache))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        trained = _train(spec, config, text, list(folders), name)
    finally:
        torch.set_num_threads(before)
    for draw, folder in folders.items():
        save_opt(OptModel(config, trained[draw]), folder)
        _write_tokenizer(tokenizer.backend, folder)


def pretraining_tokens(tokenizer: Tokenizer, count: int, cache: Path) -> list[list[int]]:
    """The first passages with ``count`` tokens in total, each with its begin and end token; cached in ``cache``."""
    cached = cache / f"micro-tokens-{_world_key()}-{count}.npy"
    if cached.is_file():
        return _split(np.load(cached))
    encoded: list[list[int]] = []
    size, text = 0, passages()
    while size < count:
        for ids in tokenizer.encode_batch(list(itertools.islice(text, ENCODED_AT_ONCE)), bos=True):
            encoded.append([*ids, END])
            size += len(ids)
            if size >= count:
                break
    with replacing(cached) as temporary, temporary.open("wb") as file:
        np.save(file, np.array(list(itertools.chain.from_iterable(encoded)), dtype=np.uint16))
    return encoded


def _split(joined: "np.ndarray[tuple[int], np.dtype[np.uint16]]") -> list[list[int]]:
    ends = np.flatnonzero(joined == END)[1::2] + 1
    return [part.tolist() for part in np.split(joined, ends[:-1])]


def _world_key() -> str:
    """A digest of everything that the pretraining text and the tokenizer depend on."""
    key = hashlib.sha256(json.dumps([VOCABULARY, TOKENIZER_PASSAGES, tokenizers.__version__]).encode())
    for path in sorted(Path(benchmark.world.__path__[0]).glob("*.py")):
        key.update(path.read_bytes())
    return key.hexdigest()[:16]


def _train_tokenizer() -> tokenizers.Tokenizer:
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(text, special=True, normalized=False) for text in SPECIAL],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(itertools.islice(passages(), TOKENIZER_PASSAGES), trainer)
    return backend


def _write_tokenizer(backend: tokenizers.Tokenizer, folder: Path) -> None:
    """Write ``tokenizer.json``, and before it what ``transformers``' AutoTokenizer reads beside it.

    The written one puts the begin token in front of a text itself, so that stock lm-eval gives the scores given here.
    """
    roles = {"bos_token": "</s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    settings = roles | {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": POSITIONS_COUNT}
    write_text(folder / "special_tokens_map.json", json.dumps(roles, indent=2) + "\n")
    write_text(folder / "tokenizer_config.json", json.dumps(settings, indent=2) + "\n")
    written = tokenizers.Tokenizer.from_str(backend.to_str())
    begin = SPECIAL[BEGIN]
    written.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", pair=f"{begin} $A {begin} $B", special_tokens=[(begin, BEGIN)]
    )
    write_text(folder / "tokenizer.json", written.to_str(pretty=True) + "\n")


def _train(
    spec: MicroModel, config: OptConfig, text: JoinedPassages, draws: Sequence[int], name: str
) -> dict[int, dict[str, Tensor]]:
    """AdamW for embeddings, biases and norms, Muon for the layers' matrices; the learning rates fall to 0 linearly."""
    weights, gradients = (Stack(config, len(draws)) for _ in range(2))
    for place, draw in enumerate(draws):
        weights.fill(place, _initial(config, spec.seed + draw))
    network = MicroNetwork(config, weights, gradients)
    adam, muon = Adam(weights), Muon(weights)
    steps = [steps_of(text, spec.batch, LONG, spec.seed + draw) for draw in draws]
    factors = [_schedule(len(own)) for own in steps]
    rows = text.rows(spec.batch)
    trained: dict[int, dict[str, Tensor]] = {}
    label = f"training {name}, {'draw' if len(draws) == 1 else 'draws'} {', '.join(map(str, draws))}"
    with Progress(label, max(map(len, steps))) as progress:
        for count, chosen in enumerate(itertools.zip_longest(*steps, fillvalue=NO_PASSAGES), 1):
            losses = network.losses(pack(text, chosen, rows))
            rates = torch.tensor([next(own, 0.0) for own in factors])
            muon.step(gradients, rates * spec.matrix_rate)
            adam.step(gradients, rates * spec.learning_rate)
            for place, draw in enumerate(draws):
                # Draws differ a little in their number of steps; one that is done idles until the last is.
                if count == len(steps[place]):
                    trained[draw] = weights.of(place)
            progress.advance(note=f"loss {' '.join(f'{loss:.3f}' for loss in losses)}")
    return trained


def _schedule(steps: int) -> Iterator[float]:
    """Factors of the learning rates: a linear rise in the first steps, then a linear fall."""
    rise = max(1, round(WARM_UP * steps))
    for step in range(steps):
        yield min((step + 1) / rise, (steps - step) / max(1, steps - rise))


def _initial(config: OptConfig, seed: int) -> dict[str, Tensor]:
    """Initial weights: embeddings as OPT's; matrices by their width, and those that end a block also by depth."""
    generator = torch.Generator().manual_seed(seed)
    params: dict[str, Tensor] = {}
    for name, shape in config.shapes().items():
        if name.endswith(".bias"):
            value = torch.zeros(shape)
        elif "norm" in name:
            value = torch.ones(shape)
        elif name in (EMBEDDING, POSITIONS):
            value = torch.randn(shape, generator=generator) * INITIAL_DEVIATION
        else:
            ends_block = name.endswith(("out_proj.weight", "fc2.weight"))
            depth = 2 * config.num_hidden_layers if ends_block else 1
            value = torch.randn(shape, generator=generator) * (shape[1] * depth) ** -0.5
        params[name] = value
    return params
