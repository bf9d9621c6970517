"""What the chapters promised and no clock measures: counted here, or read where it was kept.

The longer runs of chapters 4 and 5 lie in `benchmarks/results/*.json` (their commands stand
in these chapters); what the book's own run found is read from its executed pages; the rest is
counted: the grammar, the translations.
"""

import ast
import inspect
import json
import re
import statistics
import textwrap
from pathlib import Path

from bs4 import BeautifulSoup

from benchmarks.measure import RESULTS, Row
from tools import build, editions, execution
from utils import english, finetuning, spanish, tokenization
from utils.show import GLUE
from utils.sources import SourceError, load_text
from utils.sources.books import KANT

TREEBANK = "ud_english_ewt"  # the real one; the longer run on it is kept
NAMES = {"es": "Spanish", "ja": "Japanese"}  # of the languages, in a row
CRITIQUE = 4280  # the Critique of Pure Reason's number at Project Gutenberg

# How we read the words of a promise.
FAR_ABOVE = 75  # %, of minimal pairs
CLEARLY = 0.1  # nats
FAR_BELOW = 1 / 2  # of the trained model's figure
AGREEMENT = f"promised far above chance, which is 50 %; {FAR_ABOVE} % is our reading of far"
CONTROL = "promised far below the trained model; at most half of its figure is our reading of far"


def rows(quick: bool) -> list[Row]:
    return [*grammar(quick), *classifier(), *pretrained(), *bodies(),
            *vocabulary(), *opened(), *written(), *translated(), *shipped()]  # fmt: skip


# ------------------------------------------------------------------------- the grammars
def grammar(quick: bool) -> list[Row]:
    found = [
        Row("phenomena of English in minimal pairs", len(english.PHENOMENA), least=15),
        Row("phenomena of Spanish in minimal pairs", len(spanish.PHENOMENA), least=6),
    ]
    if quick:
        return found
    enough = 200_000  # more are not drawn; a grammar that has fewer raises an error
    drawn = {sentence.text for sentence in english.sentences(enough, seed=0)}
    return [*found, Row("distinct sentences of the English grammar, drawn", len(drawn), least=enough)]


# ---------------------------------------------------------- what the book's own run found
def executed(page: str):
    """The notebook of a page, as it was last executed here.

    Raises:
        RuntimeError: the page has not been executed here.
    """
    current = (build.BUILD / "current").read_text()
    known = execution.executed_pages(build.BUILD / current / "executed")
    if page not in known:
        raise RuntimeError(f"{page} has not been executed: run `make book` first.")
    return known[page][0]


def quotes(page: str) -> dict[str, str]:
    """What the last run of a page quotes in its prose: name → text."""
    return {
        output.metadata["scrapbook"]["name"]: ast.literal_eval(output["data"][GLUE + "text/plain"])
        for cell in executed(page).cells for output in cell.get("outputs", [])
        if "scrapbook" in output.get("metadata", {})
    }  # fmt: skip


def seeds(page: str) -> int:
    """How many seeds the last run of a page shows in its tables."""
    shown = [output["data"].get("text/plain", "") for cell in executed(page).cells
             for output in cell.get("outputs", []) if "data" in output]  # fmt: skip
    return len({seed for text in shown for seed in re.findall(r"\bseed (\d+)", text)})


def interval(text: str) -> tuple[float, float, float]:
    """`0.51 [0.43, 0.58]` → 0.51, 0.43, 0.58."""
    value, low, high = map(float, re.findall(r"-?\d+\.?\d*", text.replace("−", "-"))[:3])
    return value, low, high


def classifier() -> list[Row]:
    page = "03_bert_fine_tuning"
    found = quotes(page)
    tuned, best = interval(found["tuned-mcc"]), interval(found["best-baseline"])
    new = interval(found["transfer"])
    return [
        Row(f"fine-tuned on acceptability, {seeds(page)} seeds: MCC on the test sentences", tuned[0],
            low=tuned[1], high=tuned[2], detail={"best baseline": best}),
        Row("fine-tuned: its interval begins above the best baseline's end by", tuned[1] - best[2],
            least=0),
        Row("fine-tuned: MCC on the phenomena left out of training", new[0], low=new[1],
            high=new[2], note="reported whatever it is"),
        Row("the training loop, lines", lines_of(finetuning.fine_tune), most=20,
            note="the body of fine_tune, without its docstring and blank lines"),
    ]  # fmt: skip


def lines_of(function) -> int:
    """The lines of a function's body, without its docstring and blank lines."""
    source = textwrap.dedent(inspect.getsource(function))
    [definition] = ast.parse(source).body
    body = definition.body[ast.get_docstring(definition) is not None :]
    lines = source.splitlines()[body[0].lineno - 1 : body[-1].end_lineno]
    return sum(bool(line.strip()) for line in lines)


# ------------------------------------------------------------ the longer runs that are kept
def _kept(name: str):
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def pretrained() -> list[Row]:
    losses, systems = _kept("kantai_mini"), _kept("minimal_pairs")["systems"]
    size = sum(path.stat().st_size for path in (build.ROOT / "checkpoints/kantai-mini").iterdir())
    fields = {"determiner and noun": "determiner_noun_agreement",
              "subject and verb": "subject_verb_agreement", "anaphors": "anaphor_agreement"}  # fmt: skip
    return [
        Row("kantai-mini: held-out loss less than the bidirectional n-gram's by",
            losses["bidirectional"] - losses["held_out_loss"], "nats", least=CLEARLY,
            note=f"promised clearly less; {CLEARLY} nats is our reading of clearly",
            detail={name: losses[name] for name in ("held_out_loss", "unigram", "bigram", "bidirectional")}),
        *(Row(f"kantai-mini: minimal pairs of {what}", 100 * systems["kantai-mini"]["fields"][field], "%",
              least=FAR_ABOVE, note=AGREEMENT) for what, field in fields.items()),
        *(Row(f"minimal pairs of all phenomena: {name}", 100 * system["all"], "%",
              note="what chance finds: 50 %") for name, system in systems.items()),
        Row("kantai-mini: all its files", size / 1e6, "MB", most=12),
    ]  # fmt: skip


def bodies() -> list[Row]:
    """Fine-tuned on acceptability: the body of kantai-mini beside random weights."""
    found = quotes("04_roberta_from_scratch")
    read, random = interval(found["mcc-pre-trained"]), interval(found["mcc-random-weights"])
    what = "acceptability, MCC on the test sentences"
    return [
        Row(f"{what}: kantai-mini's body, fine-tuned", read[0], low=read[1], high=read[2]),
        Row(f"{what}: the same with random weights", random[0], low=random[1], high=random[2]),
        Row("kantai-mini's body: its interval begins above the end of the random weights' by",
            read[1] - random[2], least=0),
    ]  # fmt: skip


def vocabulary() -> list[Row]:
    """The entries that a tokenizer makes of Kant's Critique, asked for 52,000."""
    what, promised = "asked for 52,000 entries of the Critique of Pure Reason: made", 8_425
    try:
        text = load_text("kant")
    except SourceError:
        text = None
    if text is None or text.provenance.given != "kant":
        return [Row(what, None, least=promised, most=promised, note="Kant's books are not on this machine")]
    [critique] = [document for document in text if document.title == KANT[CRITIQUE]]
    made = tokenization.ByteLevelBPE.train(critique.paragraphs, vocab_size=52_000, min_frequency=2)
    audit = tokenization.audit(made, critique.paragraphs, vocab_size=52_000)
    return [Row(what, audit.entries, least=promised, most=promised,
                detail={"special": len(audit.special), "never used": len(audit.never_used)})]  # fmt: skip


def spread(rows: list[dict], key: str) -> dict[str, float]:
    """The mean of some rows in %, from the lowest end of their intervals to the highest."""
    return {"value": 100 * statistics.mean(row[key] for row in rows),
            "low": 100 * min(row["low"] for row in rows),
            "high": 100 * max(row["high"] for row in rows)}  # fmt: skip


def control(what: str, random: float, trained: float) -> Row:
    """The row of random weights, promised far below a trained model; both in %."""
    return Row(f"{what}, random weights", random, "%", most=FAR_BELOW * trained, note=CONTROL)


def opened() -> list[Row]:
    kept = _kept("bertology")
    tree = kept["treebanks"][TREEBANK]
    relations = {row["relation"]: row for row in tree["relations"]}
    found = []
    for name, what, least in (("obj", "direct objects", 70), ("det", "determiners", 78)):
        row = relations[name]
        found += [
            Row(f"one head finds {what}", 100 * row["accuracy"], "%", least=least,
                low=100 * row["low"], high=100 * row["high"]),
            control(f"one head finds {what}", 100 * row["random"], 100 * row["accuracy"]),
            Row(f"one head finds {what}: above the best fixed offset by", 100 * row["gain"], "points",
                least=20, low=100 * row["gain_low"], high=100 * row["gain_high"]),
        ]  # fmt: skip
    return [*found, *probe_rows(tree["probes"]), *masking_rows(kept["sweep"]["rows"])]


def probe_rows(probes: dict) -> list[Row]:
    """What probes read of the trees, each beside its control."""
    model, random = probes["model"], probes["random weights"]
    uas, uas_random = (spread(one["attention"], "uas") for one in (model, random))
    best, best_random = (max(one["structural"], key=lambda row: row["uuas"]) for one in (model, random))
    uuas = spread([best], "uuas")
    return [
        Row("attention alone: UAS", **uas, unit="%", least=55,
            note=f"the mean of {len(model['attention'])} seeds, from the lowest end of their intervals "
                 "to the highest"),
        control("attention alone: UAS", uas_random["value"], uas["value"]),
        Row("structural probe, best layer: UUAS", **uuas, unit="%", least=60),
        control("structural probe, best layer: UUAS", 100 * best_random["uuas"], uuas["value"]),
    ]  # fmt: skip


def masking_rows(sweep: list[dict]) -> list[Row]:
    """What 40 % of the heads are worth, by importance and at random."""
    lost, models = {}, {}
    for order in ("importance", "random"):
        rows = [row for row in sweep if row["order"] == order and row["share"] == 0.4]
        models[order] = len({row["model"] for row in rows})
        lost[order] = spread([{"lost": -row["change"], "low": -row["high"], "high": -row["low"]}
                              for row in rows], "lost")  # fmt: skip
    note = "the mean of {} models, from the lowest end of their intervals to the highest"
    return [
        Row("40 % of the heads masked by importance: lost", **lost["importance"], unit="points",
            most=3, note=note.format(models["importance"])),
        Row("40 % of the heads masked at random: lost", **lost["random"], unit="points",
            least=lost["importance"]["value"], note=note.format(models["random"])),
    ]  # fmt: skip


# ------------------------------------------------- the chapters, the translations, the site
def written() -> list[Row]:
    """What the English pages have: exercises, errata, terms."""
    pages = build.ROOT / "chapters/en"
    exercises = {page.stem: exercises_of(page.read_text("utf-8")) for page in sorted(pages.glob("0*.md"))}
    glossary = editions.sections((pages / "glossary.md").read_text("utf-8"))
    return [
        Row("exercises of a chapter, the fewest", min(exercises.values()), least=5, detail=exercises),
        Row("errata, each with what is wrong and what is right",
            errata_of((pages / "errata.md").read_text("utf-8")), least=45),
        Row("terms of the glossary", sum(part.entry for part in glossary) - 1, least=120,
            detail={"not counted": "the end of the glossary"}),
    ]  # fmt: skip


def exercises_of(text: str) -> int:
    """The exercises of a page that have a solution."""
    asked = re.findall(r"\{exercise-start\}.*\n:label: (ex-[\w-]+)", text)
    return len({*asked} & {*re.findall(r"\{solution-start\} (ex-[\w-]+)", text)})


def errata_of(text: str) -> int:
    """The entries of the errata that say what a source has and what is right."""
    entries = re.findall(r"^### E\d+: .*?(?=^#|\Z)", text, flags=re.M | re.S)
    return sum(bool(re.search(r"\*\*The \w+:\*\*", entry) and re.search(r"\*\*Right\b[^*]*:\*\*", entry))
               for entry in entries)  # fmt: skip


def translated() -> list[Row]:
    every = {language: editions.pages(language) for language in editions.languages()}
    found = []
    for language, pages in every.items():
        recorded = {pages[0].with_stem(stem) for stem in editions.read_state(pages[0].parent)}
        counts = [editions.count_sections(page) for page in sorted({*pages, *recorded})]
        wanted, right = map(sum, zip(*counts))
        found.append(Row(
            f"sections of the {NAMES.get(language, language)} edition, complete and fresh", right,
            of=wanted, least=wanted, detail={"pages": len(counts)}))  # fmt: skip
    other = [page for pages in every.values() for page in pages if not editions.same_code(page)]
    return [*found, Row("translated pages with other code than the English", len(other), most=0)]


def shipped() -> list[Row]:
    """What the heaviest BertViz view brings: its frame, and all that this loads."""
    views = {str(page.relative_to(build.SITE)): loaded(page) for page in build.SITE.glob("*/frames/*.html")}
    if not views:
        raise RuntimeError("the site has no BertViz view: run `make book` first.")
    heaviest = max(views, key=lambda name: sum(views[name].values()))
    return [Row("a BertViz view brings to a page", sum(views[heaviest].values()) / 1e3, "kB", most=500,
                note="its page, its numbers, BertViz's script and style; before they are packed",
                detail=views[heaviest])]  # fmt: skip


def loaded(page: Path) -> dict[str, int]:
    """The bytes of a page and of every script and style sheet that it loads: name → bytes."""
    html = BeautifulSoup(page.read_text("utf-8"), "html.parser")
    names = [tag.get("src") or tag["href"] for tag in html.select("script[src], link[rel=stylesheet]")]
    return {path.name: path.stat().st_size
            for path in [page, *((page.parent / name).resolve() for name in names)]}  # fmt: skip
