"""A narrow net's weights in a wider net of the same plan, which then says the same and has room to learn more.

After Chen et al., "Net2Net: Accelerating Learning via Knowledge Transfer" (ICLR 2016), but for the new units: they keep
the weights they were born with, and nobody listens to them before it has learnt to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

Parts = Sequence[tuple[int, int]]  # how many of a dimension's units belong together, narrow and wide, in order


@torch.no_grad()
def widen_net(weights: Mapping[str, Tensor], net: nn.Module, inputs: Mapping[str, Parts] | None = None) -> int:
    """Write into `net` what fits of `weights`, those of a net of its plan, perhaps a narrower one; how many arrays did.

    inputs: by name, of arrays whose inputs are made of several parts.
    """
    gates = {
        name: 4 * [(weights[f"{name}.weight_hh_l0"].shape[1], module.hidden_size)]
        for name, module in net.named_modules()
        if isinstance(module, nn.LSTM) and f"{name}.weight_hh_l0" in weights
    }
    n_taken = 0
    for name, target in net.state_dict().items():
        outputs = gates.get(name.partition(".")[0])
        n_taken += name in weights and widen(weights[name], target, outputs, (inputs or {}).get(name))
    return n_taken


def widen(narrow: Tensor, wide: Tensor, outputs: Parts | None = None, inputs: Parts | None = None) -> bool:
    """Write `narrow` into `wide` in place; False, and nothing is written, where `wide` has fewer units somewhere, or a
    kernel of another size.

    outputs, inputs: of dimensions 0 and 1, where they are made of several parts that have grown each for itself.
    """
    if narrow.dim() != wide.dim() or narrow.shape[2:] != wide.shape[2:]:
        return False
    if any(old > new for old, new in zip(narrow.shape, wide.shape, strict=True)):
        return False
    at = [torch.arange(size) for size in narrow.shape]
    for dimension, parts in ((0, outputs), (1, inputs)):
        if parts is not None:
            at[dimension] = _places(parts)
    if narrow.dim() > 1:
        new_inputs = torch.ones(wide.shape[1], dtype=torch.bool)
        new_inputs[at[1]] = False
        wide[at[0][:, None], new_inputs.nonzero()[:, 0]] = 0.0
    wide[torch.meshgrid(*at, indexing="ij") if at else ...] = narrow
    return True


def _places(parts: Parts) -> Tensor:
    places, first = [], 0
    for n_narrow, n_wide in parts:
        places.append(first + torch.arange(n_narrow))
        first += n_wide
    return torch.cat(places)
