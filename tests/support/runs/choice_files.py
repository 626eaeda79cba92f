"""Made-up files of questions with choices, of which the right one has a good character."""

import json

import numpy as np
from finetuning_runs import BAD, GOOD, OTHERS

COUNTS = {"train": 64, "dev": 16, "test": 8}


def draw(rng, count):
    """Texts of which the right one has a good character; the number of that one."""
    right = rng.randint(count)
    texts = [
        rng.choice(list(OTHERS)) + rng.choice(list(GOOD if n == right else BAD))
        for n in range(count)
    ]
    return texts, right


def write_c3(folder):
    """Questions with two to four choices."""
    folder.mkdir()
    rng = np.random.RandomState(0)
    for split, count in COUNTS.items():
        passages = []
        for number in range(count):
            choices, right = draw(rng, rng.randint(2, 5))
            question = {"question": "谁", "choice": choices, "answer": choices[right], "id": number}
            if split == "test":
                del question["answer"]
            passages.append([["天地", "人"], [question], "m-{}".format(number)])
        name = "test1.1.json" if split == "test" else "m-{}.json".format(split)
        text = json.dumps(passages, ensure_ascii=False)
        (folder / name).write_text(text, encoding="utf-8")


def write_chid(folder):
    """Two blanks a line, whose idioms are the two with good characters, in any order."""
    folder.mkdir()
    rng = np.random.RandomState(1)
    for split, count in COUNTS.items():
        lines, answers = [], {}
        for number in range(count):
            candidates, right = draw(rng, 4)
            blank = "#idiom{:06}#".format(number)
            answers[blank] = int(right)
            row = {"content": ["天地{}人".format(blank)], "candidates": candidates}
            lines.append(json.dumps(row, ensure_ascii=False) + "\n")
        (folder / (split + ".json")).write_text("".join(lines), encoding="utf-8")
        if split != "test":
            (folder / (split + "_answer.json")).write_text(json.dumps(answers))


def write_copa(folder):
    """Causes and effects."""
    folder.mkdir()
    rng = np.random.RandomState(2)
    for split, count in COUNTS.items():
        lines = []
        for number in range(count):
            (first, second), right = draw(rng, 2)
            row = {"premise": "天地", "choice0": first, "choice1": second, "idx": number}
            row.update(question=("cause", "effect")[number % 2], label=int(right))
            if split == "test":
                del row["label"]
            lines.append(json.dumps(row, ensure_ascii=False) + "\n")
        (folder / (split + ".json")).write_text("".join(lines), encoding="utf-8")


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
