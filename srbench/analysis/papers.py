"""The papers to cite: of methods from ``results/reference/papers.bib``, of data sets from their manifests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from srbench.system.places import reference_folder

_ENTRY = re.compile(r"@[A-Za-z]+\s*\{\s*([A-Za-z0-9][A-Za-z0-9:._-]*)\s*,")
_DOI = re.compile(r"\b10\.\d{4,9}/[^\s{}\"']*[^\s{}\"'.,;)]")
_ARXIV = re.compile(r"\barxiv:\s*(\d{4}\.\d{4,5})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Paper:
    """An entry of BibTeX.

    Attributes:
        key: what ``\\cite`` takes.
        bibtex: the whole entry.
        fields: its fields by name, without their outer braces.
    """

    key: str
    bibtex: str
    fields: dict[str, str]

    @property
    def title(self) -> str:
        """Its title as plain text, as far as braces go."""
        return re.sub(r"[{}]", "", self.fields.get("title", self.key))

    @property
    def link(self) -> str:
        """Its DOI, or else its URL; empty without."""
        doi, url = self.fields.get("doi", ""), self.fields.get("url", "")
        return _doi_link(doi) if doi else url if url.startswith("https://") else ""


def papers_in(text: str) -> tuple[Paper, ...]:
    """The entries of BibTeX text, in their order; what is none is passed over."""
    found = []
    at = 0
    while match := _ENTRY.search(text, at):
        at = _closing(text, text.index("{", match.start()))
        entry = text[match.start() : at]
        found.append(Paper(match[1], entry, _fields(text[match.end() : at - 1])))
    return tuple(found)


def _closing(text: str, opening: int) -> int:
    """Where the brace that opens there is closed, and one further; the end of the text if it never is."""
    depth = 0
    for at in range(opening, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at + 1
    return len(text)


def _fields(body: str) -> dict[str, str]:
    found = {}
    at = 0
    while match := re.compile(r"([A-Za-z]+)\s*=\s*(?=\{)").search(body, at):
        at = _closing(body, match.end())
        found[match[1].lower()] = " ".join(body[match.end() + 1 : at - 1].split())
    return found


@lru_cache(maxsize=1)
def known_papers() -> tuple[Paper, ...]:
    """Those that come with srbench."""
    return papers_in((reference_folder() / "papers.bib").read_text("utf-8"))


def papers_of_method(text: str) -> tuple[Paper, ...]:
    """The known papers whose title a method's description of its source holds."""
    plain = _plain(text)
    return tuple(paper for paper in known_papers() if _plain(paper.fields["title"]) in plain)


def papers_of_published(name: str) -> tuple[Paper, ...]:
    """The known papers of a method by the name that a publication gives it: ``SRCNN 9-5-5 (ImageNet)``."""
    first = name.partition(" ")[0]
    return tuple(paper for paper in known_papers() if first in re.split(r",\s*", paper.fields.get("names", "")))


def bibliography(papers: Iterable[Paper]) -> str:
    """A .bib file, by key."""
    return "\n\n".join(paper.bibtex for paper in sorted(papers, key=lambda paper: paper.key)) + "\n"


def link_of(text: str) -> str:
    """Where a description of a source leads: to the known paper, or to a DOI or an arXiv number in it; else empty."""
    if found := next(filter(None, (paper.link for paper in papers_of_method(text))), ""):
        return found
    if match := _DOI.search(text):
        return _doi_link(match[0])
    return f"https://arxiv.org/abs/{match[1]}" if (match := _ARXIV.search(text)) else ""


def _doi_link(doi: str) -> str:
    return f"https://doi.org/{quote(doi, safe='/:;()')}"


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9+]", "", text.casefold())
