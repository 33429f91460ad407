"""What `srbench explain` found, on a terminal of 80 columns and as plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from srbench.explain.joint import JointAnswer
from srbench.explain.search import Answer, Found
from srbench.system.plain import json_number

SIMPLE = 1
"""Without a number, variants up to this cost are shown."""
NOTHING = "\nPerhaps the images are others, or the scale, or the number is of one image, or has a misprint."
FEW = 5
"""How many are shown where none is within reach, and how many near misses."""


def print_answer(answer: Answer, subject: str, console: Console, *, top: int, everything: bool) -> None:
    """The variants that give a number, or the values of all.

    Args:
        answer: what was found.
        subject: the method or the images, the data set and the scale, in words.
        console: where to.
        top: how many variants within reach are shown.
        everything: show all that was tried.
    """
    if answer.number is not None:
        console.print(Text(verdict(answer), style="bold"))
    console.print(_title(answer, subject))
    if answer.number is None:
        shown = [found for found in answer.found if everything or found.candidate.cost <= SIMPLE]
        _print(console, answer, shown, len(answer.found) - len(shown), "combinations of several changes (--all)")
    elif everything:
        _print(console, answer, answer.found)
    elif answer.within_reach:
        hits, near = answer.within_reach, answer.near_misses
        _print(console, answer, hits[:top], len(hits) - top, "within reach (--all); another decimal would tell more")
        more = " More numbers tell more: x2=33.66/.9299 x3=30.39." if answer.chance and answer.chance.is_likely else ""
        console.print(Text(f"\n{chance_words(answer)}{more}"))
        if near and len(hits) < top:
            console.print("\nNear misses, nearest first:")
            _print(console, answer, near[:FEW])
    else:
        _print(console, answer, answer.found[:FEW])
        console.print(NOTHING)
    _print_literature(console, answer)


def verdict(answer: Answer) -> str:
    """What to make of a number, in one sentence."""
    assert answer.number is not None and answer.chance is not None
    first, text, chance = answer.found[0], answer.number.text, answer.chance
    if not answer.within_reach:
        unit = " dB" if answer.metric == "psnr" else ""
        return (
            f"{text} is made in no way that is known here: the nearest is {abs(first.difference or 0.0):.2g}{unit} off."
        )
    if first.candidate.protocols:
        return f"{text} is what a known protocol gives: {first.candidate.words}."
    if chance.is_likely:
        return f"{text} may be this, or chance: {first.candidate.words}."
    return f"{text} is most likely this: {first.candidate.words}."


def joint_verdict(answer: JointAnswer) -> str:
    """What to make of several numbers, in one sentence."""
    first, count = answer.found[0], len(answer.figures)
    if not answer.give_all:
        return (
            f"No way that is known here gives all {count} numbers; the nearest gives {sum(first.given)}: {first.words}."
        )
    if answer.is_likely:
        return f"The {count} numbers may be this, or chance: {first.words}."
    return f"The {count} numbers are most likely this: {first.words}."


def _title(answer: Answer, subject: str) -> Text:
    name, tried = answer.metric.upper(), f"{len(answer.found):,}"
    if answer.number is None:
        return Text(f"{name} of {subject}, under {tried} variants; the most usual first:")
    number = f"{name} {answer.number.text}"
    hits = len(answer.within_reach)
    if not hits:
        return Text(f"{number} of {subject}: none of {tried} variants gives it. The nearest:", style="red")
    give = "gives it" if hits == 1 else "give it, the most plausible first"
    return Text(f"{number} of {subject}: {hits} of {tried} variants {give}:")


def chance_words(answer: Answer) -> str:
    """How many numbers would have been matched too; empty where no variant gives the one that was looked for."""
    number, chance = answer.number, answer.chance
    if number is None or chance is None or chance.by_plausible is None:
        return ""
    digits = len(number.text.partition(".")[2])
    low, high = (f"{value:.{digits}f}" for value in (chance.low, chance.high))
    hits = len(answer.within_reach)
    near = f"{hits} variant lies" if hits == 1 else f"{hits} variants lie"
    return (
        f"Chance is {'likely' if chance.is_likely else 'unlikely'}: {near} this near, and of the {chance.numbers:,} "
        f"such numbers from {low} to {high} some variant gives {chance.by_any:,}, and one as plausible as the first "
        f"gives {chance.by_plausible:,}."
    )


def _print(console: Console, answer: Answer, shown: Sequence[Found], more: int = 0, which: str = "") -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(answer.metric.upper(), justify="right", no_wrap=True)
    if answer.number is not None:
        table.add_column("differs", justify="right", no_wrap=True)
    table.add_column("how it is made")
    digits = 4 if answer.metric == "psnr" else 5
    for found in shown:
        cells = [f"{found.figure:.{digits}f}"]
        if found.difference is not None:
            cells.append(f"{found.difference:+.{digits}f}")
        table.add_row(*cells, Text(found.candidate.words, style="bold" if found.candidate.protocols else ""))
    console.print(table)
    if more > 0:
        console.print(f"and {more:,} more: {which}")


def _print_literature(console: Console, answer: Answer) -> None:
    digits = 2 if answer.metric == "psnr" else 4
    values: dict[str, list[str]] = {}
    for found in answer.literature:
        values.setdefault(f"{found.figure:.{digits}f}", []).extend(f"`{name}`" for name in found.candidate.protocols)
    parts = (f"{', '.join(names)} {value}" for value, names in values.items())
    console.print(Text(f"\nWhat the literature uses: {'; '.join(parts)}."))


def print_joint(answer: JointAnswer, subject: str, console: Console, *, top: int) -> None:
    """The variants that give most of several figures.

    Args:
        answer: what was found.
        subject: the method or the images, in words.
        console: where to.
        top: how many variants are shown.
    """
    count, hits = len(answer.figures), len(answer.give_all)
    console.print(Text(joint_verdict(answer), style="bold"))
    console.print(Text(f"{count} numbers of {subject}: {joint_words(answer)}.", style="" if hits else "red"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("gives", justify="right", no_wrap=True)
    table.add_column("how it is made")
    some = [joint for joint in answer.found[hits : hits + FEW] if any(joint.given)]
    for joint in [*answer.give_all[:top], *some] or answer.found[:FEW]:
        words = Text(joint.words, style="bold" if joint.protocols else "")
        table.add_row(f"{sum(joint.given)}/{count}", words)
    console.print(table)
    console.print("\nBy the first of them:")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("", "printed", "computed", "differs"):
        table.add_column(head, justify="right" if head else "left", no_wrap=True)
    for figure, value in zip(answer.figures, answer.found[0].values, strict=True):
        digits = 4 if figure.metric == "psnr" else 5
        cells = [f"{value:.{digits}f}", f"{value - figure.number.value:+.{digits}f}"] if value is not None else ["", ""]
        table.add_row(Text(str(figure)), figure.number.text, *cells)
    console.print(table)
    if not hits:
        console.print(NOTHING)
    if chance := joint_chance_words(answer):
        console.print(f"\n{chance}")


def joint_words(answer: JointAnswer) -> str:
    """How many variants give all figures, or as many as any does."""
    hits, tried = len(answer.give_all), f"{len(answer.found):,} variants"
    if not hits:
        return f"none of {tried} gives all"
    return f"{hits:,} of {tried} {'gives' if hits == 1 else 'give'} all"


def joint_chance_words(answer: JointAnswer) -> str:
    """How many variants would give as many figures by chance; empty where none gives any."""
    if not answer.most:
        return ""
    count = len(answer.figures)
    many = "all" if answer.most == count else f"{answer.most} of {count}"
    return (
        f"Chance is {'likely' if answer.is_likely else 'unlikely'}: of numbers drawn at random around these, "
        f"{answer.by_chance:.2g} variants would give {many} on average."
    )


def joint_data(answer: JointAnswer, top: int) -> dict[str, Any]:
    """The same for ``--json``."""
    return {
        "figures": [
            {"dataset": each.dataset, "scale": each.scale, "metric": each.metric, "number": each.number.text}
            for each in answer.figures
        ],
        "tried": len(answer.found),
        "give_all": len(answer.give_all),
        "by_chance": answer.by_chance,
        "verdict": joint_verdict(answer),
        "variants": [
            {
                "gives": sum(joint.given),
                "given": list(joint.given),
                "values": [json_number(value) for value in joint.values],
                "words": joint.words,
                "protocols": list(joint.protocols),
                "cost": joint.cost,
                "variants": {metric: part.variant.as_dict() for metric, part in joint.parts.items()},
            }
            for joint in answer.found[:top]
        ],
    }


def answer_data(answer: Answer, *, everything: bool) -> dict[str, Any]:
    """The answer for ``--json``."""
    number = answer.number
    data: dict[str, Any] = {
        "metric": answer.metric,
        "number": number and {"text": number.text, "value": number.value, "reach": number.reach},
        "tried": len(answer.found),
        "verdict": None if number is None else verdict(answer),
        "chance": (chance := answer.chance) and {**dataclasses.asdict(chance), "likely": chance.is_likely},
        "within_reach": [_row(found) for found in answer.within_reach],
        "near_misses": [_row(found) for found in answer.near_misses],
        "literature": [_row(found) for found in answer.literature],
    }
    if number is None or everything:
        data["variants"] = [_row(found) for found in answer.found]
    elif not answer.within_reach:
        data["nearest"] = [_row(found) for found in answer.found[:FEW]]
    return data


def _row(found: Found) -> dict[str, Any]:
    return {
        "value": json_number(found.figure),
        "difference": json_number(found.difference),
        "words": found.candidate.words,
        "protocols": list(found.candidate.protocols),
        "printed_by": list(found.candidate.printed_by),
        "cost": found.candidate.cost,
        "variant": found.candidate.variant.as_dict(),
    }
