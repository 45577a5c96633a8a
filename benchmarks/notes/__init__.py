"""How well notes are heard: listening, matching, counting, disturbing, and the tables and the curve of it."""
