"""The topics of a program's flags, in the order in which its help shows them.

topics.begin("Optimizer")  # for all flags that are defined from here on
flags.DEFINE_float("learning_rate", ...)
topics.place("Other names", "lr")  # for these, wherever they are defined
topics.lead(needed=("input_file", "output_dir"), often=("init_checkpoint",))
"""

from absl import flags

FLAGS = flags.FLAGS

NEEDED, OFTEN = "Needed", "Often used"
OTHER_NAMES = "Names of other programs for these flags"
REST, HELP = "More", "Help"
_LAST = (OTHER_NAMES, REST, HELP)

_begun = []  # (number of flags defined before, title)
placed = {}  # name -> title
_leading = {NEEDED: (), OFTEN: ()}


def begin(title):
    """Begins a topic, or goes on with one."""
    _begun.append((len(list(FLAGS)), title))


def place(title, *names):
    """Puts flags under a topic."""
    placed.update(dict.fromkeys(names, title))


def lead(needed, often=()):
    """Names the flags that a program cannot do without, and those that many of its users give."""
    _leading.update({NEEDED: needed, OFTEN: often})


def sections():
    """The flags of the running program by topic.

    Returns:
      [(title, [Flag])]: what is needed and often used first, each flag once; absl's own flags are
      not among them.
    """
    by_title = {NEEDED: [], OFTEN: []}
    for title, names in _leading.items():
        by_title[title] = [FLAGS[name] for name in names if name in FLAGS]
    shown = [flag for listed in by_title.values() for flag in listed]
    for name, title in _titles():
        flag = FLAGS[name]
        if not any(flag is other for other in shown) and not is_of_absl(name):
            by_title.setdefault(title, []).append(flag)
            shown.append(flag)
    listed = [(title, those) for title, those in by_title.items() if those]
    return sorted(
        listed, key=lambda section: _LAST.index(section[0]) + 1 if section[0] in _LAST else 0
    )


def is_of_absl(name):
    """Whether a flag is one of absl's own, which all of its programs have."""
    return str(FLAGS.find_module_defining_flag(name)).split(".")[0] == "absl"


def names_of(flag):
    """All names of a Flag, its own first."""
    return [flag.name, *(n for n in FLAGS if FLAGS[n] is flag and n != flag.name)]


def _titles():
    """Yields (name, title) of all flags by their own names, in the order of their definition."""
    title, begun = REST, list(_begun)
    for number, name in enumerate(FLAGS):
        while begun and begun[0][0] <= number:
            title = begun.pop(0)[1]
        if FLAGS[name].name == name:
            yield name, placed.get(name, title)
