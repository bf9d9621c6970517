"""The calculator against what the papers published."""

import pytest
import torch
import yaml
from transformers import BertConfig, GPT2Config, LlamaConfig

from utils import scale

MODELS = {model.name: model for model in scale.load_models()}


@pytest.mark.parametrize(
    "config, parameters",
    [
        (BertConfig(), 109_482_240),
        (BertConfig(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16,
                    intermediate_size=4096), 335_141_888),
        (GPT2Config(), 124_439_808),
        (GPT2Config(n_layer=48, n_embd=1600, n_head=25), 1_557_611_200),
        (GPT2Config(n_layer=96, n_embd=12288, n_head=96, n_positions=2048),
         174_604_259_328),
        (LlamaConfig(), 6_607_343_616),  # 6,738,415,616 with the output layer
    ],
    ids=["BERT-base", "BERT-large", "GPT-2", "GPT-2 XL", "GPT-3", "LLaMA 7B"],
)
def test_parameters_on_the_meta_device(config, parameters):
    assert scale.count_parameters(config) == parameters


# Brown et al. 2020, table 2.1: layers, hidden size, parameters in millions.
GPT3 = [(12, 768, 125), (24, 1024, 350), (24, 1536, 760), (24, 2048, 1300),
        (32, 2560, 2700), (32, 4096, 6700), (40, 5140, 13000), (96, 12288, 175000)]


@pytest.mark.parametrize("layers, size, millions", GPT3)
def test_the_estimate_of_parameters_is_within_3_percent_of_gpt3(layers, size, millions):
    estimate = scale.transformer_parameters(layers, size, 50_257)
    assert estimate / 1e6 == pytest.approx(millions, rel=0.03)


@pytest.mark.parametrize("name", ["BERT-base", "RoBERTa-large", "GPT-3 Small", "GPT-3 13B",
                                  "GPT-3 175B", "Chinchilla 70B", "Llama 3 405B"])
def test_6nd_is_within_3_percent_of_published_compute(name):
    assert MODELS[name].computed == pytest.approx(MODELS[name].flops, rel=0.03)


def test_where_6nd_does_not_hold():
    # Half of an encoder-decoder's parameters see a source token, half a target token.
    assert MODELS["T5-11B"].computed / MODELS["T5-11B"].flops == pytest.approx(2)
    # A mixture of experts computes with what a token passes through.
    experts = MODELS["DeepSeek-V3"]
    assert experts.computed == scale.training_flops(37e9, 14.8e12) < 6 * 671e9 * 14.8e12


def test_gpt3_takes_34_days_on_1024_a100():  # Narayanan et al. 2021, section 5.1
    flops = scale.training_flops(175e9, 300e9, recompute=True)
    assert round(scale.training_days(flops, 1024, 140e12)) == 34
    trillion = scale.training_flops(1e12, 450e9, recompute=True)
    assert scale.training_days(trillion, 3072, 163e12) == pytest.approx(84, rel=0.02)


def test_the_transformers_own_estimate():  # Vaswani et al. 2017: P100 at 9.5 TFLOPS
    for flops, days in ((3.3e18, 0.5), (2.3e19, 3.5)):
        assert scale.training_days(flops, 8, 9.5e12) == pytest.approx(days, rel=0.02)


@pytest.mark.parametrize("hours, mwh", [(82_432, 36), (135_168, 59), (530_432, 233),
                                        (1_022_362, 449)])
def test_the_energy_of_llama(hours, mwh):  # Touvron et al. 2023, table 15
    assert scale.energy_mwh(hours) == pytest.approx(mwh, abs=1)


def test_memory_of_training_and_of_the_cache():
    parts = scale.training_memory(1.5e9)
    assert sum(parts.values()) == 24e9  # Rajbhandari et al. 2019: GPT-2 needs 24 GB
    assert list(parts) == ["weights", "gradients", "optimizer states"]
    assert sum(scale.training_memory(1e9, "float32, Adam").values()) == 16e9
    assert scale.key_value_cache(1, 40, 40, 128) == 819_200  # Kwon et al. 2023: 800 KB
    assert scale.inference_memory(13e9) == 26e9
    assert scale.inference_memory(7e9, "int4") == 3.5e9


def test_the_recipe_counts_what_torch_allocates():
    layer = torch.nn.Linear(50, 40)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 50)).sum().backward()
    optimizer.step()
    states = [
        value for state in optimizer.state.values() for name, value in state.items()
        if name != "step"
    ]
    counted = {
        "weights": sum(p.nbytes for p in layer.parameters()),
        "gradients": sum(p.grad.nbytes for p in layer.parameters()),
        "optimizer states": sum(s.nbytes for s in states),
    }
    parameters = sum(p.numel() for p in layer.parameters())
    assert scale.training_memory(parameters, "float32, Adam") == counted


@pytest.mark.parametrize(
    "call",
    [
        lambda: scale.training_flops(0, 1),
        lambda: scale.training_flops(1, float("nan")),
        lambda: scale.training_days(1, 0, 1), lambda: scale.training_days(1, 1, 1, 1.2),
        lambda: scale.energy_mwh(-1), lambda: scale.transformer_parameters(0, 8),
        lambda: scale.training_memory(1, "magic"),
        lambda: scale.inference_memory(1, "int3"),
        lambda: scale.key_value_cache(0, 1, 1, 1),
    ],
)
def test_nonsense_is_refused(call):
    with pytest.raises(ValueError, match="must be positive|Unknown|at most 1"):
        call()


def test_the_table_has_a_ratio_where_there_is_a_published_number():
    table = scale.compute_table(MODELS.values())
    assert (table["6ND / published"].isna() == table["published"].isna()).all()
    assert table["source"].str.contains(r"\b20\d\d").all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"flops": "3.14e23"}, "flops is '3.14e23'"),
        ({"tokens": -1}, "tokens is -1"),
        ({"date": "2020"}, "not YYYY-MM"),
        ({"colour": "red"}, "expected the fields"),
    ],
)
def test_a_wrong_entry_is_refused(tmp_path, change, message):
    entry = {"name": "m", "date": "2020-05", "kind": "decoder", "parameters": 1.0,
             "tokens": 1.0, "source": "s 2020"}
    path = tmp_path / "models.yml"
    path.write_text(yaml.safe_dump([entry]))
    assert scale.load_models(path)[0].computed == 6
    path.write_text(yaml.safe_dump([entry | change]))
    with pytest.raises(scale.ModelsError, match=message):
        scale.load_models(path)
    del entry["source"]
    path.write_text(yaml.safe_dump([entry]))
    with pytest.raises(scale.ModelsError, match="entry 1: the field 'source'"):
        scale.load_models(path)
    for content, says in (("nothing", "list of entries"), ("- [", "is not YAML")):
        path.write_text(content)
        with pytest.raises(scale.ModelsError, match=f"models.yml: .*{says}"):
            scale.load_models(path)
