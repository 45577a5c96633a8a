"""What kind of music is playing: an ear, a card, a model, and a listener that makes up its mind."""
