"""Networks: steps from day one, state in and state out; many frames in training, one live, the same forward."""
