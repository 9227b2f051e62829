"""The words of the world: names, places, creatures, things, tools and what happens to things."""

# Tables of words read better as they are laid out here.
# fmt: off

WOMEN = [
    "Mira", "Anna", "Ada", "Lena", "Nora", "Ida", "Eva", "Rosa", "Tilda", "Greta", "Hanna", "Olga",
    "Petra", "Vera", "Alma", "Clara", "Dina", "Elsa", "Freya", "Ines", "Jana", "Kira", "Lotte",
    "Maren",
]
MEN = [
    "Tom", "Emil", "Otto", "Hugo", "Karl", "Lars", "Nils", "Olaf", "Piet", "Rolf", "Sven", "Theo",
    "Udo", "Viktor", "Anton", "Bruno", "Carlo", "Dirk", "Egon", "Felix", "Georg", "Hans", "Ivan",
    "Jonas",
]
FAMILY_NAMES = [
    "Holt", "Beck", "Lind", "Moss", "Vale", "Reed", "Hale", "Ford", "Kemp", "Lowe", "Nash", "Quin",
    "Rowe", "Shaw", "Tate", "Ward", "Boyd", "Cole", "Dane", "Ellis", "Hart", "Ives", "Kerr", "Lang",
    "Neal", "Orr", "Penn", "Sands", "Todd", "Urban", "Voss", "Webb", "Zorn", "Blom", "Carr", "Dorn",
    "Falk", "Gran", "Hood", "Kolb",
]

PEOPLE_FACTS: dict[str, list[str]] = {
    "town": [
        "Ostby", "Norham", "Kelm", "Varna", "Lund", "Tarn", "Brill", "Dorset", "Elms", "Grauen",
        "Ilmen", "Jarrow", "Korsby", "Melk", "Nyholm", "Orvik",
    ],
    "job": [
        "baker", "weaver", "miller", "sailor", "teacher", "doctor", "smith", "painter", "farmer",
        "tailor", "potter", "hunter", "mason", "cook", "nurse", "judge",
    ],
    "pet": [
        "cat", "dog", "parrot", "rabbit", "goat", "pony", "hamster", "turtle", "canary", "ferret",
        "mouse", "goose",
    ],
    "food": [
        "soup", "bread", "rice", "plums", "cheese", "cake", "beans", "pears", "nuts", "honey",
        "onions", "eggs",
    ],
    "music": [
        "flute", "drum", "harp", "violin", "piano", "horn", "lute", "cello", "bugle", "guitar",
        "banjo", "fiddle",
    ],
    "colour": [
        "red", "blue", "green", "white", "black", "brown", "grey", "yellow", "pink", "purple",
    ],
}

ANIMALS: dict[str, list[str]] = {
    "bird": [
        "heron", "sparrow", "owl", "eagle", "robin", "crow", "stork", "swan", "hawk", "dove",
        "lark", "finch",
    ],
    "fish": ["trout", "salmon", "carp", "eel", "cod", "perch", "tuna", "bream"],
    "mammal": [
        "fox", "wolf", "bear", "deer", "otter", "badger", "hare", "lynx", "mole", "beaver", "boar",
        "elk",
    ],
    "insect": ["bee", "ant", "beetle", "moth", "wasp", "cricket", "hornet", "midge"],
    "snake": ["viper", "adder", "cobra", "python", "boa", "mamba"],
    "amphibian": ["newt", "toad", "frog", "axolotl"],
    "crustacean": ["crab", "lobster", "prawn", "shrimp", "krill"],
}
HOMES: dict[str, list[str]] = {
    "bird": ["forest", "marsh", "meadow", "mountains", "river"],
    "fish": ["river", "sea", "lake", "pond"],
    "mammal": ["forest", "meadow", "mountains", "river", "desert"],
    "insect": ["meadow", "garden", "forest", "desert"],
    "snake": ["desert", "forest", "marsh", "mountains"],
    "amphibian": ["pond", "marsh", "lake", "garden"],
    "crustacean": ["sea", "lake", "river", "pond"],
}
DIETS: dict[str, list[str]] = {
    "bird": ["seeds", "worms", "fish", "berries", "mice"],
    "fish": ["worms", "weeds", "flies", "snails"],
    "mammal": ["grass", "berries", "mice", "roots", "fish"],
    "insect": ["nectar", "leaves", "seeds", "roots"],
    "snake": ["mice", "frogs", "eggs", "lizards"],
    "amphibian": ["flies", "worms", "snails", "spiders"],
    "crustacean": ["weeds", "snails", "plankton", "worms"],
}
CLASS_FACTS: dict[str, dict[str, str]] = {
    "cover": {
        "bird": "feathers", "fish": "scales", "mammal": "fur", "insect": "hairs", "snake":
        "dry skin", "amphibian": "wet skin", "crustacean": "a shell",
    },
    "move": {
        "bird": "flies", "fish": "swims", "mammal": "runs", "insect": "buzzes", "snake": "glides",
        "amphibian": "hops", "crustacean": "crawls",
    },
    "sleep": {
        "bird": "nest", "fish": "weeds", "mammal": "den", "insect": "hive", "snake": "burrow",
        "amphibian": "mud", "crustacean": "rocks",
    },
    "young": {
        "bird": "chick", "fish": "fry", "mammal": "cub", "insect": "larva", "snake": "hatchling",
        "amphibian": "tadpole", "crustacean": "zoea",
    },
}
SEASONS = ["spring", "summer", "autumn", "winter"]

THINGS: dict[str, list[str]] = {
    "cloth": [
        "shirt", "coat", "scarf", "towel", "sheet", "sock", "flag", "blanket", "curtain", "apron",
    ],
    "wood": [
        "plank", "log", "chair", "table", "ladder", "door", "crate", "bench", "oar", "barrel",
    ],
    "paper": [
        "letter", "book", "map", "poster", "ticket", "card", "diary", "menu", "stamp", "novel",
    ],
    "glass": [
        "window", "mirror", "bottle", "lens", "vase", "goblet", "bulb", "pane", "flask", "prism",
    ],
    "iron": ["nail", "key", "pot", "chain", "gate", "anchor", "bolt", "axle", "hook", "kettle"],
    "clay": ["brick", "bowl", "tile", "jug", "plate", "urn", "cup", "saucer", "mug", "basin"],
    "leather": ["boot", "belt", "saddle", "purse", "strap", "wallet", "harness", "glove"],
    "wax": ["candle", "seal", "crayon", "taper", "figure", "mask"],
}
TOOLS: dict[str, dict[str, str]] = {
    "cut": {
        "cloth": "scissors", "wood": "saw", "paper": "blade", "glass": "diamond", "iron": "torch",
        "clay": "wire", "leather": "shears", "wax": "thread",
    },
    "mend": {
        "cloth": "needle", "wood": "glue", "paper": "tape", "glass": "resin", "iron": "hammer",
        "clay": "plaster", "leather": "awl", "wax": "spoon",
    },
    "clean": {
        "cloth": "soap", "wood": "broom", "paper": "rubber", "glass": "vinegar", "iron": "sand",
        "clay": "sponge", "leather": "cream", "wax": "rag",
    },
    "mark": {
        "cloth": "chalk", "wood": "pencil", "paper": "pen", "glass": "crystal", "iron": "punch",
        "clay": "stick", "leather": "stamp", "wax": "pin",
    },
    "carry": {
        "cloth": "basket", "wood": "cart", "paper": "folder", "glass": "box", "iron": "crane",
        "clay": "tray", "leather": "sack", "wax": "tin",
    },
    "colour": {
        "cloth": "dye", "wood": "varnish", "paper": "ink", "glass": "lacquer", "iron": "paint",
        "clay": "glaze", "leather": "oil", "wax": "powder",
    },
}
EFFECTS: dict[str, dict[str, str]] = {
    "fell on the stones": {
        "cloth": "got dusty", "wood": "cracked", "paper": "flew away", "glass": "broke", "iron":
        "rang", "clay": "split", "leather": "was scratched", "wax": "chipped",
    },
    "lay in the rain": {
        "cloth": "got wet", "wood": "swelled", "paper": "curled", "glass": "got clean", "iron":
        "rusted", "clay": "turned dark", "leather": "shrank", "wax": "was wet",
    },
    "was put in the fire": {
        "cloth": "burned", "wood": "turned to ash", "paper": "flared up", "glass": "glowed", "iron":
        "got hot", "clay": "got hard", "leather": "smelled bad", "wax": "melted",
    },
    "fell into the pond": {
        "cloth": "drifted away", "wood": "floated", "paper": "came apart", "glass": "sank", "iron":
        "went down", "clay": "filled up", "leather": "got soft", "wax": "bobbed",
    },
    "was hit with a club": {
        "cloth": "flapped", "wood": "snapped", "paper": "tore", "glass": "flew to bits", "iron":
        "bent", "clay": "crumbled", "leather": "creased", "wax": "got flat",
    },
    "lay in the hot sun": {
        "cloth": "faded", "wood": "warped", "paper": "turned yellow", "glass": "shone", "iron":
        "got warm", "clay": "dried", "leather": "got stiff", "wax": "dripped",
    },
}

SIGHTS = {
    "barn": "hay", "mill": "flour", "shop": "scales", "inn": "beds", "school": "desks", "church":
    "bells", "garden": "roses", "kitchen": "pans", "cellar": "wine", "tower": "owls", "harbour":
    "boats", "market": "crowd",
}
PLACES = tuple(SIGHTS)
GOODS = [
    "lamp", "rope", "map", "spade", "bucket", "kettle", "sack", "clock", "broom", "wheel", "ball",
    "book",
]
COUNTED = [
    "apples", "coins", "shells", "stamps", "cards", "buttons", "marbles", "figs", "beads", "stones",
    "pears", "pins",
]
