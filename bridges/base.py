"""The contract lives in engine.bridge."""

from engine.bridge import Bridge, BridgeError, SessionInfo

__all__ = ["Bridge", "BridgeError", "SessionInfo"]
