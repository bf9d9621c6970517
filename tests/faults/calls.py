"""A good call of each public function of `utils` that takes text, ids, masks or files.

`PARAMETERS` says what a parameter of that name is given, `CALLS` what a function needs
besides or instead, and `OBJECTS` on what a method is called. What is given decides what
counts as malformed there: see `malformed.values`.
"""

import copy
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from datasets import Dataset, DatasetDict

from utils import bert, bertology, english, finetuning, history, ngrams, pretraining, sources
from utils import pretraining_tasks, sequence_task, skipgram, spanish, tokenization, transformer
from utils.bertology import glue, relations, words
from utils.pretraining import checkpoints

V, B, L, H, T = 30, 2, 2, 2, 5  # pieces, sentences, layers, heads, tokens
SENTENCES = ["The cats sleep.", "The cats sleeps.", "They has gone home.", "A dog barks."]
LABELS = [1, 0, 0, 1]
TEXT = "The quick brown fox, at the end of its days, jumps over a lazy dog that sleeps."
SIZES = dict(hidden_size=16, num_hidden_layers=L, num_attention_heads=H, intermediate_size=16)
MERGES = [("a", "b"), ("ab", "a")]
RECIPE = pretraining.recipe_for("smoke", hidden_size=16, intermediate_size=16, row_length=16,
                                steps=2, dropout=0.0, batch_size=2)  # fmt: skip

WIKITEXT = "Cats [[sleep|slept]] {{lang|en|well}}.<ref>A note.</ref>\n\n* a list\n"

# Names of what is not tried, or what begins with such a name, and why.
LEFT_OUT = {
    "inputs.": "what the others ask at their doors; it is tried through them",
    "plots.": "words beside a figure's numbers, which the figure draws as they are",
    "ngrams.OneNeighbour.": "asked by Neighbours.probability alone, which checks the ids",
    "ngrams.TwoNeighbours.": "the same",
    "ngrams.Bidirectional.opinions": "the same",
    "retrieval.association": "its words are vectors",
    "retrieval.recall_at": "its places are numbers, the ranks of answers",
    "retrieval.reciprocal_ranks": "the same",
    "scale.key_value_cache": "its tokens are a number",
    "scale.training_flops": "the same",
    "pretraining.speed.training_work": "the same",
    "pretraining.order.permutation": "its rows are a number",
    "pretraining.order.row_of_visit": "the same",
    "bertology.glue.divide": "its rows are those of a split that `load_task` has checked",
    "bertology.pruning.benchmark": "its inputs are functions",
}
# Names whose answers may be NaN or infinite, as their docstrings say.
NO_NUMBER = {
    "pretraining_tasks.corruption_report": "z is missing where there is nothing to count",
    "pretraining.engine.read_log": "a cell of the log that was not measured is empty",
    "pretraining.engine.pretrain": "the same, in the log of the run",
    "bertology.patterns.HeadStatistics.update": "a sentence without such tokens has NaN",
}
# Arguments that have a kind and are not tried, by their names or the function's and theirs.
NOT_TRIED = {
    **dict.fromkeys(
        ["query", "key", "value", "hidden_states", "memory", "logits", "embedding",
         "input_vectors", "output_vectors", "weights", "attention", "probabilities",
         "retrieval.search.scores", "finetuning.models.start_from_probe.pooled"],
        "real numbers that a model made, no ids and no mask",
    ),
    **dict.fromkeys(
        ["score", "by", "baseline", "kind", "split", "profile", "dtype", "revision"],
        "one of a few names, no text",
    ),
    **dict.fromkeys(["alt", "group"], "words beside a figure, which nothing reads"),
    "examples": "a data set, or batches that `Examples.batch` made, where they are tried",
    "arcs": "what `find_arcs` made",
    "english.drawing.known.phenomena": "the grammar's own table",
    "pretraining.engine.pretrain.changes": "numbers, by their names",
}  # fmt: skip


# ---------------------------------------------------------------------------- models
def ids(rows=B, tokens=T):
    """Ids [rows, tokens] of a vocabulary of V, none of them special."""
    return torch.arange(rows * tokens).view(rows, tokens) % (V - 6) + 5


def ones(*shape):
    return torch.ones(*shape, dtype=torch.long)


def attentions():
    """Weights of L layers, [B, H, T, T]."""
    torch.manual_seed(0)
    return tuple(torch.rand(B, H, T, T).softmax(-1) for _ in range(L))


def attentions_of_one():
    return tuple(layer[:1] for layer in attentions())


def inputs(rows=1):
    return {"input_ids": ids(rows), "attention_mask": ones(rows, T),
            "token_type_ids": torch.zeros(rows, T, dtype=torch.long)}  # fmt: skip


def bert_config(**changes):
    return bert.BertConfig(**{"vocab_size": V, "max_position_embeddings": 32, "dropout": 0.0,
                              **SIZES, **changes})  # fmt: skip


@functools.cache
def of_course(kind=bert.Bert, **changes):
    torch.manual_seed(0)
    return kind(bert_config(**changes)).eval()


@functools.cache
def of_library(kind="BertForSequenceClassification", vocabulary=V):
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=vocabulary, max_position_embeddings=32, **SIZES
    )
    return getattr(transformers, kind)(config).eval()


def model_of_words(kind="BertForMaskedLM"):
    """A model for the ids of `bert_tokenizer`."""
    return of_library(kind, len(bert_tokenizer()))


@functools.cache
def bert_tokenizer():
    return sources.load_tokenizer("bert-base-uncased")


@functools.cache
def word_piece():
    return tokenization.WordPiece.from_tokenizer(bert_tokenizer())


@functools.cache
def byte_level():
    return tokenization.ByteLevelBPE.train([TEXT * 3], vocab_size=300)


def merged():
    return tokenization.ByteLevelBPE(MERGES, ["<s>", "<mask>"])


@functools.cache
def transformer_of_course():
    torch.manual_seed(0)
    config = transformer.TransformerConfig(vocab_size=V, max_length=16, dropout=0.0, **SIZES)
    return transformer.Transformer(config).eval()


@functools.cache
def tagger():
    return sequence_task.Tagger(transformer_of_course().config).eval()


def hidden(tokens=T):
    torch.manual_seed(0)
    return torch.randn(B, tokens, SIZES["hidden_size"])


@functools.cache
def asked():
    """A classifier of chapter 3, which can name two phenomena."""
    torch.manual_seed(0)
    config = bert_config(vocab_size=len(bert_tokenizer()), num_labels=2)
    model = bert.BertForSequenceClassification(config)
    found = finetuning.AcceptabilityClassifier(model, bert_tokenizer())
    return found.learn_phenomena(SENTENCES[1:3], ["verb", "other"])


def examples(labels=LABELS):
    return finetuning.Examples(bert_tokenizer(), SENTENCES, labels)


# ----------------------------------------------------------------------------- folders
@functools.cache
def kept():
    """A folder, until the end, with what takes long to write: a call gets a copy of it."""
    return tempfile.TemporaryDirectory(prefix="faults-")


def copy_of(name, folder, write):
    """A copy in `folder` of the folder `name`, which `write(path)` makes the first time."""
    whole = Path(kept().name) / name
    if not whole.exists():
        write(whole)
    return Path(shutil.copytree(whole, folder / name))


def saved_bpe(folder):
    return copy_of("bpe", folder, lambda path: byte_level().save(path))


def saved_classification(folder):
    return copy_of("classifier", folder, lambda path: asked().save(path))


def saved_pruned(folder):
    def write(path):
        bertology.save_pruned(of_library(), path)

    return copy_of("pruned", folder, write)


def saved_glue(folder):
    def write(path):
        model_of_words("BertForSequenceClassification").save_pretrained(path)
        bert_tokenizer().save_pretrained(path)

    return copy_of("glue", folder, write)


def roberta_tokenizer(folder):
    return copy_of("roberta", folder, train_roberta)


def train_roberta(path):
    return pretraining.train_tokenizer([TEXT] * 3, 300, path)


@functools.cache
def roberta():
    return train_roberta(Path(kept().name) / "tokenizer")


def paragraphs():
    return [f"{i}: {TEXT}" for i in range(200)]


def saved_corpus(folder):
    def write(path):
        pretraining.write_corpus("test", paragraphs(), roberta(), path)

    return copy_of("corpus", folder, write)


def saved_run(folder):
    """A folder with a checkpoint of RECIPE."""
    return copy_of("run", folder, save_checkpoint)


def save_checkpoint(path):
    model = pretraining.new_model(RECIPE)
    state = {"schedule": {"last_epoch": 1}}
    checkpoints.save_checkpoint(
        path, 1, model.state_dict(), {"moment": torch.ones(2)}, state, RECIPE, roberta()
    )


SMALL = dict(hidden_size=16, intermediate_size=16, row_length=64, steps=1, batch_size=2,
             vocab_size=300)  # fmt: skip


def finished_run(folder):
    """A folder with a run of one step, which can be published and started from."""
    def write(path):
        pretraining.pretrain(paragraphs(), path, profile="smoke", **SMALL)

    return copy_of("finished", folder, write)


def weights_folder(folder):
    return saved_run(folder) / "checkpoint-0000001"


def book(folder, text="One paragraph.\n\nAnd another one.\n", name="book.txt"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def chapter_file(name):
    def copied(folder):
        return Path(shutil.copy(history.CHAPTERS / name, folder / name))

    return copied


def bin_file(folder):
    path = folder / "train.bin"
    np.arange(64, dtype="<u2").tofile(path)
    return path


CONLLU = "\n".join("\t".join(fields) for fields in (
    "1 Dogs dog NOUN NNS _ 2 nsubj _ _".split(), "2 bark bark VERB VBP _ 0 root _ _".split(),
)) + "\n\n"  # fmt: skip


def with_text(text):
    """A call with the path of a file that holds a text."""
    return lambda folder: dict(path=book(folder, text))


def log_file(folder):
    return book(folder, "step,loss\n1,2.5\n2,2.25\n", "log.csv")


# --------------------------------------------------------------------------- the table
def rows_of_ids():
    generator = np.random.default_rng(0)
    return [generator.integers(5, V, 400) for _ in range(3)]


@functools.cache
def counted(kind):
    return kind.fit(rows_of_ids(), V)


@functools.cache
def tree():
    made = english.sentences(1, 0)[0]
    return words.Tree(made.tokens, made.upos, made.heads, made.deprels)


def corpus_rows():
    """Rows [L] of ids, as `Rows` reads them."""
    return list(np.arange(16 * i, 16 * i + 16, dtype=np.int64) % 250 for i in range(4))


def dataset():
    split = Dataset.from_dict({"sentence": SENTENCES, "label": LABELS})
    return DatasetDict(train=split, validation=split, test=split)


@functools.cache
def arcs():
    weights = torch.full((L, H, len(tree().tokens), len(tree().tokens)), 0.1)
    return relations.find_arcs([weights], [tree()])


PARAMETERS = {  # name -> a good value, in an empty folder
    **dict.fromkeys(
        ["text", "sentence", "wikitext", "source", "paragraph", "document"], lambda _: TEXT
    ),
    **dict.fromkeys(
        ["texts", "sentences", "paragraphs", "documents", "corpus", "titles"],
        lambda _: list(SENTENCES),
    ),
    "word": lambda _: "house",
    "words": lambda _: ["house", "garden", "tree"],
    "tokens": lambda _: [f"t{i}" for i in range(T)],
    "letter": lambda _: "a",
    "character": lambda _: "a",
    "context": lambda _: "th",
    "name": lambda _: "bert-base-uncased",
    "pair": lambda _: "And a second one.",
    "pairs": lambda _: [],
    "sequence": lambda _: list("abab"),
    **dict.fromkeys(
        ["input_ids", "source_ids", "target_ids", "corrupted", "corrupted_ids"],
        lambda _: ids(),
    ),
    "ids": lambda _: [5, 6, 7],
    "token_type_ids": lambda _: torch.zeros(B, T, dtype=torch.long),
    "word_ids": lambda _: [None, 0, 1, 1, None],
    "special_ids": lambda _: [0, 1, 2],
    "hidden_ids": lambda _: [4],
    "labels": lambda _: list(LABELS),
    "predictions": lambda _: [1, 1, 0, 1],
    "next_sentence_labels": lambda _: torch.tensor([0, 1]),
    "rows": lambda _: rows_of_ids(),
    "visits": lambda _: [0, 1],
    "contexts": lambda _: torch.tensor([1, 2, 0]),
    "centres": lambda _: torch.tensor([0, 1, 2]),
    "attention_mask": lambda _: ones(B, T),
    "memory_mask": lambda _: ones(B, 1, 1, T).bool(),
    "key_padding_mask": lambda _: ones(B, T),
    "head_mask": lambda _: torch.ones(L, H),
    "inputs": lambda _: inputs(),
    "path": lambda folder: book(folder),
    "file": lambda folder: book(folder),
    "folder": lambda folder: folder / "new",
    "out": lambda folder: folder / "new",
    "run": finished_run,
    "vocabulary": lambda _: ["[UNK]", "[CLS]", "[SEP]", "a", "b", "##b"],
    "merges": lambda _: list(MERGES),
    "special_tokens": lambda _: ["<s>", "<mask>"],
    "pieces": lambda _: list("abab"),
    "phenomena": lambda _: ["a", "b", "a", "b"],
    "places": lambda _: [0, 1],
    "heads": lambda _: [(0, 1), (1, 0)],
    "dataset": lambda _: dataset(),
}
OTHERS = {  # what has no kind of its own
    "tokenizer": bert_tokenizer,
    "config": lambda: transformer_of_course().config,
    "hidden_states": hidden,
    "memory": hidden,
    "alt": lambda: "What it shows.",
    "generator": lambda: torch.Generator().manual_seed(0),
    "recipe": lambda: RECIPE,
    "vocab_size": lambda: V,
    "pad_id": lambda: 0,
    "mask_id": lambda: 4,
    "window": lambda: 2,
    "order": lambda: 1,
    "number": lambda: 4,
    "seed": lambda: 0,
    "target": lambda: 1,
    "max_length": lambda: 8,
}
OBJECTS = {  # what a method is called on
    "attention.MultiHeadAttention": lambda: transformer_of_course().encoder.layers[0].attention,
    "bert.BertEmbeddings": lambda: of_course().embeddings,
    "bert.Bert": of_course,
    "bert.MaskedLMHead": lambda: of_course(bert.BertForMaskedLM).mlm_head,
    "bert.BertForMaskedLM": lambda: of_course(bert.BertForMaskedLM),
    "bert.BertForPreTraining": lambda: of_course(bert.BertForPreTraining),
    "bert.BertForSequenceClassification": lambda: of_course(bert.BertForSequenceClassification),
    "bertology.patterns.HeadStatistics":
        lambda: bertology.patterns.HeadStatistics(bert_tokenizer()),
    "bertology.patterns.HeadDistances": bertology.patterns.HeadDistances,
    "finetuning.classifier.AcceptabilityClassifier": asked,
    "history.LetterModel": lambda: history.LetterModel("the cat and the hat", 2),
    "ngrams.Neighbours": lambda: counted(ngrams.Bigram),
    "pretraining.objective.MaskedOnly":
        lambda: pretraining.MaskedOnly(new_model()),
    "sequence_task.Tagger": tagger,
    "tokenization.bpe.ByteLevelBPE": byte_level,
    "tokenization.wordpiece.WordPiece": word_piece,
    "transformer.EncoderLayer": lambda: transformer_of_course().encoder.layers[0],
    "transformer.DecoderLayer": lambda: transformer_of_course().decoder.layers[0],
    "transformer.Encoder": lambda: transformer_of_course().encoder,
    "transformer.Decoder": lambda: transformer_of_course().decoder,
    "transformer.Embeddings": lambda: transformer_of_course().embeddings,
    "transformer.Transformer": transformer_of_course,
}  # fmt: skip


@functools.cache
def new_model():
    return pretraining.new_model(RECIPE).eval()


def query():
    torch.manual_seed(0)
    return torch.randn(B, H, T, 8)


def classified(**more):
    """A classifier of V words and one sentence for it."""
    return lambda: dict(model=of_library(), tokenizer=bert_tokenizer(), **more)


def pair_of_sentences():
    return [bert_pair(*pair) for pair in zip(SENTENCES, SENTENCES[1:])]


def bert_pair(first, second):
    return pretraining_tasks.Pair(first, second, True)


def packed():
    """Rows [B, L] of two documents each."""
    return torch.tensor([[0, 5, 6, 2, 0, 7, 8, 2]] * B)


BOOL = ones(B, 1, 1, T).bool()

CALLS = {
    "attention.scaled_dot_product_attention": lambda: dict(
        query=query(), key=query(), value=query(), attention_mask=BOOL.clone()),
    "attention.MultiHeadAttention.forward": lambda: dict(attention_mask=BOOL.clone()),
    "bert.MaskedLMHead.forward": lambda: dict(
        embedding=of_course().embeddings.word.weight, labels=ids()),
    "bert.BertForMaskedLM.forward": lambda: dict(labels=ids()),
    "bert.BertForPreTraining.forward": lambda: dict(labels=ids()),
    "bert.BertForSequenceClassification.forward": lambda: dict(labels=torch.tensor([0, 1])),
    "bert.load_bert": lambda: dict(name="all-MiniLM-L6-v2"),
    "bertology.attribution.integrated_gradients": classified(steps=2, baseline="zero"),
    "bertology.attribution.gradient_times_input": classified(),
    "bertology.attribution.gradient_norm": classified(),
    "bertology.attribution.occlusion": classified(by="zero"),
    "bertology.attribution.permute_attention": lambda: dict(
        model=of_library(), permutations=3, rows="cls"),
    "bertology.attribution.uniform_attention": lambda: dict(model=of_library(), rows="cls"),
    "bertology.bertviz_views.bertviz_head_view": lambda: dict(
        attentions=attentions_of_one(), heads=[0, 1]),
    "bertology.bertviz_views.bertviz_model_view": lambda: dict(attentions=attentions_of_one()),
    "bertology.bertviz_views.bertviz_neuron_view": lambda: dict(
        model=model_of_words("BertModel"), sentence="The cats sleep.", layer=0, head=0),
    "bertology.capturing.capture": lambda: dict(model=of_library()),
    "bertology.code_structure.parse_function": lambda: dict(
        source="def f(x):\n    return x + 1\n", name="f"),
    "bertology.glue.PairExamples": lambda: dict(
        texts=[SENTENCES, SENTENCES], labels=list(LABELS), max_length=16),
    "bertology.glue.PairExamples.batch": lambda: dict(
        self=glue.PairExamples(bert_tokenizer(), [SENTENCES, SENTENCES], LABELS, 16)),
    "bertology.glue.load_classifier": lambda folder: dict(
        name=saved_glue(folder), task=glue.TASKS["cola"]),
    "bertology.heads.call": lambda: dict(model=of_library()),
    "bertology.importance.head_importance": lambda: dict(
        model=of_library(), examples=[(inputs(2), torch.tensor([0, 1]))]),
    "bertology.importance.cross_entropy": lambda: dict(
        logits=torch.zeros(2, 2), labels=torch.tensor([0, 1])),
    "bertology.importance.predictions": lambda: dict(
        model=of_library(), examples=[(inputs(2), torch.tensor([0, 1]))]),
    "bertology.masking.mask_heads": lambda: dict(model=of_library()),
    "bertology.masking.mask_without": lambda: dict(adapter_or_model=of_library()),
    "bertology.patterns.head_entropy": lambda: dict(attentions=attentions()),
    "bertology.patterns.attention_to": lambda: dict(
        kind="cls", attentions=attentions(), places={"cls": ids() == 5}),
    "bertology.patterns.HeadStatistics.update": lambda: dict(attentions=attentions()),
    "bertology.patterns.head_statistics": lambda: dict(model=model_of_words()),
    "bertology.patterns.attention_rollout": lambda: dict(attentions=attentions()),
    "bertology.patterns.HeadDistances.update": lambda: dict(attentions=attentions()),
    "bertology.patterns.head_distances": lambda: dict(attentions=attentions()),
    "bertology.patterns.check_attentions": lambda: dict(attentions=attentions()),
    "bertology.probes.tree_distances": lambda: dict(heads=[2, 0, 2]),
    "bertology.pruning.prune_heads": lambda: dict(
        model=copy.deepcopy(of_library()), heads={0: [1], 1: [0]}, check_on=inputs()),
    "bertology.pruning.save_pruned": lambda: dict(model=of_library()),
    "bertology.pruning.load_pruned": lambda folder: dict(folder=saved_pruned(folder)),
    "bertology.probes.ControlLabels": lambda: dict(words=["a", "b", "a", "c"]),
    "bertology.relations.of_relation": lambda: dict(arcs=arcs(), name="nsubj"),
    "bertology.views.head_view": lambda: dict(attentions=attentions_of_one()),
    "bertology.views.model_view": lambda: dict(attentions=attentions_of_one()),
    "bertology.words.read_trees": lambda: dict(rows=[row_of_treebank()]),
    "bertology.words.to_words": lambda: dict(attention=attentions()[0]),
    "bertology.words.read_words": lambda: dict(
        model=model_of_words(), sentences=[["The", "cats", "sleep"]]),
    "bertology.words.encode_words": lambda: dict(sentences=[["The", "cats", "sleep"]]),
    "english.drawing.known": lambda: dict(
        chosen=["a", "b"], phenomena=["a", "b", "c"]),
    "english.acceptability": lambda: dict(
        train=4, validation=2, test=2, phenomena=list(english.CORE[:2])),
    "english.minimal_pairs": lambda: dict(number=4, phenomena=list(english.CORE[:2])),
    "spanish.minimal_pairs": lambda: dict(number=4, phenomena=list(spanish.PHENOMENA)[:2]),
    "finetuning.examples.Examples.batch": lambda: dict(self=examples()),
    "finetuning.classifier.AcceptabilityClassifier.learn_phenomena": lambda: dict(
        self=another_classifier(), phenomena=["a", "b", "a", "b"]),
    "finetuning.classifier.AcceptabilityClassifier.predict": lambda: dict(text=SENTENCES[0]),
    "finetuning.classifier.AcceptabilityClassifier.load": lambda folder: dict(
        folder=saved_classification(folder)),
    "finetuning.metrics.interval": lambda: dict(runs=[LABELS, LABELS], resamples=3),
    "finetuning.metrics.sentence_losses": lambda: dict(probabilities=[0.1, 0.5, 0.9, 0.2]),
    "finetuning.models.start_from_probe": lambda: dict(
        model=finetuning.random_classifier(bert_config(), 0), pooled=np.eye(4, 16)),
    "finetuning.training.trainer": lambda: dict(
        model=model_of_words("BertForSequenceClassification"), train=examples(),
        learning_rate=1e-3, epochs=1),
    "history.load_timeline": lambda folder: dict(path=chapter_file("timeline.yml")(folder)),
    "history.transition_matrix": lambda: dict(states="ab"),
    "history.block_entropy": lambda: dict(length=2),
    "history.picture_of": lambda: dict(name="H"),
    "masked_lm.fill_mask": lambda: dict(model=model_of_words(), text="The [MASK] sleep."),
    "masked_lm.pseudo_log_likelihood": lambda: dict(model=model_of_words()),
    "masked_lm.nearest_words": lambda: dict(model=model_of_words()),
    "masked_lm.minimal_pair_accuracy": lambda: dict(
        score=lambda texts: np.arange(len(texts)), pairs=english.minimal_pairs(3, 0)),
    "masked_lm.logits_at": lambda: dict(
        model=of_library("BertForMaskedLM"), rows=torch.tensor([0, 1]),
        places=torch.tensor([1, 2])),
    "ngrams.Neighbours.probability": lambda: dict(words=np.array([5, 6, 7])),
    "ngrams.Neighbours.losses": lambda: dict(labels=ids()),
    "ngrams.Neighbours.loss": lambda: dict(labels=ids()),
    "ngrams.Unigram.fit": lambda: dict(cls=ngrams.Unigram),
    "ngrams.Bigram.fit": lambda: dict(cls=ngrams.Bigram),
    "ngrams.Bidirectional.fit": lambda: dict(cls=ngrams.Bidirectional, held_out=2),
    "parity.relative_differences": lambda: dict(
        theirs=torch.sin, ours=torch.sin, inputs=[torch.randn(3)]),
    "pretraining.checkpoints.save_checkpoint": lambda: dict(
        step=1, weights=new_model().state_dict(), moments={}, state={}, tokenizer=roberta()),
    "pretraining.checkpoints.checkpoints": lambda folder: dict(folder=saved_run(folder)),
    "pretraining.checkpoints.load_checkpoint": lambda folder: dict(folder=saved_run(folder)),
    "pretraining.checkpoints.last_state": lambda folder: dict(folder=saved_run(folder)),
    "pretraining.corpus.open_text": lambda folder: dict(text=book(folder)),
    "pretraining.corpus.train_tokenizer": lambda: dict(vocab_size=300),
    "pretraining.corpus.load_tokenizer": lambda folder: dict(
        folder=roberta_tokenizer(folder), vocab_size=300),
    "pretraining.corpus.write_corpus": lambda: dict(
        name="test", documents=paragraphs(), tokenizer=roberta()),
    "pretraining.corpus.read_corpus": lambda folder: dict(folder=saved_corpus(folder)),
    "pretraining.corpus.make_room": lambda: dict(files=("train.bin",)),
    "pretraining.corpus.Rows": lambda folder: dict(
        path=bin_file(folder), dtype="<u2", length=16),
    "pretraining.engine.pretrain": lambda folder: dict(
        text=paragraphs()[:100], out=folder / "new", profile="smoke", changes=SMALL,
        tokenizer=roberta_tokenizer(folder),
        start_from=finished_run(folder) / "checkpoint-0000001"),
    "pretraining.engine.take_weights": lambda folder: dict(
        model=new_model(), folder=weights_folder(folder)),
    "pretraining.engine.read_log": lambda folder: dict(path=log_file(folder)),
    "pretraining.objective.MaskedOnly.forward": lambda: dict(
        input_ids=packed(), labels=packed()),
    "pretraining.order.masked_rows": lambda: dict(rows=corpus_rows()),
    "pretraining.order.held_out_rows": lambda: dict(rows=corpus_rows(), places=[0, 1]),
    "pretraining.packing.document_numbers": lambda: dict(input_ids=packed()),
    "pretraining.packing.row_positions": lambda: dict(input_ids=packed()),
    "pretraining.packing.document_mask": lambda: dict(input_ids=packed()),
    "pretraining.publish.publish": lambda: dict(command="python -m utils.pretraining"),
    "pretraining_tasks.corruption_report": lambda: dict(labels=ids()),
    "pretraining_tasks.masked_lm_loss": lambda: dict(
        logits=torch.zeros(B, T, V), labels=ids()),
    "pretraining_tasks.next_sentence_pairs": lambda: dict(
        documents=[SENTENCES[:2], SENTENCES[2:], ["A.", "B.", "C."]], number=2),
    "pretraining_tasks.encode_pairs": lambda: dict(
        pairs=pair_of_sentences(), tokenizer=word_piece()),
    "retrieval.load_evaluation": lambda folder: dict(
        path=chapter_file("evaluation.yml")(folder)),
    "retrieval.encode": lambda: dict(encoder=model_of_words("BertModel")),
    "retrieval.search": lambda: dict(scores=[0.1, 0.3, 0.2, 0.0]),
    "scale.load_models": lambda folder: dict(path=chapter_file("models.yml")(folder)),
    "sequence_task.average_attention": lambda: dict(model=tagger(), inputs=(ids(),)),
    "sequence_task.teacher_forcing": lambda: dict(labels=ids()),
    "show.quote": lambda: dict(value=1),
    "skipgram.word_ids": lambda: dict(sentences=[s.split() for s in SENTENCES]),
    "skipgram.pair_ids": lambda: dict(
        sentences=[s.split() for s in SENTENCES],
        vocabulary=skipgram.word_ids([s.split() for s in SENTENCES])),
    "skipgram.softmax_gradients": lambda: dict(
        input_vectors=torch.ones(4, 3), output_vectors=torch.ones(4, 3)),
    "skipgram.negative_sampling_gradients": lambda: dict(
        input_vectors=torch.ones(4, 3), output_vectors=torch.ones(4, 3),
        negatives=torch.tensor([[0, 1]] * 3)),
    "skipgram.train_skipgram": lambda: dict(
        sentences=[s.split() for s in SENTENCES], steps=1, negatives=0),
    "sources.load_encoder": lambda: dict(name="all-MiniLM-L6-v2"),
    "sources.load_masked_lm": lambda: dict(name="kantai-mini"),
    "sources.load_text": lambda: dict(name="wikipedia"),
    "sources.load_dataset": lambda: dict(name="cola"),
    "sources.formats.read_sums": with_text("0" * 64 + "  file\n"),
    "sources.formats.read_acceptability": with_text("sentence\tlabel\nIt rains.\t1\n"),
    "sources.formats.read_conllu": with_text(CONLLU),
    "sources.formats.read_book": lambda folder: dict(path=book(folder), title="A book"),
    "sources.formats.read_word_pairs": with_text("cat\tdog\t7.5\n"),
    "sources.formats.read_analogies": with_text(": capitals\nParis France Rome Italy\n"),
    "sources.wikitext.plain_text": lambda: dict(wikitext=WIKITEXT),
    "sources.wikitext.prose": lambda: dict(wikitext=WIKITEXT, min_words=2),
    "tokenization.bpe.merge_pair": lambda: dict(
        pieces=list("abab"), pair=("a", "b"), joined="ab"),
    "tokenization.bpe.train_naive": lambda: dict(words={"ab": 3}, number_of_merges=1),
    "tokenization.bpe.train": lambda: dict(words={"ab": 3}, number_of_merges=1),
    "tokenization.bpe.ByteLevelBPE": lambda: dict(
        special_tokens=["<s>", "<mask>"], takes_space=["<mask>"],
        vocabulary=merged().vocabulary),
    "tokenization.bpe.ByteLevelBPE.train": lambda: dict(
        vocab_size=270, special_tokens=["<s>", "<mask>"]),
    "tokenization.bpe.ByteLevelBPE.load": lambda folder: dict(folder=saved_bpe(folder)),
    "tokenization.wordpiece.read_vocabulary": lambda: dict(unknown="[UNK]"),
    "tokenization.wordpiece.normalize_character": lambda: dict(
        lowercase=True, strip_accents=True),
    "transformer.EncoderLayer.forward": lambda: dict(attention_mask=BOOL.clone()),
    "transformer.DecoderLayer.forward": lambda: dict(attention_mask=BOOL.clone()),
    "transformer.Encoder.forward": lambda: dict(attention_mask=BOOL.clone()),
    "transformer.Decoder.forward": lambda: dict(attention_mask=BOOL.clone()),
    "transformer.greedy_decode": lambda: dict(model=transformer_of_course()),
    "transformer.beam_decode": lambda: dict(model=transformer_of_course(), num_beams=2),
}  # fmt: skip


def another_classifier():
    """A classifier that may learn other phenomena without changing `asked()`."""
    return finetuning.AcceptabilityClassifier(asked().model, bert_tokenizer())


def row_of_treebank():
    return {"tokens": list(tree().tokens), "upos": list(tree().upos),
            "head": list(tree().heads), "deprel": list(tree().deprels)}  # fmt: skip
