"""What must hold for any text, looked for by hypothesis."""

from hypothesis import given, settings
from hypothesis import strategies as st

from daira_moderation.domain.folding import fold
from daira_moderation.domain.verdicts import Decision, Rulebook
from daira_moderation.service.wordlists import packaged

RULES = Rulebook(packaged())
REFUSED = [
    entry.pattern
    for words in packaged()
    for entry in words.entries
    if entry.decision is Decision.REJECTED and " " not in entry.pattern
]
NOISE = ["\u200b", "\u200c", "\u202e", "\u2060", "\ufeff", "\u00ad", "\u0301", "\u064e", "\u0651"]
ARABIC_NOISE = [*NOISE, "\u0640", "\u0640\u0640"]


@given(st.text())
@settings(max_examples=400, deadline=None)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_text_gets_an_opinion(text: str) -> None:
    opinion = RULES.judge(text)
    assert (opinion.decision is Decision.APPROVED) == (not opinion.reasons)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_no_noise_between_letters_hides_a_word(data: st.DataObject) -> None:
    pattern = data.draw(st.sampled_from(REFUSED))
    noise = st.lists(st.sampled_from(ARABIC_NOISE), max_size=3).map("".join)
    written = ""
    for letter in pattern:
        repeat = 1 if letter.isdigit() else data.draw(st.integers(1, 4))
        written += letter * repeat + data.draw(noise)
    framed = data.draw(st.sampled_from(["{}", "صباح {} الخير", "hello, {}!", "({})", "«{}»", "#{}"])).format(written)
    assert RULES.judge(framed).decision is Decision.REJECTED, framed


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_way_of_pulling_letters_apart_hides_a_word(data: st.DataObject) -> None:
    pattern = data.draw(st.sampled_from([word for word in REFUSED if len(word) >= 3]))
    separator = data.draw(st.sampled_from([" ", "  ", ".", "-", "_", "*", "،", " . ", "\n"]))
    assert RULES.judge(separator.join(pattern)).decision is Decision.REJECTED
