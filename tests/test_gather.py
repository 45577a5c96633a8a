"""The gathering kernel says, forward and backward, what plain PyTorch says."""

import pytest
import torch

from training.nets.gather import N_PITCHES, gathered, plainly_gathered


@pytest.mark.parametrize("steps", [(-24, -12, 0, 12, 48), (0,), (3,), (-30, 60)])
@pytest.mark.parametrize("n_columns", [88, 98])
def test_kernel_and_plain_concatenation_agree(steps, n_columns):
    torch.manual_seed(0)
    x = torch.randn(2, 3, 5, n_columns).to(torch.bfloat16)
    by_kernel, plain = x.clone().requires_grad_(), x.float().requires_grad_()
    found, expected = gathered(by_kernel, steps), plainly_gathered(plain, steps)
    assert found.grad_fn.name().startswith("_Gathered") and found.shape == (2, 3 * len(steps), 5, N_PITCHES)
    assert torch.equal(found.float(), expected) and expected.abs().sum() > 0
    weights = torch.randn_like(expected).to(torch.bfloat16)
    found.backward(weights)
    expected.backward(weights.float())
    assert plain.grad.abs().sum() > 0
    assert torch.equal(by_kernel.grad, plain.grad.to(torch.bfloat16)), "summed in float32, rounded once"
