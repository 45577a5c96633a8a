"""How a genre listener is made of one's own recordings: read, compared, split, heard, learnt, measured, exported."""
