"""Offline: renders performances, trains the models in PyTorch and exports them to ONNX. Never imported while live."""
