"""docs/commands.md and docs/zh/commands.md: the commands that the field's repositories print, and
what becomes of each.

python scripts/commands_table.py

reads docs/commands.json, asks the programs themselves which flags and tasks they know, and writes
both pages; `chinese` has the phrases of the second one. A command of the file may have: `add` and
`drop` (flags that differ, with the reason), `becomes` (another command), `reason` (it is not
taken), `run` (the page's test runs it), `tested` (another test, which runs it).
"""

import collections
import json
import os
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from common.outputs import write_atomically  # noqa: E402

DATA = os.path.join(ROOT, "docs", "commands.json")
PAGE = os.path.join(ROOT, "docs", "commands.md")
CHINESE_PAGE = os.path.join(ROOT, "docs", "zh", "commands.md")
_INTERPRETERS = ("python", "python3", "bash", "sh")

# Prints what a program does not take of each of some command lines: flags that it does not have,
# values that they refuse, tasks that it does not know.
_PROBE = """
import importlib, json, sys
from absl import flags
from absl.testing import flagsaver
from common.errors import UserError
importlib.import_module(sys.argv[1])
FLAGS = flags.FLAGS

def tasks():
    if sys.argv[1] != "run_finetuning":
        return
    from finetuning.registry import get_task
    hparams = FLAGS.hparams or ""
    named = json.loads(hparams).get("task_names", []) if hparams.startswith("{") else []
    for name in [*(FLAGS.task_name or []), *named]:
        try:
            get_task(name)
        except UserError:
            yield "the task " + name

def faults(words):
    words = list(words)
    with flagsaver.flagsaver():
        while True:
            try:
                rest = FLAGS(["program", *words])[1:]
                yield from rest
                yield from tasks()
                return
            except flags.UnrecognizedFlagError as error:
                yield "--" + error.flagname
                name = "--" + error.flagname
                words = [w for w in words if w.split("=")[0] != name]
            except flags.Error as error:
                yield " ".join(str(error).split())
                return

json.dump([list(faults(words)) for words in json.load(sys.stdin)], sys.stdout)
"""


class Command(collections.namedtuple("Command", "entry program words prefix")):
    """A printed command, taken apart.

    Attributes:
      entry: dict of the data file.
      program: file name of the printed program, without its folder.
      words: its arguments.
      prefix: [the program here, flags that stand for the printed program's name].
    """

    @property
    def is_open(self):
        """Whether its words are for a program of this project."""
        return "reason" not in self.entry and "becomes" not in self.entry

    def effective(self):
        """The words that are given here: those printed, with the differences of the data file."""
        dropped = self.entry.get("drop", {})
        kept = [word for word in self.words if word.split("=")[0] not in dropped]
        return [*self.prefix[1:], *kept, *self.entry.get("add", {})]


def read_data():
    """The data file as a dict."""
    with open(DATA, encoding="utf-8") as reader:
        return json.load(reader)


def parse(entry, programs, values=()):
    """The Command of an entry of the data file.

    Args:
      entry: dict.
      programs: dict printed program -> [program here, flags].
      values: dict variable of a shell -> a number; others stand for names.
    """
    text = entry["command"]
    for variable in values:
        text = text.replace(variable, values[variable])
    words = [word for word in shlex.split(text) if word not in ("nohup", "&")]
    if words[0] in _INTERPRETERS:
        words = words[1:]
    if words[0] == "-m":
        words = [words[1].split(".")[-1] + ".py", *words[2:]]
    program = os.path.basename(words[0])
    return Command(entry, program, words[1:], programs.get(program, [program]))


def commands(data):
    """[(name of the source, [Command])] of the data file."""
    return [
        (
            source["source"],
            [parse(entry, data["programs"], data["values"]) for entry in source["commands"]],
        )
        for source in data["sources"]
    ]


def faults_of(parsed):
    """{number in `parsed`: list of what the program does not take}."""
    by_program = collections.defaultdict(list)
    for number, command in enumerate(parsed):
        program = command.prefix[0]
        is_script = program.endswith(".py") and os.path.exists(os.path.join(ROOT, program))
        if command.is_open and is_script and program != "cmrc2018_drcd_evaluate.py":
            by_program[program[: -len(".py")]].append(number)
    found = {}
    for program, numbers in sorted(by_program.items()):
        lines = [parsed[number].effective() for number in numbers]
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, program],
            cwd=ROOT,
            input=json.dumps(lines),
            capture_output=True,
            text=True,
            check=True,
        )
        found.update(zip(numbers, json.loads(done.stdout)))
    return found


def verdict(command, faults, meanings, say=str):
    """What becomes of a command, in a sentence.

    Args:
      command: Command.
      faults: list of what its program does not take.
      meanings: the list of the data file: notes on flags that mean something else.
      say: function of a phrase in English that puts it into the page's language.
    """
    entry = command.entry
    if "reason" in entry:
        return say("no: {}").format(say(entry["reason"]))
    if "becomes" in entry:
        return say("with another command: {}").format(say(entry["becomes"]))
    if faults:
        return say("no: stops at {}").format(", ".join(faults))
    differences = []
    if command.prefix != [command.program]:
        differences.append(say("as {}").format(" ".join(command.prefix)))
    for what, flags in (("with {} ({})", "add"), ("without {} ({})", "drop")):
        listed = entry.get(flags, {}).items()
        differences += [say(what).format(flag, say(reason)) for flag, reason in listed]
    for meaning in meanings:
        if _applies(meaning, command):
            differences.append(say(meaning["note"]))
    return say("; ").join(differences) or say("as printed")


def _applies(meaning, command):
    names = [*command.words, *(word.split("=")[0] for word in command.words)]
    return (
        meaning.get("program", command.prefix[0]) == command.prefix[0]
        and meaning.get("with", names[0] if names else None) in (*names, None)
        and meaning.get("without") not in names
    )


def check_of(command, say=str):
    """How it is known: run by the test of this page, by another test, or by its flags alone."""
    if command.entry.get("run"):
        return say("run")
    if "tested" in command.entry:
        return say("run in {}").format(command.entry["tested"])
    return say("flags read") if command.is_open else ""


def pages(data):
    """{path: text} of both pages.

    Raises:
      KeyError: a phrase has no Chinese in the data.
    """
    sources = commands(data)
    parsed = [command for _, group in sources for command in group]
    faults = faults_of(parsed)
    judged = [(command, faults.get(number, [])) for number, command in enumerate(parsed)]
    counts = _counts([verdict(*pair, data["meanings"]) for pair in judged])
    languages = (
        (PAGE, _INTRODUCTION, str),
        (CHINESE_PAGE, _CHINESE_INTRODUCTION, data["chinese"].__getitem__),
    )
    found = {}
    for path, introduction, say in languages:
        lines = [introduction.format(*counts), ""]
        rows = iter(judged)
        for name, group in sources:
            lines += ["## " + name, "", say("| command | here | checked |"), "|---|---|---|"]
            for _ in group:
                command, its_faults = next(rows)
                sentence = verdict(command, its_faults, data["meanings"], say)
                cells = ["`{}`".format(command.entry["command"]), sentence, check_of(command, say)]
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
            lines.append("")
        found[path] = "\n".join(lines)
    return found


_INTRODUCTION = """# The field's commands

[中文](zh/commands.md)

The commands that the repositories of the BERT family print, and what becomes of each in this
project's folder: {} of {} are taken as they are printed or under the program's name here, {} with a
difference that is named, {} not, for the reason given. Paths are the reader's own.

`scripts/commands_table.py` writes this page from `docs/commands.json`: it takes each command apart
and asks the program here for its flags and tasks. *run*: a test runs the command, one of each kind,
on a tiny model with its own paths and sizes. *flags read*: the program takes all of its flags and
values. What is run_classifier, run_squad or run_ner there is run_finetuning.py here, and
extract_features a task of run_prediction.py. ymcui/Chinese-BERT-wwm prints no commands."""

_CHINESE_INTRODUCTION = """# 其他项目的命令

[English](../commands.md)

BERT 系列各项目文档里的命令，拿到本项目目录下能不能用：共 {1} 条，{0} 条原样可用（最多换成这里
的程序名），{2} 条要改动（写明改什么），{3} 条不支持（写明原因）。命令里的路径换成自己的。

本页由 `scripts/commands_table.py` 根据 `docs/commands.json` 生成：它拆开每条命令，逐个核对这里的
程序认不认这些参数和任务。“已运行”：有测试在很小的模型上实际跑过，同类命令取一条，路径和大小换成
测试用的。“参数已核对”：程序接受其中的全部参数和取值。原来的 run_classifier、run_squad、run_ner
对应这里的 run_finetuning.py，extract_features 对应 run_prediction.py 的一种任务。
ymcui/Chinese-BERT-wwm 的文档里没有命令。"""


def _counts(verdicts):
    plain = sum(v == "as printed" or _is_a_name(v) for v in verdicts)
    refused = sum(v.startswith("no: ") for v in verdicts)
    return plain, len(verdicts), len(verdicts) - plain - refused, refused


def _is_a_name(sentence):
    return sentence.startswith("as ") and ";" not in sentence


def main():
    """Writes both pages."""
    for path, text in pages(read_data()).items():
        write_atomically(path, text)


if __name__ == "__main__":
    main()
