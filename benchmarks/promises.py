"""What the chapters promised and no clock measures: counted here, or read where it was kept.

The longer runs of chapters 4 and 5 lie in `benchmarks/results/*.json` (their commands stand
in these chapters); what the book's own run found is read from its executed pages; the rest is
counted: the grammar, the translations.
"""

import ast
import json
import re
import statistics

from benchmarks.measure import RESULTS, Row
from tools import build, editions, execution
from utils import english, spanish
from utils.show import GLUE

TREEBANK = "ud_english_ewt"  # the real one; the longer run on it is kept


def rows(quick: bool) -> list[Row]:
    return [*grammar(20_000 if quick else 200_000), *classifier(), *pretrained(),
            *opened(), *translated(), *shipped()]  # fmt: skip


# ------------------------------------------------------------------------- the grammars
def grammar(enough: int) -> list[Row]:
    distinct = {s.text for s in english.sentences(enough, seed=0)}
    return [
        Row("phenomena of English in minimal pairs", len(english.PHENOMENA), least=15),
        Row("phenomena of Spanish in minimal pairs", len(spanish.PHENOMENA), least=6),
        Row("distinct sentences of the English grammar", len(distinct),
            least=200_000 if enough >= 200_000 else None),
    ]  # fmt: skip


# ---------------------------------------------------------- what the book's own run found
def quotes(page: str) -> dict[str, str]:
    """What the last run of a page quotes in its prose: name → text.

    Raises:
        RuntimeError: the page has not been executed here.
    """
    current = (build.BUILD / "current").read_text()
    known = execution.executed_pages(build.BUILD / current / "executed")
    if page not in known:
        raise RuntimeError(f"{page} has not been executed: run `make book` first.")
    return {
        output.metadata["scrapbook"]["name"]: ast.literal_eval(output["data"][GLUE + "text/plain"])
        for cell in known[page][0].cells for output in cell.get("outputs", [])
        if "scrapbook" in output.get("metadata", {})
    }  # fmt: skip


def interval(text: str) -> tuple[float, float, float]:
    """`0.51 [0.43, 0.58]` → 0.51, 0.43, 0.58."""
    value, low, high = map(float, re.findall(r"-?\d+\.?\d*", text.replace("−", "-"))[:3])
    return value, low, high


def classifier() -> list[Row]:
    found = quotes("03_bert_fine_tuning")
    tuned, best = interval(found["tuned-mcc"]), interval(found["best-baseline"])
    return [
        Row("fine-tuned on acceptability: MCC on the test sentences", tuned[0], low=tuned[1],
            high=tuned[2], detail={"best baseline": best}),
        Row("fine-tuned: its interval begins above the best baseline's end by", tuned[1] - best[2],
            least=0),
    ]  # fmt: skip


# ------------------------------------------------------------ the longer runs that are kept
def _kept(name: str):
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def pretrained() -> list[Row]:
    losses, pairs = _kept("kantai_mini"), _kept("minimal_pairs")["systems"]["kantai-mini"]
    size = sum(path.stat().st_size for path in (build.ROOT / "checkpoints/kantai-mini").iterdir())
    return [
        Row("kantai-mini: held-out loss less than the bidirectional n-gram's by",
            losses["bidirectional"] - losses["held_out_loss"], "nats", least=0,
            detail={name: losses[name] for name in ("held_out_loss", "unigram", "bigram", "bidirectional")}),
        Row("kantai-mini: minimal pairs of determiner and noun", 100 * pairs["fields"]["determiner_noun_agreement"], "%",
            least=75, note="promised far above chance, which is 50 %; 75 % is our reading of far"),
        Row("kantai-mini: minimal pairs of subject and verb", 100 * pairs["fields"]["subject_verb_agreement"], "%",
            least=75, note="promised far above chance, which is 50 %; 75 % is our reading of far"),
        Row("kantai-mini: all its files", size / 1e6, "MB", most=12),
    ]  # fmt: skip


def opened() -> list[Row]:
    kept = _kept("bertology")
    tree = kept["treebanks"][TREEBANK]
    relations = {row["relation"]: row for row in tree["relations"]}
    probes, random = tree["probes"]["model"], tree["probes"]["random weights"]
    best = max(probes["structural"], key=lambda row: row["uuas"])
    lost = {order: -100 * statistics.mean(row["change"] for row in kept["sweep"]["rows"]
                                          if row["order"] == order and row["share"] == 0.4)
            for order in ("importance", "random")}  # fmt: skip
    found = []
    for name, what, least in (("obj", "direct objects", 70), ("det", "determiners", 78)):
        row = relations[name]
        found += [
            Row(f"one head finds {what}", 100 * row["accuracy"], "%", least=least,
                low=100 * row["low"], high=100 * row["high"], detail={"random weights": row["random"]}),
            Row(f"one head finds {what}: above the best fixed offset by", 100 * row["gain"], "%", least=20),
        ]  # fmt: skip
    return found + [
        Row("attention alone: UAS", 100 * probes["attention"][0]["uas"], "%", least=55,
            detail={"random weights": random["attention"][0]["uas"]}),
        Row("structural probe, best layer: UUAS", 100 * best["uuas"], "%", least=60,
            low=100 * best["low"], high=100 * best["high"],
            detail={"random weights": max(row["uuas"] for row in random["structural"])}),
        Row("40 % of the heads masked by importance: points lost", lost["importance"], most=3),
        Row("40 % of the heads masked at random: points lost", lost["random"], least=lost["importance"]),
    ]  # fmt: skip


# ---------------------------------------------------------------- the translations, the site
def translated() -> list[Row]:
    pages, every = editions.pages("es"), map(editions.pages, editions.languages())
    wrong = [line for page in pages for line in editions.differences(page)]
    sections = sum(len(editions.sections(page.read_text("utf-8"))) for page in pages)
    glossary = editions.sections((build.ROOT / "chapters/en/glossary.md").read_text("utf-8"))
    other = [page for found in every for page in found if not editions.same_code(page)]
    return [
        Row("sections of the Spanish edition, complete and fresh", sections - len(wrong),
            of=sections, least=sections),
        Row("translated pages with other code than the English", len(other), most=0),
        Row("terms of the glossary", sum(part.entry for part in glossary) - 1, least=120,
            detail={"not counted": "the end of the glossary"}),
    ]  # fmt: skip


def shipped() -> list[Row]:
    """What the heaviest BertViz view brings: its frame, its numbers, and BertViz itself."""
    folder = build.SITE / "en"
    brought = (folder / "_static/bertviz.js").stat().st_size
    views = [view for view in (folder / "frames").glob("*.js")]
    if not views:
        raise RuntimeError("the site has no BertViz view: run `make book` first.")
    heaviest = max(view.stat().st_size + brought for view in views)
    return [Row("a BertViz view brings to a page", heaviest / 1e3, "kB", most=500,
                note="before it is packed")]  # fmt: skip
