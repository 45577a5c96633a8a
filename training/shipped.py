"""A `notes` model that the engine runs, as the checkpoint a run may begin with: `start_from` may name its .onnx file.

What was folded for the engine is unfolded: every batch norm that had been worked into the weights before it is there
again, and does to the model's golden frames what it should have done had it learnt on them, so that a run that goes on
in training finds itself where the model was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from engine.models.card import Card, ModelError, read_card

from .nets.notes import NotesNet
from .nets.notes_step import unfold


def checkpoint_of(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, as far as another run begins with it and tells of it: weights, kind, knobs, its past;
    and `model`, the papers of the material it was made from.

    ValueError where `path` is no `notes` of ours with its card and its golden frames.
    """
    try:
        card = read_card(path)
        if card.kind != "notes" or not card.states:
            raise ValueError(f"{path} is a model of the kind {card.kind!r}; a run can begin with a streaming 'notes'")
        weights = _weights(path)
        net = NotesNet(**_sizes(weights, len(card.look_ahead_frames)), look_ahead_frames=card.look_ahead_frames)
        unfold(weights, net)
        with np.load(path.with_suffix(".npz")) as golden:
            settle(net, torch.from_numpy(golden["features"].astype(np.float32)[None]))
    except (OSError, ModelError, KeyError, RuntimeError) as error:
        raise ValueError(f"a run cannot begin with {path}: {error}") from error
    run = card.training
    return {
        "averaged": net.state_dict(),
        "kind": card.kind,
        "knobs": {"start_from": "", **run.get("knobs", {})},
        "step": run.get("steps", 0),
        "seconds": 3600.0 * run.get("hours", 0.0),
        "earlier": run.get("earlier", {}),
        "model": papers_of(card),
    }


def papers_of(card: Card) -> dict[str, Any]:
    """What whoever learns on from a model has to say of it."""
    run = card.training
    return {
        "name": card.name,
        "sha256": card.sha256,
        "commercial_use": run.get("commercial_use", False),
        "data": run.get("data", []),
        "held_out_instruments": run.get("held_out_instruments", []),
        "remarks": run.get("remarks", ""),
    }


def settle(net: nn.Module, features: Tensor) -> None:
    """Let every batch norm of `net` expect what it hears of `features` [1, frames, ...], and say what it said."""
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    heard: dict[nn.Module, Tensor] = {}
    hooks = [norm.register_forward_pre_hook(lambda norm, given: heard.update({norm: given[0]})) for norm in norms]
    with torch.no_grad():
        net.eval()(features, *net.initial_state(len(features)))
        for hook in hooks:
            hook.remove()
        for norm in norms:
            var, mean = torch.var_mean(heard[norm], dim=(0, 2, 3), correction=0)
            gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            norm.bias.add_(gain * (mean - norm.running_mean))
            norm.weight.copy_(gain * torch.sqrt(var + norm.eps))
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(var)


def _weights(path: Path) -> dict[str, Tensor]:
    """By the names that OneStep gave them; those of its LSTM as PyTorch has them."""
    graph = onnx.load(path).graph
    arrays = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
    (lstm,) = [node for node in graph.node if node.op_type == "LSTM"]
    weight_ih, weight_hh, biases = (arrays[name][0] for name in lstm.input[1:4])
    bias_ih, bias_hh = biases.chunk(2)
    memory = {"weight_ih_l0": weight_ih, "weight_hh_l0": weight_hh, "bias_ih_l0": bias_ih, "bias_hh_l0": bias_hh}
    return arrays | {f"memory.{name}": _gates_in_order(value) for name, value in memory.items()}


def _gates_in_order(weight: Tensor) -> Tensor:
    """ONNX has input, output, forget, cell; PyTorch input, forget, cell, output."""
    to_input, to_output, to_forget, to_cell = weight.chunk(4)
    return torch.cat([to_input, to_forget, to_cell, to_output])


def _sizes(weights: dict[str, Tensor], n_rows: int) -> dict[str, int]:
    """As NotesNet has them."""
    return {
        "n_first": len(weights["bands_bias"]),
        "n_second": len(weights["halves_bias"]),
        "n_narrow": len(weights["narrow_rivals_bias"]),
        "n_pitch": len(weights["pitches_bias"]),
        "n_hidden": weights["memory.weight_hh_l0"].shape[1],
        "n_known": len(weights["known_bias"]),
        "n_row": len(weights["look_now_bias"]) // n_rows,
    }
