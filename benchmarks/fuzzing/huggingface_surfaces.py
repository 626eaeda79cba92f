"""Hugging Face directories."""

import os
import struct

from fuzzing import model_surfaces
from fuzzing.mutations import mutate_bytes, mutate_json, mutate_text
from fuzzing.surface import Surface, copy_tree, flags_of, get, get_json, put

KIND = "convert_checkpoint"
_TEXTS = ["bert", "roberta", "gelu", "gelu_new", "absolute", "relative_key", "F32", "float16"]
_KEYS = {
    "num_labels": 3,
    "id2label": {"0": "a"},
    "quantization_config": {"load_in_8bit": True, "quant_method": "bitsandbytes"},
    "torch_dtype": "float16",
    "auto_map": {"AutoModel": "modeling.Evil"},
    "is_decoder": True,
    "add_cross_attention": True,
    "pruned_heads": {"0": [0]},
    "problem_type": "x",
    "attn_implementation": "flash_attention_2",
    "layer_norm_eps": 1e-5,
    "chunk_size_feed_forward": 3,
    "use_cache": "yes",
    "architectures": ["BertModel"],
    "tie_word_embeddings": False,
    "transformers_version": "9",
}


def prepare(seeds):
    """Directories with every form of weights, made of the checkpoints of prediction_runs."""
    from fuzzing import worker

    model_surfaces.prepare_model(seeds)
    vocabulary, config = (os.path.join(seeds, name) for name in ("vocab.txt", "config.json"))
    for name, target in (("hf", "hf"), ("bin", os.path.join("bin", "pytorch_model.bin"))):
        flags = flags_of(
            tf_checkpoint_path=os.path.join(seeds, "whole"),
            config_file=config,
            vocab_file=vocabulary,
            pytorch_dump_path=os.path.join(seeds, target),
        )
        code, _, err = worker.run_main(KIND, flags)
        assert code == 0, err
        del name


def _imported(folder):
    return flags_of(
        from_pytorch=os.path.join(folder, "hf"), tf_dump_path=os.path.join(folder, "tf", "x")
    )


def _config(rng, seeds, folder):
    out = copy_tree(os.path.join(seeds, "hf"), os.path.join(folder, "hf"))
    path = os.path.join(out, "config.json")
    values = get_json(path)
    if rng.random() < 0.5:
        key = rng.choice(sorted(_KEYS))
        values[key] = _KEYS[key]
    put(path, mutate_json(rng, values, _TEXTS))
    return _imported(folder)


def _safetensors(rng, seeds, folder):
    out = copy_tree(os.path.join(seeds, "hf"), os.path.join(folder, "hf"))
    path = os.path.join(out, "model.safetensors")
    content = get(path)
    (length,) = struct.unpack("<Q", content[:8])
    header, tensors = content[8 : 8 + length], content[8 + length :]
    if rng.random() < 0.6:
        import json

        header = mutate_json(rng, json.loads(header.decode("utf-8")), _TEXTS)
        length = len(header)
        if rng.random() < 0.1:
            length = rng.choice([0, 1, length + 1, 2**31, 2**63, 2**64 - 1])
        content = struct.pack("<Q", length) + header + tensors
    else:
        content = mutate_bytes(rng, content)
    put(path, content)
    return _imported(folder)


def _state_dict(rng, seeds, folder):
    out = copy_tree(os.path.join(seeds, "bin"), os.path.join(folder, "hf"))
    path = os.path.join(out, "pytorch_model.bin")
    kind = rng.randrange(4)
    put(path, _other_pickle(rng) if kind == 0 else mutate_bytes(rng, get(path)))
    return _imported(folder)


def _other_pickle(rng):
    """A file of torch.save that is no table of float tensors."""
    import io

    import torch

    things = [
        [torch.zeros(2)],
        {"a": 1},
        {1: torch.zeros(2)},
        {"bert.embeddings.word_embeddings.weight": torch.zeros(2, 2).to_sparse()},
        {"bert.embeddings.word_embeddings.weight": torch.zeros(2, 2, dtype=torch.complex64)},
        {"bert.embeddings.word_embeddings.weight": torch.zeros(3, 16, dtype=torch.bfloat16)},
        {"bert.embeddings.word_embeddings.weight": torch.zeros(3, 16, dtype=torch.int8)},
        {"bert.embeddings.word_embeddings.weight": torch.empty(3, 16, device="meta")},
        {"bert.embeddings.word_embeddings.weight": torch.zeros(())},
        {"bert.embeddings.word_embeddings.weight": torch.zeros(0, 16)},
        {},
        None,
        "text",
    ]
    written = io.BytesIO()
    torch.save(rng.choice(things), written)
    return written.getvalue()


def _weight_index(rng, seeds, folder):
    """A directory with weights in several files and an index."""
    import json

    out = copy_tree(os.path.join(seeds, "hf"), os.path.join(folder, "hf"))
    content = get(os.path.join(out, "model.safetensors"))
    (length,) = struct.unpack("<Q", content[:8])
    names = [n for n in json.loads(content[8 : 8 + length].decode("utf-8")) if n != "__metadata__"]
    os.rename(os.path.join(out, "model.safetensors"), os.path.join(out, "part.safetensors"))
    index = {"metadata": {"total_size": 9}, "weight_map": dict.fromkeys(names, "part.safetensors")}
    path = os.path.join(out, "model.safetensors.index.json")
    put(path, mutate_json(rng, index, ["part.safetensors", "vocab.txt", "config.json", ".."]))
    return _imported(folder)


def _vocabulary(rng, seeds, folder):
    content = mutate_text(rng, get(os.path.join(seeds, "vocab.txt")))
    return flags_of(
        tf_checkpoint_path=os.path.join(seeds, "whole"),
        config_file=os.path.join(seeds, "config.json"),
        vocab_file=put(os.path.join(folder, "v"), content),
        pytorch_dump_path=os.path.join(folder, "out"),
    )


def _task(rng, seeds, folder):
    model = copy_tree(os.path.join(seeds, "tuned"), os.path.join(folder, "m"))
    path = os.path.join(model, "task.json")
    put(path, mutate_json(rng, get_json(path), ["classification"]))
    return flags_of(
        tf_checkpoint_path=model,
        config_file=os.path.join(seeds, "config.json"),
        vocab_file=os.path.join(seeds, "vocab.txt"),
        pytorch_dump_path=os.path.join(folder, "out"),
    )


SURFACES = [
    Surface("config.json (Hugging Face)", KIND, 5, _config),
    Surface("safetensors", KIND, 5, _safetensors),
    Surface("weight index", KIND, 2, _weight_index),
    Surface("pytorch_model.bin", KIND, 3, _state_dict),
    Surface("vocabulary (convert)", KIND, 2, _vocabulary),
    Surface("task.json (convert)", KIND, 1, _task),
]
