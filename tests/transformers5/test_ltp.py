"""LTP's neural models, which transformers 5 serves with one method less."""

import json

import transformers_readings as readings

from data.text.ltp.loading import load_ltp


def test_words_and_tags_are_those_of_transformers_4(cases):
    tagged = readings.ltp_tags(load_ltp(cases.directory(readings.LTP)))
    assert json.loads(json.dumps(tagged)) == cases.facts["ltp"]
    assert len(tagged["cws"][0]) > 3
