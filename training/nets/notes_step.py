"""One step of `NotesNet` as the engine runs it: the same answers from fewer and larger operations.

What the net does at each of 88 pitches is written as products of two matrices, a row for every pitch: a third of the
nodes, no change of layout between them, and all pitches of all streams in one product. Batch norms are folded into
the weights before them, and convolutions over past frames see those frames side by side. What lies off the grid is a
row of zeros behind the last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .gather import N_PITCHES
from .notes import HEADS, N_BANDS, PARTIALS, RIVALS, NotesNet

N_HALVES = N_BANDS // 2  # bands of the second convolution, one to the semitone
AROUND = (-1, 0, 1)


class OneStep(nn.Module):
    """features [streams, 2, 196] and the state -> activations, 0 to 1 (onset, frame, offset, velocity, each [streams,
    rows, 88], pedal [streams, rows]), and the new state.
    """

    state_names = NotesNet.state_names
    streams_axes = {"hidden": 1, "cell": 1}  # of the state, where it is not the first

    def __init__(self, net: NotesNet) -> None:
        super().__init__()
        self.sizes, self.n_past, self.n_rows = net.sizes, net.n_past, len(net.look_ahead_frames)
        self.memory = net.memory
        keep = self._keep
        keep("bands", *_over_frames(*_folded(net.bands.conv, net.bands.norm)))
        weight, bias = _over_frames(*_folded(net.halves.conv, net.halves.norm))
        keep("halves", F.pad(weight, (1, 0)), bias)  # one band less below than above; ONNX pads alike from PyTorch
        keep("narrow", _rows(net.narrow.weight), net.narrow.bias * net.band_gain[:, 0].T, net.band_gain[:, 0].T)
        weight, bias = _folded(*net.gather)
        gain, register = net.register_gain[:, 0].T, net.register[:, 0].T
        keep("gather", _rows(weight), bias * gain + register, gain)
        weight, bias = _folded(net.pitches.conv, net.pitches.norm)
        keep("pitches", weight.permute(3, 2, 1, 0).flatten(0, 2), bias)  # pitch, frame, channel
        keep("narrow_rivals", _rows(net.narrow_rivals.weight), net.narrow_rivals.bias)
        keep("rivals", *_joined(net.rivals))
        keep("narrow_heard", net.narrow_heard.weight.T, net.narrow_heard.bias)
        keep("heard", *_joined(net.heard))
        parts = (net.known_now, net.known_from_memory, net.known_of_rivals)
        keep("known", torch.cat([part.weight for part in parts], dim=1).T, net.known_now.bias)
        keep("pedal", net.pedal.weight.T / N_PITCHES, net.pedal.bias)  # of the sum over pitches
        self._keep_answers(net)
        self.register_buffer("partials", _rows_at(PARTIALS, N_HALVES))
        self.register_buffer("rivals", _rows_at(RIVALS, N_PITCHES))
        self.register_buffer("around", _rows_at(AROUND, N_PITCHES))

    def _keep(self, name: str, weight: Tensor, bias: Tensor, gain: Tensor | None = None) -> None:
        for part, value in {"weight": weight, "bias": bias, "gain": gain}.items():
            if value is not None:
                self.register_buffer(f"{name}_{part}", value.detach().clone().contiguous())

    def _keep_answers(self, net: NotesNet) -> None:
        """All operating points at once: what one of them does not look at has no weight."""
        n_known, n_row = net.look_back[0].in_channels, net.look_back[0].out_channels
        look_back = net.known_now.weight.new_zeros(self.n_past + 1, n_known, self.n_rows, n_row)
        answers = look_back.new_zeros(self.n_rows, n_row, len(HEADS), self.n_rows)
        for row, (back, answer) in enumerate(zip(net.look_back, net.answers, strict=True)):
            n_frames = back.kernel_size[0]
            look_back[-n_frames:, :, row] = back.weight[..., 0].permute(2, 1, 0)
            answers[row, :, :, row] = answer.weight[:, :, 0, 0].T
        bias = torch.cat([back.bias for back in net.look_back])
        self._keep("look_back", look_back[:-1].reshape(self.n_past * n_known, -1), bias)
        self._keep("look_now", look_back[-1].reshape(n_known, -1), bias)
        bias = torch.stack([answer.bias for answer in net.answers], dim=1)
        self._keep("answers", answers.reshape(self.n_rows * n_row, -1), bias.flatten())

    def initial_state(self, streams: int) -> tuple[Tensor, ...]:
        n_first, _, _, n_pitch, n_hidden, n_known = self.sizes
        zeros = self.pedal_bias.new_zeros
        return (
            zeros(streams, 4, N_BANDS),
            zeros(streams, n_first, N_BANDS),
            zeros(streams, N_PITCHES, 2 * n_pitch),
            zeros(1, streams * N_PITCHES, n_hidden),
            zeros(1, streams * N_PITCHES, n_hidden),
            zeros(streams, N_PITCHES, self.n_past * n_known),
        )

    def forward(
        self,
        features: Tensor,
        bands: Tensor,
        halves: Tensor,
        pitches: Tensor,
        hidden: Tensor,
        cell: Tensor,
        known: Tensor,
    ) -> tuple[Tensor, ...]:
        _, _, n_narrow, n_pitch, _, n_known = self.sizes
        x = torch.cat([bands, features], dim=1)
        bands = x[:, 2:]
        x = F.relu(F.conv1d(x, self.bands_weight, self.bands_bias, padding=2))
        halves, x = x, torch.cat([halves, x], dim=1)
        x = F.relu(F.conv1d(x, self.halves_weight, self.halves_bias, padding=2, stride=2))
        x = x.transpose(1, 2) @ self.narrow_weight * self.narrow_gain + self.narrow_bias
        x = self._gathered(x, "partials", PARTIALS) @ self.gather_weight
        x = F.relu(x.view(-1, N_PITCHES, n_pitch) * self.gather_gain + self.gather_bias)
        seen = torch.cat([pitches, x], dim=2)
        pitches = seen[:, :, n_pitch:]
        y = F.relu(self._weighed("pitches", self._gathered(seen, "around", AROUND)))
        x = x.reshape(-1, n_pitch) + y  # from here on [streams * 88, ..]
        y = self._weighed("narrow_rivals", x).view(-1, N_PITCHES, n_narrow)
        x = x + F.relu(self._weighed("rivals", self._gathered(y, "rivals", RIVALS)))
        y, (hidden, cell) = self.memory(x[None], (hidden, cell))
        y = y[0]
        z = self._weighed("narrow_heard", y).view(-1, N_PITCHES, n_narrow)
        z = F.relu(self._weighed("heard", self._gathered(z, "rivals", RIVALS)))
        now = F.relu(self._weighed("known", torch.cat([x, y, z], dim=1)))
        of_pitches = now.view(-1, N_PITCHES, n_known)
        pedal = self._weighed("pedal", of_pitches.sum(dim=1)).sigmoid()
        x = self._weighed("look_now", now)
        x = F.relu(torch.addmm(x, known.view(-1, self.n_past * n_known), self.look_back_weight))
        known = torch.cat([known[:, :, n_known:], of_pitches], dim=2)
        x = self._weighed("answers", x).sigmoid().view(-1, N_PITCHES, len(HEADS) * self.n_rows)
        answers = x.transpose(1, 2).split(self.n_rows, dim=1)
        return *answers, pedal, bands, halves, pitches, hidden, cell, known

    def _weighed(self, name: str, x: Tensor) -> Tensor:
        return torch.addmm(getattr(self, f"{name}_bias"), x, getattr(self, f"{name}_weight"))

    def _gathered(self, x: Tensor, name: str, steps: Sequence[int]) -> Tensor:
        """[streams, columns, channels] -> [streams * 88, len(steps) * channels], zero off the grid."""
        found = F.pad(x, (0, 0, 0, 1)).index_select(1, getattr(self, name))
        return found.reshape(-1, len(steps) * x.shape[2])


def unfold(step: Mapping[str, Tensor], net: NotesNet) -> None:
    """Write into `net` what `OneStep` of such a net keeps, by name: `net` then says the same. Its batch norms have
    nothing to do."""
    n_first, _, _, n_pitch, n_hidden, n_known = net.sizes
    n_rows = len(net.look_ahead_frames)
    without_norms(net)

    def put(target: Tensor, value: Tensor) -> None:
        with torch.no_grad():
            target.copy_(value.reshape(target.shape))

    def put_rows(conv: nn.Conv2d, name: str) -> None:
        put(conv.weight, step[f"{name}_weight"].T)

    put(net.bands.conv.weight, step["bands_weight"].unflatten(1, (-1, 2)).transpose(1, 2))
    put(net.bands.norm.bias, step["bands_bias"])
    put(net.halves.conv.weight, step["halves_weight"][:, :, 1:].unflatten(1, (-1, n_first)).transpose(1, 2))
    put(net.halves.norm.bias, step["halves_bias"])
    put_rows(net.narrow, "narrow")
    gain = step["narrow_gain"]
    put(net.band_gain, gain.T)
    put(net.narrow.bias, (step["narrow_bias"] * gain).sum(dim=0) / gain.square().sum(dim=0))
    put_rows(net.gather[0], "gather")
    put(net.register, step["gather_bias"].T)
    put(net.register_gain, step["gather_gain"].T)
    put(net.pitches.conv.weight, step["pitches_weight"].unflatten(0, (len(AROUND), -1, n_pitch)).permute(3, 2, 1, 0))
    put(net.pitches.norm.bias, step["pitches_bias"])
    for name, conv, bias in (
        ("narrow_rivals", net.narrow_rivals, net.narrow_rivals.bias),
        ("rivals", net.rivals[0], net.rivals[1].bias),
        ("narrow_heard", net.narrow_heard, net.narrow_heard.bias),
        ("heard", net.heard[0], net.heard[1].bias),
    ):
        put_rows(conv, name)
        put(bias, step[f"{name}_bias"])
    for name, weight in net.memory.named_parameters():
        put(weight, step[f"memory.{name}"])
    parts = step["known_weight"].T.split([n_pitch, n_hidden, n_pitch], dim=1)
    for part, weight in zip((net.known_now, net.known_from_memory, net.known_of_rivals), parts, strict=True):
        put(part.weight, weight)
    put(net.known_now.bias, step["known_bias"])
    put(net.pedal.weight, step["pedal_weight"].T * N_PITCHES)
    put(net.pedal.bias, step["pedal_bias"])
    back = torch.cat([step["look_back_weight"], step["look_now_weight"]]).unflatten(0, (net.n_past + 1, n_known))
    back, answers = back.unflatten(2, (n_rows, -1)), step["answers_weight"].unflatten(0, (n_rows, -1))
    answers = answers.unflatten(2, (len(HEADS), n_rows))
    biases = step["look_now_bias"].view(n_rows, -1), step["answers_bias"].view(len(HEADS), n_rows).T
    for row, (look_back, answer) in enumerate(zip(net.look_back, net.answers, strict=True)):
        put(look_back.weight, back[-look_back.kernel_size[0] :, :, row].permute(2, 1, 0))
        put(look_back.bias, biases[0][row])
        put(answer.weight, answers[row, :, :, row].T)
        put(answer.bias, biases[1][row])


def without_norms(net: nn.Module) -> None:
    """Let every batch norm of `net` change nothing: what it did has been folded into the weights before it."""
    for norm in (module for module in net.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.reset_parameters()
        norm.running_var.fill_(1.0 - norm.eps)


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution that does what the two do one after the other."""
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return conv.weight * gain[:, None, None, None], norm.bias - norm.running_mean * gain


def _over_frames(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """[out, in, frames, bands] -> [out, frames * in, bands]: past frames are further channels, the oldest first."""
    return weight.transpose(1, 2).flatten(1, 2), bias


def _rows(weight: Tensor) -> Tensor:
    """Of a convolution of one cell, [out, in, 1, 1] -> [in, out]."""
    return weight[:, :, 0, 0].T


def _joined(joined: nn.Sequential) -> tuple[Tensor, Tensor]:
    weight, bias = _folded(*joined)
    return _rows(weight), bias


def _rows_at(steps: Sequence[int], n_columns: int) -> Tensor:
    """For each pitch the columns `steps` semitones away; n_columns, which holds zeros, for those off the grid."""
    columns = torch.arange(N_PITCHES)[:, None] + torch.tensor(steps)
    return torch.where((columns >= 0) & (columns < n_columns), columns, n_columns).flatten()
