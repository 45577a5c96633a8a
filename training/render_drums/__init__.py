"""Drum takes (MIDI or made up) on sampled and made-up kits, alone or under a band, written as features and labels."""
