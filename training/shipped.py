"""A model of notes that the engine runs, `notes` or `notes_file`, as the checkpoint a run may begin with: `start_from`
may name its .onnx file.

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
from .nets.notes_file import NotesFileNet
from .nets.notes_step import unfold, without_norms


def checkpoint_of(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, as far as another run begins with it and tells of it: weights, kind, knobs, its past;
    and `model`, the papers of the material it was made from.

    ValueError where `path` is no `notes` or `notes_file` of ours with its card and its golden frames.
    """
    try:
        card = read_card(path)
        if card.kind not in _NETS:
            raise ValueError(
                f"{path} is a model of the kind {card.kind!r}; a run can begin with one of {', '.join(_NETS)}"
            )
        with np.load(path.with_suffix(".npz")) as golden:
            features = torch.from_numpy(golden["features"].astype(np.float32)[None])
        net = _NETS[card.kind](onnx.load(path).graph, card)
        settle(net, features)
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
    state = net.initial_state(len(features)) if hasattr(net, "initial_state") else ()
    with torch.no_grad():
        net.eval()(features, *state)
        for hook in hooks:
            hook.remove()
        for norm in norms:
            var, mean = torch.var_mean(heard[norm], dim=(0, 2, 3), correction=0)
            gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            norm.bias.add_(gain * (mean - norm.running_mean))
            norm.weight.copy_(gain * torch.sqrt(var + norm.eps))
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(var)


def _streaming(graph: onnx.GraphProto, card: Card) -> NotesNet:
    """OneStep keeps its weights by name; those of its LSTM stand as ONNX has them."""
    weights = _arrays(graph)
    (lstm,) = [node for node in graph.node if node.op_type == "LSTM"]
    weights |= {f"memory.{name}": value for name, value in _lstm(lstm, weights).items()}
    net = NotesNet(**_sizes(weights, len(card.look_ahead_frames)), look_ahead_frames=card.look_ahead_frames)
    unfold(weights, net)
    return net


def _whole(graph: onnx.GraphProto, card: Card) -> NotesFileNet:
    """The exporter gives most weights new names, but names every operation after the module it was."""
    arrays = _arrays(graph)
    weights = {name.removeprefix("net."): value for name, value in arrays.items() if name.startswith("net.")}
    for node in graph.node:
        given = [arrays[name] for name in node.input if name in arrays]
        if not given or node.op_type == "Identity":
            continue
        module, operation = node.name.replace("/conv/", ".conv/").split("/")[-2:]
        if operation == "LSTM":
            weights |= {f"{module}.{name}": value for name, value in _lstm(node, arrays).items()}
        elif operation == "Conv":
            norm = module.replace("conv", "norm").replace(".0", ".1")  # itself, where none was folded into it
            weights |= {f"{module}.weight": given[0], f"{norm}.bias": given[1]}
        elif operation == "MatMul":
            weights[f"{module}.weight"] = given[0].T
        elif module == "net":
            weights[{"Mul": "band_gain", "Mul_1": "register_gain", "Add": "register"}[operation]] = given[0]
    n_heard = [len(weights[f"{name}.weight_hh_l0"].T) for name in ("before", "after")]
    n_each = [len(weights[f"{name}.bias"]) for name in ("bands.norm", "halves.norm", "narrow", "pitches.norm")]
    net = NotesFileNet(*n_each, *n_heard)
    without_norms(net)
    net.load_state_dict(net.state_dict() | weights)
    return net


_NETS = {"notes": _streaming, "notes_file": _whole}


def _arrays(graph: onnx.GraphProto) -> dict[str, Tensor]:
    arrays = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
    for node in graph.node:  # the exporter writes equal arrays once
        if node.op_type == "Identity" and node.input[0] in arrays:
            arrays[node.output[0]] = arrays[node.input[0]]
    return arrays


def _lstm(node: onnx.NodeProto, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    """By PyTorch's names, its gates in PyTorch's order."""
    weight_ih, weight_hh, biases = (arrays[name][0] for name in node.input[1:4])
    bias_ih, bias_hh = biases.chunk(2)
    parts = {"weight_ih_l0": weight_ih, "weight_hh_l0": weight_hh, "bias_ih_l0": bias_ih, "bias_hh_l0": bias_hh}
    return {name: _gates_in_order(value) for name, value in parts.items()}


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
