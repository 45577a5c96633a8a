"""The nets: a window of frames in, logits of the classes out. Small, and causal: a window ends now.

Each takes a window apart into level and shape first and throws the level away: a fader changes no genre. What is left
is measured by the mean and deviation of the training set, which travel with the weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.features.perceptual import N_MELS
from engine.genre.ear import FRAME_RATE_HZ, N_VECTOR, VECTOR_NAMES

DEPTH_DB = 60.0  # below the mean power of a window, nothing is heard
DB_PER_NEPER = 10.0 / math.log(10.0)  # of power
LEVELS = {"mfcc20_0": math.sqrt(N_MELS), "rms_db": 1.0, "harmonic_db": 1.0, "percussive_db": 1.0}  # a dB adds so much


def mean_power_db(x: Tensor) -> Tensor:
    """Of dB [batch, frames, bands]: [batch, 1, 1]."""
    return DB_PER_NEPER * (x / DB_PER_NEPER).exp().mean(dim=(1, 2), keepdim=True).log()


class Levelled(nn.Module):
    """dB [batch, frames, bands] less the mean power of the whole window, from -DEPTH_DB; measured band by band."""

    def __init__(self, n_bands: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_bands))
        self.register_buffer("deviation", torch.ones(n_bands))

    def shape(self, x: Tensor) -> Tensor:
        return (x - mean_power_db(x)).clamp(min=-DEPTH_DB)

    def fit(self, windows: Tensor) -> None:
        shapes = self.shape(windows).flatten(0, 1)
        self.mean.copy_(shapes.mean(dim=0))
        self.deviation.copy_(shapes.std(dim=0).clamp(min=1e-3))

    def forward(self, x: Tensor) -> Tensor:
        return (self.shape(x) - self.mean) / self.deviation


class LevelledVector(Levelled):
    """The same for the vector: only what counts in dB has a level."""

    def __init__(self) -> None:
        super().__init__(N_VECTOR)
        per_db = torch.tensor([LEVELS.get(name, 0.0) for name in VECTOR_NAMES])
        self.register_buffer("per_db", per_db, persistent=False)
        self.register_buffer("least", torch.where(per_db > 0, -DEPTH_DB * per_db, -math.inf), persistent=False)
        self.rms_at = VECTOR_NAMES.index("rms_db")

    def shape(self, x: Tensor) -> Tensor:
        level = mean_power_db(x[..., self.rms_at : self.rms_at + 1])
        return torch.maximum(x - level * self.per_db, self.least)


class Cnn(nn.Module):
    """Convolutions over the log-mel spectrum, as if it were a picture whose right edge is now."""

    inputs = ("logmel",)
    strides = (2, 2, 2, 1)  # in time; in pitch, each layer halves

    def __init__(self, n_classes: int, channels: Sequence[int] = (16, 24, 32, 48), dropout: float = 0.4) -> None:
        super().__init__()
        self.front = Levelled(N_MELS)
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, (3, 5), stride=(stride, 2))
            for before, after, stride in zip((1, *channels), channels, self.strides, strict=False)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(4, n) for n in channels)
        n_bands = N_MELS // 2 ** len(channels)
        self.joined = nn.Linear(channels[-1] * n_bands, 64)
        self.dropout = nn.Dropout(dropout)
        self.answer = nn.Linear(2 * 64, n_classes)

    def forward(self, logmel: Tensor, vector: Tensor) -> Tensor:
        x = self.front(logmel)[:, None]  # [batch, 1, frames, bands]
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = F.relu(norm(layer(F.pad(x, (2, 2, 2, 0)))))  # the past alone is padded
        x = F.relu(self.joined(x.transpose(1, 2).flatten(2)))
        return self.answer(self.dropout(torch.cat((x.mean(dim=1), x.amax(dim=1)), dim=-1)))


class Lstm(nn.Module):
    """A memory that reads the vector frame by frame; asked at the end, and on average on the way there."""

    inputs = ("vector",)

    def __init__(self, n_classes: int, hidden: int = 64, step_frames: int = 3, dropout: float = 0.4) -> None:
        super().__init__()
        self.step_frames = step_frames  # so many frames are read at a time: a window is long
        self.front = LevelledVector()
        self.reading = nn.Linear(step_frames * N_VECTOR, hidden)
        self.memory = nn.LSTM(hidden, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.answer = nn.Linear(2 * hidden, n_classes)

    def forward(self, logmel: Tensor, vector: Tensor) -> Tensor:
        x = self.front(vector)
        n_steps = x.shape[1] // self.step_frames
        x = x[:, -n_steps * self.step_frames :].reshape(x.shape[0], n_steps, self.step_frames * N_VECTOR)
        x, _ = self.memory(self.dropout(F.relu(self.reading(x))))
        return self.answer(self.dropout(torch.cat((x[:, -1], x.mean(dim=1)), dim=-1)))


class Statistics(nn.Module):
    """A window as one point: mean, deviation and change of all it holds, and how fast its bands pulse.

    The oldest way, and hard to beat on little data (Tzanetakis and Cook, Musical genre classification of audio
    signals, 2002); the pulses are a modulation spectrum (after Lidy and Rauber's rhythm patterns, 2005).
    """

    inputs = ("logmel", "vector")
    n_wide = 8  # bands whose pulse is felt

    def __init__(self, n_classes: int, window_frames: int, hidden: int = 96, dropout: float = 0.5) -> None:
        super().__init__()
        self.logmel, self.vector = Levelled(N_MELS), LevelledVector()
        pulses_hz = 0.5 * 2.0 ** (np.arange(17) / 4.0)  # 30 to 480 a minute
        turns = 2.0 * np.pi * pulses_hz / FRAME_RATE_HZ * np.arange(window_frames)[:, None]
        window = np.hanning(window_frames)[:, None]
        waves = np.concatenate([window * np.cos(turns), window * np.sin(turns)], axis=1) / window_frames
        self.register_buffer("waves", torch.from_numpy(waves.astype(np.float32)), persistent=False)
        n_points = 3 * (N_MELS + N_VECTOR) + self.n_wide * len(pulses_hz)
        self.point = nn.Sequential(nn.Dropout(0.2), nn.Linear(n_points, hidden), nn.ReLU(), nn.Dropout(dropout))
        self.answer = nn.Linear(hidden, n_classes)
        self.straight = nn.Linear(n_points, n_classes)

    def forward(self, logmel: Tensor, vector: Tensor) -> Tensor:
        bands = self.logmel(logmel)
        x = torch.cat((bands, self.vector(vector)), dim=-1)
        mean = x.mean(dim=1)
        deviation = ((x - mean[:, None]).square().mean(dim=1) + 1e-4).sqrt()
        change = (x[:, 1:] - x[:, :-1]).abs().mean(dim=1)
        wide = bands.reshape(*bands.shape[:2], self.n_wide, -1).mean(dim=-1)
        swings = torch.matmul((wide - wide.mean(dim=1, keepdim=True)).transpose(1, 2), self.waves)
        cosine, sine = swings.chunk(2, dim=-1)
        pulse = 4.0 * (cosine.square() + sine.square() + 1e-6).sqrt().flatten(1)
        point = torch.cat((mean, deviation, change, pulse), dim=-1)
        return self.answer(self.point(point)) + self.straight(point)


NETS = {"cnn": Cnn, "lstm": Lstm, "statistics": Statistics}


def make_net(name: str, n_classes: int, window_frames: int) -> nn.Module:
    sizes = {"window_frames": window_frames} if name == "statistics" else {}
    return NETS[name](n_classes, **sizes)


def fit_fronts(net: nn.Module, logmel: Tensor, vector: Tensor) -> None:
    """Measure the training set: windows [n, frames, N_MELS] and [n, frames, N_VECTOR]."""
    for front in net.modules():
        if isinstance(front, Levelled):
            front.fit(vector if isinstance(front, LevelledVector) else logmel)


class Calibrated(nn.Module):
    """Nets, each with its temperature, averaged, and the temperature of the whole: probabilities [batch, classes]."""

    def __init__(self, nets: dict[str, nn.Module], temperatures: dict[str, float], temperature: float) -> None:
        super().__init__()
        self.nets = nn.ModuleDict(nets)
        self.temperatures, self.temperature = temperatures, temperature
        self.inputs = tuple(n for n in ("logmel", "vector") if any(n in net.inputs for net in nets.values()))

    def forward(self, logmel: Tensor, vector: Tensor) -> Tensor:
        each = [(net(logmel, vector) / self.temperatures[name]).softmax(dim=-1) for name, net in self.nets.items()]
        mean = torch.stack(each).mean(dim=0)
        return (mean.clamp(min=1e-7).log() / self.temperature).softmax(dim=-1)
