"""What an artist's gestures are learnt from: sessions, the columns made of them, simulated performers, scores."""
