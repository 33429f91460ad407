"""The papers to cite, and where they are."""

from __future__ import annotations

from srbench.analysis.papers import known_papers, link_of, papers_in, papers_of_method, papers_of_published
from srbench.data.catalog import load_manifest, manifest_names
from srbench.plugins.registry import Registry


def test_every_known_paper_is_whole() -> None:
    known = known_papers()
    assert len({paper.key for paper in known}) == len(known) > 15
    for paper in known:
        assert paper.bibtex.count("{") == paper.bibtex.count("}")
        assert paper.fields.keys() >= {"title", "author", "year"}
    assert {paper.link for paper in known} > {
        "https://doi.org/10.1007/978-3-319-46475-6_25",
        "https://doi.org/10.1175/1520-0450(1979)018%3C1016:LFIOAT%3E2.0.CO;2",
        "https://arxiv.org/abs/1603.09056",
    }


def test_every_method_and_data_set_of_ours_has_its_papers() -> None:
    registry = Registry()
    without = {name for name in registry.method_names if not papers_of_method(registry.card(name).info.paper)}
    assert without == {"nearest"}, "which is pixel repetition"
    assert all(papers_in(load_manifest(name).citation) for name in manifest_names())
    assert all(paper.link for name in manifest_names() for paper in papers_in(load_manifest(name).citation))


def test_papers_of_unknown_text() -> None:
    assert link_of("Doe, A Net, 2026, doi:10.1000/xyz_1.") == "https://doi.org/10.1000/xyz_1"
    assert link_of("Doe, A Net, arXiv:2601.01234") == "https://arxiv.org/abs/2601.01234"
    assert link_of("Doe, A Net") == link_of("") == ""
    assert papers_in("Author et al., Conference 2012") == ()
    (open_ended,) = papers_in("@misc{a, title = {b")
    assert (open_ended.key, open_ended.fields, open_ended.link) == ("a", {"title": ""}, "")
    assert papers_in("@misc{a, url = {javascript:alert(1)}}")[0].link == ""
    assert [paper.key for paper in papers_of_published("SRCNN 9-5-5 (ImageNet)")] == ["dong2016image"]
