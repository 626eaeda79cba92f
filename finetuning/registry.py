"""Fine-tuning tasks by name. A new one of a known kind is an entry here and its settings in
configs/finetuning; files keep the names of their downloads."""

import functools
import os

from common.errors import UserError
from finetuning import task_defaults
from finetuning.kinds import choice_rows
from finetuning.kinds.choices import ChoiceTask
from finetuning.kinds.classification import OWN_FILES, TABLE_FILES, ClassificationTask
from finetuning.kinds.multi_label import MultiLabelTask
from finetuning.kinds.question_row_options import QuestionRowOptions
from finetuning.kinds.questions import QuestionTask
from finetuning.kinds.tagging import TaggingTask
from finetuning.layouts import choices, clue, glue, marked
from finetuning.layouts.json_lines import read_json_lines
from finetuning.layouts.squad import KINDS
from finetuning.layouts.tables import read_comments, read_table
from finetuning.layouts.xnli import read_xnli
from finetuning.scoring import cjrc, multi_label, squad
from finetuning.task import SPLITS

# Google's order, CLUE's and ERNIE's.
_NLI_LABELS = ["contradiction", "entailment", "neutral"]
_BINARY = ["0", "1"]
# Of CLUE, and of FewCLUE.
_JSON_FILES = {
    "train": ("train.json", "train_few_all.json"),
    "dev": ("dev.json", "dev_few_all.json"),
    "test": ("test.json", "test1.1.json", "test1.0.json", "test_public.json"),
}
_XNLI_FILES = {
    "train": ("train.tsv", "multinli.train.zh.tsv", "multinli/multinli.train.zh.tsv", "train.json"),
    "dev": ("dev.tsv", "xnli.dev.tsv", "dev.json"),
    "test": ("test.tsv", "xnli.test.tsv", "test.json"),
}
# Of CLUE, and of its first packaging.
_TNEWS_FILES, _IFLYTEK_FILES = (
    {split: (*names, prefix + split + ".txt") for split, names in _JSON_FILES.items()}
    for prefix in ("toutiao_category_", "")
)
_TEXT_FILES = {split: (split + ".txt",) for split in SPLITS}
# The repository of OCNLI has its training examples in several sizes.
_OCNLI_FILES = dict(
    _JSON_FILES,
    train=("train.json", *("train.{}k.json".format(size) for size in (50, 30, 10, 3))),
)
_CNEWS_FILES = {
    split: ("cnews.{}.txt".format("val" if split == "dev" else split), *names)
    for split, names in TABLE_FILES.items()
}
_CAIL_FILES = {
    "train": ("data_train.json", "train.json"),
    "dev": ("data_valid.json", "valid.json", "dev.json"),
    "test": ("data_test.json", "test.json"),
}
# Of several packagings; CLUE's has no development examples.
_MSRA_FILES = {
    "train": ("msra_train_bio.txt", "dh_msra.txt", "train1.txt", "train.tsv", "train.txt"),
    "dev": ("dev.tsv", "dev.txt"),
    "test": ("msra_test_bio.txt", "testright1.txt", "test.tsv", "test.txt"),
}
# The repository of CMRC 2018 has both layouts, in folders of their own.
_CMRC_FOLDERS = ("", "squad-style-data/", "data/")
_CMRC_FILES = {
    split: tuple(
        [name + ".json" for name in names]
        + [folder + "cmrc2018_{}.json".format(name) for name in names for folder in _CMRC_FOLDERS]
    )
    for split, names in (
        ("train", ("train",)),
        ("dev", ("dev",)),
        ("test", ("test", "test_2k", "eval", "trial")),
    )
}
_DRCD_FILES = {
    "train": ("train.json", "DRCD_training.json"),
    "dev": ("dev.json", "DRCD_dev.json"),
    "test": ("test.json", "eval.json", "DRCD_test.json"),
}
_CJRC_FILES = {
    "train": ("train.json", "train_data.json", "big_train_data.json", "small_train_data.json"),
    "dev": ("dev.json", "dev_ground_truth.json"),
    "test": ("test.json", "eval.json", "test_ground_truth.json", "data.json"),
}


def _marked_or(columns, read):
    """The layout of CLUE's first packaging, or else `read`."""

    def layout(path):
        return marked.read_marked(path, columns) if marked.is_marked(path) else read(path)

    return layout


def _cnews_or_titles(path):
    """THUCNews: the class is the first column of its documents, the last one of its titles."""
    return read_table(path, is_pair=False, label_first=os.path.basename(path).startswith("cnews."))


def _squad(version):
    """Arguments of QuestionTask for SQuAD."""
    names = ("{}-v" + version + ".json", "{}.json")
    return {
        "file_names": {split: tuple(name.format(split) for name in names) for split in SPLITS},
        "rule": squad.score_answers,
        "has_google_names": True,
    }


def _objects(make):
    return functools.partial(read_json_lines, make=make)


# name -> arguments of ClassificationTask.
_CLASSIFICATION = {
    "afqmc": {"labels": _BINARY, "file_names": _JSON_FILES, "layout": _objects(clue.pair)},
    "bqcorpus": {"labels": _BINARY, "is_pair": True},
    "cail2018": {
        "file_names": _CAIL_FILES,
        "layout": _objects(clue.single_charge),
        "label_files": ("labels.txt", "accu.txt"),
    },
    "chnsenticorp": {"labels": _BINARY, "is_pair": False},
    "cluewsc2020": {
        "labels": ["true", "false"],
        "file_names": _JSON_FILES,
        "layout": _objects(clue.coreference),
    },
    "cmnli": {
        "labels": _NLI_LABELS,
        "file_names": _JSON_FILES,
        "layout": _objects(clue.pair),
        "no_labels": ("-",),
    },
    "cola": {
        "labels": _BINARY,
        "file_names": {split: (split + ".tsv",) for split in SPLITS},
        "layout": glue.read_cola,
        "figure": "mcc",
    },
    "csl": {
        "labels": _BINARY,
        "file_names": _JSON_FILES,
        "layout": _objects(clue.keywords_and_abstract),
    },
    "iflytek": {
        "labels": [str(number) for number in range(119)],
        "file_names": _IFLYTEK_FILES,
        "layout": _marked_or(marked.IFLYTEK, _objects(clue.single)),
    },
    "inews": {
        "labels": ["0", "1", "2"],
        "file_names": _TEXT_FILES,
        "layout": functools.partial(marked.read_marked, columns=marked.INEWS),
    },
    "jdcomment": {
        "labels": ["1", "2", "3", "4", "5"],
        "file_names": {split: ("jd_{}.csv".format(split),) for split in SPLITS},
        "layout": read_comments,
    },
    "lcqmc": {"labels": _BINARY, "is_pair": True},
    "mnli": {
        "labels": _NLI_LABELS,
        "file_names": {
            "train": ("train.tsv",),
            "dev": ("dev_matched.tsv", "dev.tsv"),
            "test": ("test_matched.tsv", "test.tsv"),
        },
        "layout": glue.read_mnli,
        "no_labels": ("-",),
    },
    "mrpc": {
        "labels": _BINARY,
        "file_names": {
            "train": ("train.tsv", "msr_paraphrase_train.txt"),
            "dev": ("dev.tsv",),
            "test": ("test.tsv", "msr_paraphrase_test.txt"),
        },
        "layout": glue.read_mrpc,
    },
    "ocnli": {
        "labels": _NLI_LABELS,
        "file_names": _OCNLI_FILES,
        "layout": _objects(clue.pair),
        "no_labels": ("-",),
    },
    "sentence_pair": {
        "labels": _BINARY,
        "is_pair": True,
        "file_names": {split: (split + "_0827.tsv", *names) for split, names in OWN_FILES.items()},
    },
    "thucnews": {
        "file_names": _CNEWS_FILES,
        "layout": _marked_or(marked.THUCNEWS, _cnews_or_titles),
        "label_files": ("labels.txt", "class.txt"),
        "has_numbers": True,
    },
    "tnews": {
        "labels": [str(number) for number in range(100, 117) if number not in (105, 111)],
        "file_names": _TNEWS_FILES,
        "layout": _marked_or(marked.TNEWS, _objects(clue.single)),
    },
    "tsv": {},
    "weibo_senti_100k": {
        "labels": _BINARY,
        "is_pair": False,
        # As published it is one file, which its users divide.
        "file_names": dict(OWN_FILES, train=(*OWN_FILES["train"], "weibo_senti_100k.csv")),
    },
    "xnli": {
        "labels": _NLI_LABELS,
        "file_names": _XNLI_FILES,
        "layout": read_xnli,
        "aliases": {"contradictory": "contradiction"},
        "no_labels": ("-",),
    },
}
# name -> arguments of MultiLabelTask.
_MULTI_LABEL = {
    "cail2018_articles": {
        "file_names": _CAIL_FILES,
        "layout": _objects(clue.articles),
        "label_files": ("labels.txt", "law.txt"),
        "further_figures": multi_label.cail_score,
    },
    "cail2018_multi": {
        "file_names": _CAIL_FILES,
        "layout": _objects(clue.charges),
        "label_files": ("labels.txt", "accu.txt"),
        "further_figures": multi_label.cail_score,
    },
    "multi_label": {},
}
# Types of entities in newspapers.
_NEWS_TYPES = ["LOC", "ORG", "PER"]
# name -> arguments of TaggingTask, of QuestionTask.
_TAGGING = {
    "cluener": {
        "types": [
            *("address", "book", "company", "game", "government"),
            *("movie", "name", "organization", "position", "scene"),
        ],
        "file_names": {split: (split + ".json",) for split in SPLITS},
        "submission": "cluener_predict.json",
    },
    "msra_ner": {"types": _NEWS_TYPES, "file_names": _MSRA_FILES},
    "ner": {},
    "peopledaily_ner": {
        "types": _NEWS_TYPES,
        "file_names": {
            split: ("example." + split, split + ".txt", split + ".tsv") for split in SPLITS
        },
    },
    "weibo_ner": {
        "types": [
            kind + form for kind in ("GPE", "LOC", "ORG", "PER") for form in (".NAM", ".NOM")
        ],
        "file_names": {split: ("weiboNER_2nd_conll." + split,) for split in SPLITS},
        "has_places": True,
    },
}
_QUESTIONS = {
    "cjrc": {
        "file_names": _CJRC_FILES,
        "kinds": KINDS,
        "rule": cjrc.score_answers,
        "has_answer_list": True,
    },
    "cmrc2018": {"file_names": _CMRC_FILES, "submission": "cmrc2018_predict.json"},
    "drcd": {"file_names": _DRCD_FILES, "submission": "drcd_predict.json"},
    # ELECTRA's names of SQuAD 2.0 and 1.1.
    "squad": {
        **_squad("2.0"),
        "options": QuestionRowOptions(version_2_with_negative=True),
    },
    "squadv1": _squad("1.1"),
}

# C3's own names are those of its dialogues and of its other passages.
_C3_FILES = {
    split: [
        *(
            tuple(form.format(part, split) for part in "dm")
            for form in ("c3-{}-{}.json", "{}-{}.json")
        ),
        *((name,) for name in _JSON_FILES[split]),
    ]
    for split in SPLITS
}
# name -> arguments of ChoiceTask.
_CHOICES = {
    "c3": {
        "file_names": _C3_FILES,
        "layout": choices.read_c3,
        "object_layout": choices.C3_OBJECT,
        "rows": choice_rows.passage_rows,
        "num_choices": 4,
    },
    "chid": {
        "file_names": {split: [(name,) for name in _JSON_FILES[split]] for split in SPLITS},
        "layout": choices.read_chid,
        "object_layout": choices.CHID_OBJECT,
        "rows": choice_rows.cloze_rows,
        "num_choices": 10,
        "are_exclusive": True,
        "has_segments": False,
    },
    "copa": {
        "file_names": {split: [(split + ".json",)] for split in SPLITS},
        "layout": choices.read_copa,
        "object_layout": choices.COPA_OBJECT,
        "rows": choice_rows.cause_rows,
        "num_choices": 2,
    },
}
# name -> (class, arguments).
_TASKS = {
    name: (kind, arguments)
    for kind, tasks in (
        (ClassificationTask, _CLASSIFICATION),
        (MultiLabelTask, _MULTI_LABEL),
        (TaggingTask, _TAGGING),
        (QuestionTask, _QUESTIONS),
        (ChoiceTask, _CHOICES),
    )
    for name, arguments in tasks.items()
}
TASK_NAMES = tuple(sorted(_TASKS))
# Kind -> class.
TASK_KINDS = {kind.kind: kind for kind, _ in _TASKS.values()}
# Names of the same tasks in the programs of CLUE and of brightmart's albert_zh and roberta_zh.
_ALIASES = {
    "bq": "bqcorpus",
    "iflydata": "iflytek",
    "lcqmc_pair": "lcqmc",
    "msraner": "msra_ner",
    "squad1.1": "squadv1",
    "squad2.0": "squad",
    "squadv2": "squad",
    "wsc": "cluewsc2020",
}


def registered_name(name):
    """The name in TASK_NAMES of a task that other programs write otherwise: `WSC` is cluewsc2020.
    What is no task's name stays as it is."""
    known = _ALIASES.get(name.lower(), name.lower())
    return known if known in _TASKS else name


def name_among(name, known):
    """The one of the names `known` that means the task `name`: itself, or that of another spelling;
    without such a one the name of the task here.

        name_among("MSRANER", ["tsv", "msra_ner"])  # "msra_ner"
    """
    spellings = [other for other in known if registered_name(str(other)) == registered_name(name)]
    return name if name in known else next(iter(spellings), registered_name(name))


def option_classes():
    """The FamilyOptions classes of all kinds of tasks."""
    classes = [
        c for kind in TASK_KINDS.values() for c in (kind.option_class, kind.head_option_class)
    ]
    return [options for options in dict.fromkeys(classes) if options.declared()]


def get_task(name):
    """A new task object.

    From files to a score, with a made-up classifier:

        task = get_task("chnsenticorp")
        dev = task.read("data/chnsenticorp", "dev")
        task.choose_labels(None, "data/chnsenticorp", {"dev": dev})
        probabilities = [np.array([0.9, 0.1]) for _ in dev]
        print(task.score(dev, probabilities)["eval_accuracy"])

    Args:
      name: one of TASK_NAMES, or another spelling (registered_name).

    Raises:
      UserError: there is no task of that name.
    """
    name = registered_name(name)
    if name not in _TASKS:
        raise UserError(
            "task {!r} is not known (--task_name); known are {}".format(
                name, ", ".join([*TASK_NAMES, *sorted(_ALIASES)])
            )
        )
    kind, arguments = _TASKS[name]
    return kind(name, task_defaults.read(name), **arguments)
