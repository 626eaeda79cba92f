"""Tokenizer files of a Hugging Face directory.

tokenizer.json describes step by step what google-research/bert's FullTokenizer does: the stock
BertNormalizer of the `tokenizers` library drops private-use characters, keeps 256 characters of
CJK extension E together, knows the punctuation of an older Unicode, and lower-cases a final sigma
like any other; runs may be 200 characters long, not 100.

tokenizer_config.json names the class that takes tokenizer.json as it is, in transformers 4 and 5
alike, with use_fast=False as well. Under the name of a model's own tokenizer transformers 5 would
take vocabulary and special tokens from there, and build the steps between anew in its own way.
"""

import json
import os
from typing import Any, Callable, NamedTuple

from data.text.characters import CJK_RANGES, quotes_by_form
from data.tokenizers import huggingface_albert, vocabulary_file
from data.tokenizers.wordpiece import FINAL_SIGMA, MAX_CHARS_PER_WORD

SPECIAL_TOKENS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
# transformers 5 calls it TokenizersBackend, and knows this name, too.
CLASS = "PreTrainedTokenizerFast"
# What its tokenizers have to say whatever the version takes for granted.
COMMON_SETTINGS = {
    "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
    "clean_up_tokenization_spaces": False,
}
_CONTROLS = r"[\p{Cf}" + "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]"
_MARKS = r"\p{Mn}"
# Unicode punctuation, every ASCII symbol, CJK.
_SINGLE = (
    r"[\p{P}!-/:-@\[-`{-~" + "".join("{}-{}".format(chr(a), chr(b)) for a, b in CJK_RANGES) + "]"
)

# For comparing tokenizers.
AWKWARD = (
    "今天天气很好，我们去图书馆。",
    "  前后  空格\t和\u3000全角空格\n换行 ",
    "全角字母ＡＢＣ和１２３，以及！？",
    "Café naïve ÀÉÎ Ångström cafe\u0301 İstanbul",
    "混合English单词与标点：“引号”、‘单引’、（括号）……《书名》——「直角」",
    "\"don't\" -- 'stop'@example.com; a_b/c\\d <e> $f^g `h`",
    "😀表情👨‍👩‍👧和👍🏽组合🇨🇳",
    "零宽\u200b字符\u0000控制\u0007符\u00ad软\ufeff连\ufffd替",
    "\U00020000\U0002a6d6扩展B，\U0002b820扩展E，㐀扩展A，豈\U0002f800兼容",
    "unaffable pretraining tokenization ##ing ##s internationalization",
    "iPhoneX GPT-4 BERT-wwm-ext McDonald's eBay HELLO wOrLd",
    "12345678901234567890 3.1415926 1,000,000 2018年 １８００年 ２０４８",
    "x" * 100 + " " + "y" * 150 + " " + "z" * 200 + " " + "w" * 201,
    "繁體字與簡体字，東京タワー、ｶﾞｷﾞ、ひらがな、한국어, Ελλάς ΟΔΟΣ Σ",
    "\ue000私用\uf8ff字\U000f0000",
    "行\u2028分\u2029段\u0085下\u00a0不断\u1680空",
    "①②③ Ⅳ ½ ㎡ ℃ № ™ ∑ ← ■ ※ ￥ €",
    "[MASK]和[SEP]",
    "ﬁne ßtraße ẞ ǅ ŉ",
    "",
)


class Family(NamedTuple):
    """A kind of vocabulary in transformers.

    Attributes:
      special_tokens: for its files.
      settings: of the tokenizer's own class there, for programs that call that class by name.
      make: function (vocabulary, do_lower_case) -> tokenizers.Tokenizer without special tokens.
    """

    special_tokens: Any
    settings: Any
    make: Callable


def write(folder, vocabulary, settings, max_length):
    """Writes the files that stand beside a vocabulary; AutoTokenizer then gives our ids.

    Args:
      folder: local folder.
      vocabulary: of either kind, see data/tokenizers/vocabularies.py.
      settings: text_settings.TextSettings. Of t2s only the name is written: transformers has no
        step for it.
      max_length: most pieces that the model takes.

    Raises:
      OSError: they cannot be written.
      UserError: tokenizer.json cannot hold such a vocabulary.
    """
    family = FAMILIES[vocabulary.kind]
    config = dict(
        family.special_tokens,
        tokenizer_class=CLASS,
        do_lower_case=settings.do_lower_case,
        model_max_length=max_length,
        **COMMON_SETTINGS,
        **family.settings,
    )
    tokenizer = family.make(vocabulary, settings.do_lower_case)
    _add_special_tokens(tokenizer, vocabulary, family)
    if settings.normalize_quotes:
        config["normalize_quotes"] = True
        _normalize_quotes(tokenizer)
    if settings.t2s:
        # Quanci takes its own settings only together.
        config.update(normalize_quotes=settings.normalize_quotes, t2s=True)
    texts = {
        "tokenizer.json": tokenizer.to_str(pretty=True),
        "tokenizer_config.json": json.dumps(config, ensure_ascii=False, indent=2) + "\n",
        "special_tokens_map.json": json.dumps(family.special_tokens, indent=2) + "\n",
    }
    for name, text in texts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as writer:
            writer.write(text)


def _normalize_quotes(tokenizer):
    """Adds steps that give quotes, dashes and … their ASCII forms."""
    from tokenizers import Regex, normalizers

    steps = [
        normalizers.Replace(Regex("[{}]".format(characters)), form)
        for form, characters in quotes_by_form().items()
    ]
    tokenizer.normalizer = normalizers.Sequence([*steps, tokenizer.normalizer])


def _add_special_tokens(tokenizer, vocabulary, family):
    from tokenizers.processors import TemplateProcessing

    tokenizer.post_processor = TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary.cls), ("[SEP]", vocabulary.sep)],
    )
    tokenizer.add_special_tokens(list(family.special_tokens.values()))


def encode(folder, texts):
    """Ids by AutoTokenizer of each text, without [CLS] and [SEP]: a list of lists of int."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    # Ours has no special tokens in text; nor is a long text to be warned of.
    options = {"add_special_tokens": False, "split_special_tokens": True, "verbose": False}
    return [tokenizer(text, **options)["input_ids"] for text in texts]


def _wordpiece_tokenizer(vocabulary, do_lower_case):
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    ids = _without_holes(vocabulary.tokens)
    tokenizer = Tokenizer(
        models.WordPiece(
            ids,
            unk_token=SPECIAL_TOKENS["unk_token"],
            max_input_chars_per_word=MAX_CHARS_PER_WORD,
        )
    )
    steps = [normalizers.Replace(Regex(_CONTROLS), "")]
    if do_lower_case:
        steps += [
            normalizers.Replace(Regex(FINAL_SIGMA), "ς"),
            normalizers.Lowercase(),
            normalizers.NFD(),
            normalizers.Replace(Regex(_MARKS), ""),
        ]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex(_SINGLE), "isolated")]
    )
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    return tokenizer


def _without_holes(tokens):
    """Dict token -> id. Of equal tokens the last counts; names that no text gives fill the rest.

    The `tokenizers` library warns of a corrupted vocabulary where an id has no token.
    """
    ids = {token: i for i, token in enumerate(tokens)}
    for i, token in enumerate(tokens):
        if ids[token] != i:
            ids["[line {}, as line {}]".format(i + 1, ids[token] + 1)] = i
    return ids


FAMILIES = {
    vocabulary_file.WORDPIECE: Family(
        SPECIAL_TOKENS,
        # None: as do_lower_case.
        {"do_basic_tokenize": True, "tokenize_chinese_chars": True, "strip_accents": None},
        _wordpiece_tokenizer,
    ),
    vocabulary_file.SENTENCEPIECE: Family(
        huggingface_albert.SPECIAL_TOKENS,
        huggingface_albert.SETTINGS,
        huggingface_albert.make_tokenizer,
    ),
}
