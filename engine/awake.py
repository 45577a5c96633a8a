"""A processor that does not fall into deep sleep between two blocks: who sleeps deep wakes late, and with empty caches.

The Linux kernel takes the longest bearable wake-up time, in microseconds, from whoever holds /dev/cpu_dma_latency open
(Documentation/power/pm_qos_interface.rst); it is forgotten when the file is closed, however the process ends.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOW_TO_ALLOW = (
    'put KERNEL=="cpu_dma_latency", GROUP="audio", MODE="0660" into /etc/udev/rules.d/99-cpu-dma-latency.rules, join '
    "the group audio, and start the machine anew"
)
DEVICE = Path("/dev/cpu_dma_latency")
_DRIVER = Path("/sys/devices/system/cpu/cpuidle/current_driver")
_BEARABLE_MICROSECONDS = 20  # halts that keep the caches; what is deeper takes 100 and more, and empties them


@contextmanager
def awake() -> Iterator[bool]:
    """Meanwhile, every processor of the machine; whether it was granted."""
    try:
        held = os.open(DEVICE, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        yield os.write(held, struct.pack("@i", _bearable_microseconds())) > 0
    finally:
        os.close(held)


def can_ask() -> bool:
    return DEVICE.exists()


def _bearable_microseconds() -> int:
    """A virtual machine that halts is woken when its host likes: there, not to halt at all."""
    is_virtual = _DRIVER.is_file() and _DRIVER.read_text().strip() == "haltpoll"
    return 0 if is_virtual else _BEARABLE_MICROSECONDS
