"""Help texts: paragraphs that end their lines where the terminal ends, and examples that keep theirs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from srbench.cli.data import app as data_app
from srbench.cli.main import app
from srbench.cli.new import app as new_app
from srbench.cli.prose import help_of
from srbench.system.names import MODEL_KINDS

OWN_LINE = re.compile(r" |[-*] ")


def verbs() -> Iterator[tuple[str, ...]]:
    for folder, typer_app in ((), app), (("data",), data_app), (("new",), new_app):
        for command in typer_app.registered_commands:
            assert command.callback is not None
            yield *folder, command.name or command.callback.__name__


def shown(*words: str) -> str:
    result = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"}).invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("words", verbs(), ids=" ".join)
def test_no_line_ends_before_the_next_word_would_not_fit(words: tuple[str, ...]) -> None:
    lines = shown(*words).partition("╭")[0].partition("Usage:")[2].splitlines()
    assert len(lines) > 2
    for line, following in itertools.pairwise(map(str.rstrip, lines)):
        if line and following and not OWN_LINE.match(following[1:]):
            assert len(line) + 1 + len(following.split()[0]) > 79, f"{line!r} has room for {following!r}"


def test_paragraphs_are_joined_and_examples_and_lists_are_not() -> None:
    def verb() -> None:
        """Do it
        well.

        Examples:
          first
          second

        - one
        - two
        """

    assert help_of(verb) == "Do it well.\n\nExamples:\n  first\n  second\n\n- one\n- two"
    assert help_of(lambda: None) == ""


def test_the_help_of_tiles_says_what_is_taken() -> None:
    words = " ".join(shown("upscale").replace("│", " ").split())
    assert "16 or more" in words
    assert "[x>=0]" not in words.partition("--tile")[2].partition("--format")[0]


def test_the_help_of_methods_names_every_kind_of_model() -> None:
    words = " ".join(shown("run").replace("│", " ").split()).replace(" ", "")
    assert [kind for kind in MODEL_KINDS if f"{kind}:" not in words] == []
    assert "NAME+" in words
