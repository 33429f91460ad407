"""Tables in LaTeX: one for all data sets, with citations, and no wider than a two-column article."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from runs import nasty_run, write_run

from srbench.analysis.compare import compare_all, report_pairs
from srbench.analysis.papers import Paper, bibliography
from srbench.analysis.published import published
from srbench.analysis.references import load_references
from srbench.bench.store import LoadedRun
from srbench.data.catalog import resolve
from srbench.report.escape import latex
from srbench.report.tables.efficiency import efficiency_latex, efficiency_table
from srbench.report.tables.every_table import every_table
from srbench.report.tables.grid import grids, main_metrics
from srbench.report.text.latex import cited, latex_tables
from srbench.speed.challenge import PUBLISHED

MANY = {"bicubic": 0.0, "a-method-with-a-rather-long-name-that-goes-on-and-on:recipe": 1.0} | {
    f"m{k}:standard": 0.1 * k for k in range(1, 30)
}
SETS = dict.fromkeys(("set5", "set14", "bsd100", "urban100", "manga109", "mine", "yours", "theirs"), ("a", "b", "c"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    return write_run(tmp_path_factory.mktemp("latex") / "run", pictures=0)


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    return nasty_run(tmp_path_factory.mktemp("latex") / "run")


def test_latex_is_escaped(nasty: LoadedRun) -> None:
    text = latex_tables(nasty.record, grids(nasty))
    assert "alert{(}" not in text.replace("\\allowbreak ", "") and "{[}U+1F600{]}" in text
    for table in text.split("\n\n")[1:]:
        bare = re.sub(r"\\[\\&%$#_{}]", "", table)
        assert bare.count("{") == bare.count("}")
        assert not re.search(r"[%$#~^<>|\"`]", bare)
        rows = [line for line in bare.splitlines() if line.endswith(" ") and "/" in line and "&" in line]
        assert rows and all(line.count("&") == 3 for line in rows)
    assert latex("--") == "-{}-"


def test_latex_is_one_booktabs_table_of_all_data_sets(run: LoadedRun) -> None:
    text = latex_tables(run.record, grids(run, load_references()))
    assert text.count("\\toprule") == text.count("\\bottomrule") == text.count("\\begin{table*}") == 1
    assert "\\textbf{36.31}/\\textbf{.9829}" in text
    assert "\\underline{36.06}" in text
    assert "5 images" in text and "upsampled Y clipped to {[}16.0, 235.0{]}" in text
    assert "srcnn-y-955:t91-9-5-5 &" in text and "srcnn-y-955:t91" in text, "two recipes, so both are named"


def test_latex_names_a_recipe_only_where_there_are_several(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", gains={"bicubic": 0.0, "fsrcnn:standard": 3.0}, pictures=0, failed=())
    text = latex_tables(run.record, grids(run))
    assert "\nfsrcnn &" in text and ":standard" not in text
    assert "\\multicolumn{3}{c}{set5} & \\multicolumn{3}{c}{set14}" in text
    assert re.search(r"\nbicubic & 33\.66/\.9299|\nbicubic & .*33\.66", text)


def test_scales_stand_below_each_other_where_sets_are_many(tmp_path: Path) -> None:
    gains = {"bicubic": 0.0, "fsrcnn:standard": 3.0}
    images = dict.fromkeys(("set5", "set14", "mine", "yours"), ("a", "b"))
    run = write_run(tmp_path / "run", gains=gains, images=images, pictures=0, failed=())
    text = latex_tables(run.record, grids(run))
    assert text.count("\\begin{table*}") == 1 and text.count("\\midrule") == 3
    assert [line.count("&") for line in text.splitlines() if line.startswith("fsrcnn")] == [5, 5, 5]
    assert re.search(r"\nbicubic & \\\(\\times 2\\\) & ", text)


def test_papers_are_cited_and_listed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", gains={"bicubic": 0.0, "fsrcnn:standard": 3.0}, pictures=0, failed=())
    fsrcnn = {"paper": "Dong, Loy, Tang: Accelerating the Super-Resolution Convolutional Neural Network, ECCV 2016"}
    methods = [m.model_copy(update=fsrcnn if m.name == "fsrcnn" else {}) for m in run.record.methods]
    citation = {"citation": resolve("set5").citation}
    datasets = [d.model_copy(update=citation if d.name == "set5" else {}) for d in run.record.datasets]
    record = run.record.model_copy(update={"methods": tuple(methods), "datasets": tuple(datasets)})
    cited_run = replace(run, record=record)
    tables = grids(cited_run, load_references())
    text = latex_tables(record, tables)
    assert "\nfsrcnn\\srbenchcite{dong2016accelerating}" in text
    assert "set5\\srbenchcite{bevilacqua2012low}" in text
    assert "\\textit{FSRCNN" in text or "\\textit{bicubic}\\srbenchcite{keys1981cubic}" in text
    keys = {paper.key for paper in cited(record, tables)}
    assert {"dong2016accelerating", "bevilacqua2012low"} <= keys
    shown = re.findall(r"srbenchcite\{([^}]*)\}", text.split("\n\n", 1)[1])
    used = {key for group in shown for key in group.split(",")}
    assert used == keys


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("options", ["twocolumn,a4paper", "twocolumn,letterpaper"])
def test_latex_fits_a_two_column_article(options: str, run: LoadedRun, nasty: LoadedRun, tmp_path: Path) -> None:
    """Every kind of table, with booktabs and no other package than the font encoding: nothing is wider than a page."""
    wide = write_run(tmp_path / "wide", gains=MANY, images=SETS, pictures=0, failed=())
    spread = write_run(tmp_path / "spread", gains=dict(list(MANY.items())[:5]), seeds=(0, 1, 2), pictures=0, failed=())
    names = {"plain": run, "nasty": nasty, "wide": wide, "spread": spread}
    papers: dict[str, Paper] = {}
    for name, loaded in names.items():
        baseline = "bicubic"
        compared = [c for m in main_metrics(loaded) for c in compare_all(loaded, m, report_pairs(loaded, baseline))]
        tables = every_table(loaded, published("all"), compared, baseline)
        every = [*tables.main, *tables.others, *tables.intervals, *tables.differences]
        (tmp_path / f"{name}.tex").write_text(latex_tables(loaded.record, every), "utf-8")
        papers |= {paper.key: paper for paper in cited(loaded.record, every)}
    efficient = efficiency_table(PUBLISHED[:2], "ntire", ["set5", "set14"], 4, "a_card", "ntire", PUBLISHED[0])
    (tmp_path / "efficiency.tex").write_text(efficiency_latex(efficient), "utf-8")
    (tmp_path / "references.bib").write_text(bibliography(papers.values()), "utf-8")
    head = f"\\documentclass[{options}]{{article}}\\usepackage[T1]{{fontenc}}\\usepackage{{booktabs}}"
    body = "\\clearpage".join(f"\\input{{{name}}}" for name in (*names, "efficiency"))
    cites = "\\newcommand{\\srbenchcite}[1]{~\\cite{#1}}"
    end = "\\bibliographystyle{plain}\\bibliography{references}\\end{document}"
    (tmp_path / "all.tex").write_text(f"{head}{cites}\\begin{{document}}{body}\\clearpage{end}")
    latex_once = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    for command in (latex_once, ["bibtex", "all"], latex_once, latex_once):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
    assert "Output written on all.pdf" in done.stdout
    assert not re.findall(r"Overfull.*|.*too large.*|Missing character.*|.*Warning: Citation.*", done.stdout)
