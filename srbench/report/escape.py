"""Escapes text for each format. Names of methods, data sets and images may contain any character."""

from __future__ import annotations

import hashlib
import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]#~|!$])")
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "[": "{[}",  # after \\ a bracket would be taken for its argument, as would an asterisk
    "]": "{]}",
    "*": "{*}",
    "±": r"\(\pm\)",
    "\N{MULTIPLICATION SIGN}": r"\(\times\)",
    "\N{EM DASH}": r"\textemdash{}",
    "\N{EN DASH}": r"\textendash{}",
}


def one_line(text: str) -> str:
    """Without line breaks and control characters."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()


def markdown(text: str) -> str:
    """Plain text in Markdown, inside a table too."""
    text = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", text)


def markdown_code(text: str) -> str:
    """Text as code in Markdown, with a fence longer than any run of backticks inside."""
    text = one_line(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def latex(text: str) -> str:
    """Plain text in LaTeX; characters without a glyph in pdfLaTeX become their code point."""
    escaped = "".join(_LATEX.get(character) or _glyph(character) for character in one_line(text))
    return re.sub("-(?=-)", "-{}", escaped)  # two hyphens would become a dash


def _glyph(character: str) -> str:
    return character if character <= "\u017f" and character.isprintable() else f"{{[}}U+{ord(character):04X}{{]}}"


def safe_file_name(text: str) -> str:
    """A file name for any text, unique per text; plain names are unchanged."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:80]
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", safe)
    if safe and safe == text and not reserved:
        return safe
    return f"{safe or 'name'}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
