"""Verdicts for continuous integration: JUnit XML, GitHub's annotations and its step summary."""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.etree import ElementTree

from srbench.analysis.gate import Verdict, Verdicts
from srbench.report.escape import markdown
from srbench.system.places import as_written
from srbench.system.text import printable

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(verdicts: Verdicts) -> str:
    """One test case per value, and one per problem of the check as a whole."""
    suite = ElementTree.Element("testsuite", name="srbench check")
    for problem in verdicts.problems:
        case = ElementTree.SubElement(suite, "testcase", classname="srbench.check", name="something is checked")
        ElementTree.SubElement(case, "error", message=_xml(problem)).text = _xml(problem)
    for verdict in verdicts.verdicts:
        row = verdict.reference
        sign = {"equal": "=", "at_least": ">=", "at_most": "<="}[row.rule]
        name = f"{row.method} x{row.scale} {row.metric} {sign} {row.text}"
        group = f"{row.protocol}.{row.dataset}"
        case = ElementTree.SubElement(suite, "testcase", classname=_xml(group), name=_xml(name))
        if verdict.status != "pass":
            failure = ElementTree.SubElement(case, "failure", message=_xml(verdict.message), type=verdict.status)
            failure.text = _xml(f"{verdict.message}\nrun: {verdict.run or 'none'}\nreference: {row.where}")
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(verdicts.failures)))
    suite.set("errors", str(len(verdicts.problems)))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _xml(text: str) -> str:
    """Without characters that XML forbids even escaped."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def github_annotations(verdicts: Verdicts) -> list[str]:
    """One workflow command for each failure."""
    lines = [f"::error title=srbench check::{_data(problem)}" for problem in verdicts.problems]
    for verdict in verdicts.failures:
        file, _, line = verdict.reference.where.rpartition(":")
        where = f"file={_property(_in_checkout(file))},line={line}," if file and line.isdecimal() else ""
        title = f"srbench check: {verdict.title}"
        lines.append(f"::error {where}title={_property(title)}::{_data(verdict.message)}")
    return lines


def _in_checkout(file: str) -> str:
    """A path as GitHub shows files: relative to the checkout, if it is in there."""
    path = as_written(Path(file))
    home = as_written(Path(os.environ.get("GITHUB_WORKSPACE") or "."))
    return path.relative_to(home).as_posix() if path.is_relative_to(home) else file


def _data(text: str) -> str:
    return printable(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def github_summary(verdicts: Verdicts) -> str:
    """The step summary, in Markdown."""
    failures = verdicts.failures
    lines = [f"## srbench check: {'passed' if verdicts.ok else 'failed'}", ""]
    lines += [f"- {markdown(problem)}" for problem in verdicts.problems]
    lines += [f"{verdicts.words[0].upper()}{verdicts.words[1:]}.", ""]
    if failures:
        lines += ["| value | measured | expected | difference | source |", "|---|---:|---:|---:|---|"]
        lines += [_summary_row(verdict) for verdict in failures]
    return "\n".join(lines) + "\n"


def _summary_row(verdict: Verdict) -> str:
    row = verdict.reference
    measured = f"{verdict.why} {verdict.error}" if verdict.measured is None else f"{verdict.measured:.6g}"
    difference = "" if verdict.difference is None else f"{verdict.difference:+.4g}"
    cells = (verdict.title, measured, row.expected, difference, row.source)
    return "| " + " | ".join(map(markdown, cells)) + " |"
