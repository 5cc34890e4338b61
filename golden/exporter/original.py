"""The original's model as its checkpoint brings it, and its prompt. Needs what the checkpoint's code imports."""

from __future__ import annotations

import sys
from contextlib import contextmanager


def load(checkpoint, dtype, device, torch, transformers, quantisation=None, adapter=None):
    """The tokenizer and the model, which runs the checkpoint's own code, over unpacked and adapted weights."""
    options = {"trust_remote_code": True, "local_files_only": True}
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint, **options)
    config = transformers.AutoConfig.from_pretrained(checkpoint, **options)
    # Quirk: unless told, the original chooses its precision by the machine. Flash attention shows no probabilities.
    config.use_flash_attn = False
    config.bf16, config.fp16, config.fp32 = dtype == "bfloat16", False, dtype != "bfloat16"
    if quantisation and hasattr(config, "quantization_config"):
        del config.quantization_config  # for which transformers would take the packed layers' own code
    # Float64 begins as float32: log-n factors are made on loading, and those of the original are float32.
    made = torch.bfloat16 if dtype == "bfloat16" else torch.float32
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, config=config, torch_dtype=made, **options)
    if quantisation:
        from exporter.gptq import unpack_into

        unpack_into(model, checkpoint, quantisation)
    model = model.eval().to(device=device, dtype=getattr(torch, dtype))
    if adapter:
        from exporter.adapter import put_on

        put_on(model, adapter)
    return tokenizer, model


def tokenize(tokenizer, model, text, system):
    """The whole prompt of a question, or for the base model of a text to continue, and its ids."""
    generation = getattr(model, "generation_config", None)
    return sys.modules[type(model).__module__].make_context(
        tokenizer,
        text,
        system=system,
        max_window_size=getattr(generation, "max_window_size", 6144),
        chat_format=getattr(generation, "chat_format", "raw"),
    )


def prompt_text(prompt, pictures):
    """The prompt with its pictures before it, as the original's from_list_format writes them, but without their paths.

    A path in the prompt must be short, in Unicode's composed form and free of tags; `pictures_from` needs none.
    """
    return "".join(f"Picture {i}: <img></img>\n" for i in range(1, len(pictures) + 1)) + prompt


@contextmanager
def pictures_from(model, pictures):
    """While it lasts, the first pictures that the original reads are these files, whatever the prompt calls them."""
    visual = model.get_submodule("transformer.visual")
    encode = visual.encode
    visual.encode = lambda names: encode([*pictures, *names[len(pictures) :]])
    try:
        yield
    finally:
        del visual.encode
