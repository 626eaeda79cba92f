"""Files of similar words: every line is read as it is meant, or named with file and line."""

import gzip
import hashlib

import pytest

from common.errors import UserError
from data.similarity.table import read_table

pytestmark = pytest.mark.tf1  # trainings read tables

LINES = """# made by hand

医生\t大夫:0.83 医师:-0.5 护士
\u3000
New York\t北京:1  比分:3:0\t上海:8e-1
比分\t12:30:0.5 a:b ::0.25 C:3号楼
#话题\t医生
"""
READ = [
    ("医生", ("大夫", "医师", "护士")),
    ("New York", ("北京", "比分:3", "上海")),
    ("比分", ("12:30", "a:b", ":", "C:3号楼")),
    ("#话题", ("医生",)),
]


@pytest.mark.parametrize("name, pack", [("t.txt", bytes), ("t.txt.gz", gzip.compress)])
def test_words_and_neighbours_in_the_order_of_the_file(tmp_path, name, pack):
    content = pack(b"\xef\xbb\xbf" + LINES.encode().replace(b"\n", b"\r\n"))
    (tmp_path / name).write_bytes(content)
    table = read_table(str(tmp_path / name))
    assert list(zip(table.words, table.neighbours)) == READ
    assert table.sha256 == hashlib.sha256(content).hexdigest()
    # One object for a word, wherever it stands.
    assert table.neighbours[3][0] is table.words[0]


@pytest.mark.parametrize(
    "line, message",
    [
        (
            "医生 大夫:0.5",
            "line 2: expected a word, a tab and its neighbours, found '医生 大夫:0.5'",
        ),
        (" \t大夫:0.5", "line 2: expected a word, a tab and its neighbours, found '大夫:0.5'"),
        ("医生\t ", "line 2: '医生' has no neighbours"),
        ("律师\t辩护人", "line 2: '律师' is in line 1 already"),
        ("医生\t大夫:0.5 医生:1", "line 2: '医生' is its own neighbour; remove it there"),
        ("医生\t大夫:0.5 大夫:0.4", "line 2: '大夫' is a neighbour of '医生' twice"),
        *(
            (
                "医生\t医师 " + field,
                "line 2: a neighbour is a word, or a word with a colon and a similarity from -1 to "
                "1, found '{}'".format(field),
            )
            for field in (
                "大夫:1.01",
                "大夫:nan",
                "大夫:-INF",
                "大夫:",
                ":0.5",
                "大夫:0,8",
                "大夫:8%",
            )
        ),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, message):
    path = tmp_path / "t.txt"
    path.write_text("律师\t代理人\n" + line + "\n医院\t诊所\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_table(str(path))
    assert str(caught.value) == "{} {} (--similar_words)".format(path, message)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "{} holds no word with its neighbours (--similar_words)"),
        (b"# a comment\n\n", "{} holds no word with its neighbours (--similar_words)"),
        (
            "律师\t代理人\n".encode() + "医生\t大夫".encode("gb18030"),
            "{} line 2 is not UTF-8 (byte 0xc9); convert the file (--similar_words)",
        ),
    ],
)
def test_a_wrong_file_is_named(tmp_path, content, message):
    path = tmp_path / "t.txt"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_table(str(path))
    assert str(caught.value) == message.format(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError) as caught:
        read_table(str(tmp_path / "none"))
    expected = "cannot read {}: No such file or directory (--similar_words)"
    assert str(caught.value) == expected.format(tmp_path / "none")
