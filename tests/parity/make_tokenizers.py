#!/usr/bin/env python3
"""Reference data of tests/unit/test_wordpiece.c: tokenizer.json of several kinds over one small vocabulary, and the
ids that the tokenizers library and transformers' Python tokenizer make of the same lines.

    python3 tests/parity/make_tokenizers.py tests/parity/tokenizers

Written with tokenizers 0.23.3 and transformers 5.24.0.
    texts               a text a line
    NAME.json           a tokenizer; NAME.tsv: its ids, joined by spaces, a line for each text
    vocab.txt           the vocabulary; python.tsv: ids of BasicTokenizer and WordpieceTokenizer, an empty line where a text
                        has brackets, which those do not look for
"""
import random
import sys
import unicodedata
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, normalizers as N, pre_tokenizers as P
from tokenizers.models import WordPiece
from tokenizers.processors import TemplateProcessing
from transformers.models.bert.tokenization_bert_legacy import BasicTokenizer, WordpieceTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["Hello", "hello", "naive", "naïve", "world", "##,", "play", "##ing", "##ed", "un", "happy", "café", "cafe", "##é", "i̇",
         "don", "##'", "'", "##t", "12", "##34", "a_b", "##_", "sad", "__", "...", "##..", "strasse", "straße"]
SIGNS = list(",.!?;:-_()[]{}<>@#$%&*+=/\\|~^`\"'“”‘’—…·€©½٣२的人日本한글éüßşİıñçΑΣσςοδαβИй̆́फिँกxyzABCabcnewtok0123456789ªﬁⅣⓐ") + \
    ["़", "ि", "‍", "☺", "😀", "\u0301", "\u0307", "ᄀ", "각"]
TEXTS = [
    "", " ", "Hello, world!", "naïve cafe\u0301 café", "UNHAPPY Playing played", "的人 hello日本 한글", "İstanbul ΑΣ ΑΣΑ ΑΣ' ΟΔΟΣ. Σ ΑΣ-Α ΑΣ·Α ΑΣ.Α",
    "don't 1234 a_b __ ... x", "[MASK] hello[SEP]x [mask]", "tab\there\u00a0nbsp\u3000ideographic\u2028line\u0085next", "zero\u200bwidth soft\u00adhyphen bell\u0007",
    "\ufffdreplaced\ufffd", "straße STRASSE ﬁne Ⅳ ½", "é e\u0301 ñ ü", "क्रि हिंदी", "กขค ไทย", "😀👩\u200d👩 ☺", "x" * 101 + " hello " + "x" * 100,
    "emo_happy EMO_HAPPY Emo_Happyx xemo_happy", "newtoken newtokens new-token xnewtoken newtoken, _newtoken newtoken_", "a <sp> b<sp>c  <sp>  d",
    "<l>x y <l> z", "x <r>  y<r>z <r>", "𠀀𫠠𫤟𫤠 ideographs", "ǅ ǲ Ⓐⓑ ª º", "\u1e9e \u0130\u0130", "A.B.C. U.S.A", "“quoted” ‘single’", "###hash ##x",
    "áb́ \u0344 \u0958", "Ａｂｃ １２３", "Å Å ﬀ ﷺ",
]


def texts():
    draw = random.Random(7)
    more = ["".join(draw.choice(SIGNS + WORDS + [" "] * 60) for _ in range(draw.randrange(4, 24))) for _ in range(150)]
    return TEXTS + more


def vocabulary():
    letters = sorted({c for w in WORDS + SIGNS for c in w} | {c for w in WORDS + SIGNS for c in unicodedata.normalize("NFKD", w).lower()})
    tokens = SPECIAL + letters + ["##" + c for c in letters] + WORDS
    return {t: i for i, t in enumerate(dict.fromkeys(tokens))}


def make(vocab, normalizer, pre_tokenizer, added=()):
    t = Tokenizer(WordPiece(vocab, unk_token="[UNK]"))
    if normalizer is not None:
        t.normalizer = normalizer
    if pre_tokenizer is not None:
        t.pre_tokenizer = pre_tokenizer
    t.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
                                          special_tokens=[("[CLS]", vocab["[CLS]"]), ("[SEP]", vocab["[SEP]"])])
    t.add_special_tokens(SPECIAL)
    t.add_tokens(list(added))
    return t


def cases(vocab):
    bert = lambda **k: N.BertNormalizer(**k)
    added = [AddedToken("EMO_HAPPY", normalized=True), AddedToken("new-token", normalized=True), AddedToken("newtoken", normalized=True, single_word=True),
             AddedToken("<sp>", normalized=False, lstrip=True, rstrip=True), AddedToken("<l>", normalized=False, lstrip=True),
             AddedToken("<r>", normalized=False, rstrip=True), AddedToken("é", normalized=True), AddedToken("hello", normalized=False)]
    return {
        "uncased": make(vocab, bert(), P.BertPreTokenizer()),
        "cased": make(vocab, N.Sequence([bert(lowercase=False)]), P.BertPreTokenizer()),
        "accents": make(vocab, bert(lowercase=True, strip_accents=False, handle_chinese_chars=False), P.BertPreTokenizer()),
        "unclean": make(vocab, bert(clean_text=False, lowercase=False, strip_accents=True), P.BertPreTokenizer()),
        "none": make(vocab, None, P.BertPreTokenizer()),
        "nothing": make(vocab, None, None),
        "sequence": make(vocab, N.Sequence([N.NFD(), N.Lowercase(), N.StripAccents()]), P.BertPreTokenizer()),
        "nested": make(vocab, N.Sequence([N.Sequence([N.NFKC(), N.Lowercase()]), N.NFC()]), P.Sequence([P.WhitespaceSplit(), P.BertPreTokenizer()])),
        "nfkd": make(vocab, N.NFKD(), P.Whitespace()),
        "whitespace": make(vocab, bert(), P.Whitespace()),
        "split": make(vocab, N.Lowercase(), P.WhitespaceSplit()),
        "added": make(vocab, bert(), P.BertPreTokenizer(), added),
    }


def python(vocab, line):
    basic, pieces = BasicTokenizer(do_lower_case=True), WordpieceTokenizer(vocab=vocab, unk_token="[UNK]")
    return [p for w in basic.tokenize(line) for p in pieces.tokenize(w)]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    directory, lines, vocab = Path(sys.argv[1]), texts(), vocabulary()
    directory.mkdir(exist_ok=True)
    write = lambda name, text: (directory / name).write_text(text, encoding="utf-8", newline="\n")
    write("texts", "".join(line + "\n" for line in lines))
    write("vocab.txt", "".join(t + "\n" for t in vocab))
    for name, t in cases(vocab).items():
        write(f"{name}.json", t.to_str())
        rows = [t.encode(line) for line in lines]
        write(f"{name}.tsv", "".join(" ".join(map(str, r.ids)) + "\n" for r in rows))
    rows = [["[CLS]"] + python(vocab, line) + ["[SEP]"] if "[" not in line else [] for line in lines]
    write("python.tsv", "".join(" ".join(str(vocab[t]) for t in r) + "\n" for r in rows))
